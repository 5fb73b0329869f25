"""The frequency bands that sound is looked at in, and what the linear tools do in each.

Fine bands are 25 Hz wide, above 420 Hz a twelfth of an octave: in one of them volume, pan and EQ are one complex factor
per channel, so what they do to sums over a fine band is a multiplication, and needs no audio. Coarse bands (50 Hz, then
a third of an octave) are what the model sees.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.instructions import Call
from soundwright.mixing.effects import biquads
from soundwright.mixing.effects.balance import FULL_DIFFERENCE_DB
from soundwright.mixing.effects.equalizer import sections
from soundwright.mixing.tools import fill

LOWEST_HZ, LINEAR_HZ, HIGHEST_HZ = 30.0, 420.0, 20_000.0
_WIDTH_HZ, _PER_OCTAVE = 25.0, 12


def _fine_edges() -> NDArray[np.float64]:
    linear = np.arange(LOWEST_HZ, LINEAR_HZ + _WIDTH_HZ / 2, _WIDTH_HZ)
    count = math.floor(_PER_OCTAVE * math.log2(HIGHEST_HZ / linear[-1]))
    return np.concatenate([linear, linear[-1] * 2 ** (np.arange(1, count + 1) / _PER_OCTAVE)])


#: `[F + 1]` Hz, and their centres `[F]`.
EDGES = _fine_edges()
CENTRES = np.sqrt(EDGES[:-1] * EDGES[1:])
NUM_FINE = len(CENTRES)
#: Where coarse bands begin: every second fine band, from 420 Hz on every fourth; and their centres.
_STARTS = np.concatenate([np.arange(0, 16, 2), np.arange(16, NUM_FINE, 4)])
NUM_BANDS = len(_STARTS)
BAND_CENTRES = np.sqrt(EDGES[_STARTS] * EDGES[np.append(_STARTS[1:], NUM_FINE)])

#: The tools that are one factor per frequency and channel.
LINEAR = ("change_volume", "apply_pan", "apply_eq", "apply_high_pass", "apply_low_pass")


def pool(fine: NDArray[Any], axis: int) -> NDArray[Any]:
    """Sums over fine bands along `axis` to sums over coarse bands."""
    return np.add.reduceat(fine, _STARTS, axis=axis)


def share_out(coarse: NDArray[Any], axis: int) -> NDArray[Any]:
    """Values of coarse bands along `axis`, each for all of its fine bands."""
    return np.repeat(coarse, np.diff(np.append(_STARTS, NUM_FINE)), axis=axis)


def bins_to_fine(num_bins: int, sample_rate: int) -> NDArray[np.int64]:
    """First bin of each fine band, and of what lies above, `[F + 1]`; `num_bins` reach from 0 to half the rate."""
    hz = np.arange(num_bins) * sample_rate / 2 / (num_bins - 1)
    return np.searchsorted(hz, EDGES)


def response(calls: Iterable[Call], sample_rate: int) -> NDArray[np.complex128]:
    """What calls of linear tools do, `[2, F]`: a factor per channel and fine band.

    Args:
        calls: of `LINEAR` tools.
        sample_rate: Hz.

    Raises:
        ValueError: a tool is not linear.
    """
    factor = np.ones((2, NUM_FINE), np.complex128)
    for call in calls:
        arguments = fill(call)
        if call.tool == "change_volume":
            factor *= 10 ** (arguments["db"] / 20)
        elif call.tool == "apply_pan":
            right = 10 ** (arguments["balance"] * FULL_DIFFERENCE_DB / 40)
            factor *= np.array([[1 / right], [right]])
        elif call.tool in LINEAR:
            factor *= _filter(call.tool, arguments, sample_rate)
        else:
            raise ValueError(f"{call.tool} is no factor per frequency")
    return factor


def _filter(tool: str, arguments: dict[str, float], sample_rate: int) -> NDArray[np.complex128]:
    """The response of a filter at the centres of fine bands, `[F]`."""
    # The bands of the EQ stand one behind the other, so each gain's response is kept by itself.
    parts = [_one_filter(tool, name, value, sample_rate) for name, value in arguments.items()]
    return np.asarray(np.prod(parts, axis=0))


@functools.lru_cache(maxsize=4096)
def _one_filter(tool: str, name: str, value: float, sample_rate: int) -> NDArray[np.complex128]:
    if tool == "apply_eq":
        gains = {"low_gain": 0.0, "mid_gain": 0.0, "high_gain": 0.0, name: value}
        parts = sections(**gains, sample_rate=sample_rate)
    else:
        shape = biquads.high_pass if tool == "apply_high_pass" else biquads.low_pass
        parts = [shape(value, sample_rate)]
    z = np.exp(-1j * np.minimum(2 * math.pi * CENTRES / sample_rate, math.pi))
    out = np.ones(NUM_FINE, np.complex128)
    for b0, b1, b2, a1, a2 in parts:
        out *= (b0 + b1 * z + b2 * z**2) / (1 + a1 * z + a2 * z**2)
    return out


@functools.cache
def eq_shapes(sample_rate: int) -> NDArray[np.float64]:
    """What 1 dB of volume, low, mid and high gain does to each coarse band, in dB, `[B, 4]` (measured at 6 dB)."""
    shapes = [np.ones(NUM_BANDS)]
    for name in ("low_gain", "mid_gain", "high_gain"):
        power = np.abs(response([Call("apply_eq", {name: 6.0})], sample_rate)[0]) ** 2
        counts = pool(np.ones(NUM_FINE), 0)
        shapes.append(10 * np.log10(pool(power, 0).astype(np.float64) / counts.astype(np.float64)) / 6)
    return np.stack(shapes, axis=1)
