"""Compressor and expander: gain that follows the level, and its exact opposite.

Level -> static curve with a soft knee -> attack and release on the gain in dB, as recommended in Giannoulis, Massberg,
Reiss, "Digital dynamic range compressor design" (2012). All of it happens once per block of 0.7 ms, so there is no
logarithm per sample; between blocks the gain goes in a straight line.

The gain of a block follows from the blocks before it. So whoever has the compressor's input up to a block can compute
the gain of that block, and divide by it: the expander measures its own *output*, which is that input.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.runs.compiled import kernel

with needs_extra("mix", "mixing"):
    import numba  # noqa: F401

KNEE_DB = 6.0  # width of the bend at the threshold
LEVEL_S = 0.010  # time constant of the mean power
ATTACK_S, RELEASE_S = 0.010, 0.100  # time constants of the gain, towards less and towards more
MOST_DB = 24.0  # of gain change, so that an expander by mistake stays bearable
_BLOCK_S = 0.0007


def compress(
    samples: NDArray[np.float64], sample_rate: int, *, threshold_db: float, ratio: float
) -> NDArray[np.float64]:
    """Brings what is above the threshold nearer to it: `ratio` dB above become 1 dB. Both channels get the same gain.

    Args:
        samples: `[2, N]`.
        sample_rate: Hz.
        threshold_db: level of a sine, 0 dB being one of full scale in both channels.
        ratio: at least 1.
    """
    return _dynamics(samples, sample_rate, threshold_db, ratio, expands=False)


def expand(samples: NDArray[np.float64], sample_rate: int, *, threshold_db: float, ratio: float) -> NDArray[np.float64]:
    """Undoes `compress` of the same threshold and ratio: 1 dB above the threshold becomes `ratio` dB.

    Args and limits as there; at most 24 dB.
    """
    return _dynamics(samples, sample_rate, threshold_db, ratio, expands=True)


def static_gain_db(level_db: float, threshold_db: float, ratio: float) -> float:
    """The compressor's gain on a steady sine of this level."""
    return float(_curve(level_db, threshold_db, 1 / ratio - 1))


def _dynamics(
    samples: NDArray[np.float64], sample_rate: int, threshold_db: float, ratio: float, *, expands: bool
) -> NDArray[np.float64]:
    block = max(1, round(_BLOCK_S * sample_rate))
    keep = np.exp(-block / (np.array([LEVEL_S, ATTACK_S, RELEASE_S]) * sample_rate))
    out = np.empty(samples.shape)
    _run(np.ascontiguousarray(samples), out, block, keep, threshold_db, 1 / ratio - 1, expands)
    return out


@kernel
def _curve(level_db: float, threshold_db: float, slope: float) -> float:
    """The gain in dB: 0 below the knee, a parabola in it, the line of the ratio above."""
    over = level_db - threshold_db
    if over <= -KNEE_DB / 2:
        return 0.0
    if over < KNEE_DB / 2:
        return max(slope * (over + KNEE_DB / 2) ** 2 / (2 * KNEE_DB), -MOST_DB)
    return max(slope * over, -MOST_DB)


@kernel
def _run(
    samples: NDArray[np.float64],
    out: NDArray[np.float64],
    block: int,
    keep: NDArray[np.float64],
    threshold_db: float,
    slope: float,
    expands: bool,
) -> None:
    power = gain_db = 0.0
    gain = 1.0
    num_samples = samples.shape[1]
    for start in range(0, num_samples, block):
        end = min(start + block, num_samples)
        wanted_db = _curve(10 * math.log10(power + 1e-20), threshold_db, slope)
        kept = keep[1] if wanted_db < gain_db else keep[2]
        gain_db = wanted_db + kept * (gain_db - wanted_db)
        before, gain = gain, 10 ** (gain_db / 20)
        step = (gain - before) / block
        energy = 0.0
        if expands:
            for n in range(start, end):
                factor = before + step * (n - start + 1)
                left, right = samples[0, n] / factor, samples[1, n] / factor
                out[0, n], out[1, n] = left, right
                energy += left * left + right * right
        else:
            for n in range(start, end):
                factor = before + step * (n - start + 1)
                left, right = samples[0, n], samples[1, n]
                out[0, n], out[1, n] = left * factor, right * factor
                energy += left * left + right * right
        # A sine of amplitude 1 in both channels has energy 1 per sample: half a square in each.
        power = energy / (end - start) + keep[0] * (power - energy / (end - start))
