"""Reverberation: a network of eight delays that feed each other, the same at any sample rate and in every run.

Source: J.-M. Jot and A. Chaigne, "Digital delay networks for designing artificial reverberators" (1991). The lines are
mixed by a Hadamard matrix, which keeps energy; a one-pole low pass in each line takes it away, high frequencies faster.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.mixing.effects import biquads
from soundwright.runs.compiled import kernel

with needs_extra("mix", "mixing"):
    import numba  # noqa: F401

DECAY_S, DECAY_HIGH_S = 1.4, 0.6  # -60 dB, at low and at the highest frequencies
#: Seconds, without common divisors, so that echoes fall between each other.
_DELAYS_S = (0.0297, 0.0371, 0.0411, 0.0437, 0.0533, 0.0617, 0.0683, 0.0797)
_LOWEST_HZ = 120.0  # the room answers to nothing below: no DC, no boom


def reverberate(samples: NDArray[np.float64], sample_rate: int, amount: float) -> NDArray[np.float64]:
    """Adds the sound of a room to `[2, N]`; the direct sound stays as it is, and the length too.

    Args:
        samples: stereo.
        sample_rate: Hz.
        amount: gain of the room; at 1 noise comes back from it as loud as it is.
    """
    return np.asarray(samples + amount * _level(sample_rate) * room(samples, sample_rate))


def room(samples: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """What comes back from the room alone, `[2, N]`, at a level that depends a little on the sample rate."""
    lengths = [max(1, round(seconds * sample_rate)) for seconds in _DELAYS_S]
    # Per pass of a line: gain at low frequencies, and the pole that makes it less at half the sample rate.
    gains = np.array([10 ** (-3 * seconds / DECAY_S) for seconds in _DELAYS_S])
    high = np.array([10 ** (-3 * seconds / DECAY_HIGH_S) for seconds in _DELAYS_S])
    poles = (1 - high / gains) / (1 + high / gains)
    out = np.empty(samples.shape)
    _run(np.ascontiguousarray(samples), np.array(lengths), gains * (1 - poles), poles, out)
    return biquads.filter_stereo(out, [biquads.high_pass(_LOWEST_HZ, sample_rate)])


@functools.cache
def _level(sample_rate: int) -> float:
    """The factor that gives the impulse response of the room energy 1 per channel."""
    impulse = np.zeros((2, math.ceil(2 * DECAY_S * sample_rate)))
    impulse[0, 0] = 1.0
    return float(1 / math.sqrt(np.sum(np.square(room(impulse, sample_rate)))))


@kernel
def _run(
    samples: NDArray[np.float64],
    lengths: NDArray[np.int64],
    gains: NDArray[np.float64],
    poles: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    lines = np.zeros((8, lengths.max()))
    at = np.zeros(8, np.int64)
    low = np.zeros(8)
    for n in range(samples.shape[1]):
        left, right = samples[0, n], samples[1, n]
        for k in range(8):
            value = gains[k] * lines[k, at[k]] + poles[k] * low[k]
            low[k] = value if abs(value) > 1e-60 else 0.0  # or a decay would end in subnormal numbers, which are slow
        a0, a1, a2, a3 = low[0] + low[4], low[1] + low[5], low[2] + low[6], low[3] + low[7]
        a4, a5, a6, a7 = low[0] - low[4], low[1] - low[5], low[2] - low[6], low[3] - low[7]
        out[0, n] = low[0] - low[2] + low[4] - low[6]
        out[1, n] = low[1] - low[3] + low[5] - low[7]
        b0, b1, b2, b3 = a0 + a2, a1 + a3, a0 - a2, a1 - a3
        b4, b5, b6, b7 = a4 + a6, a5 + a7, a4 - a6, a5 - a7
        scale = 0.35355339059327373  # 1 / sqrt(8)
        lines[0, at[0]] = scale * (b0 + b1) + left
        lines[1, at[1]] = scale * (b0 - b1) + right
        lines[2, at[2]] = scale * (b2 + b3) - left
        lines[3, at[3]] = scale * (b2 - b3) - right
        lines[4, at[4]] = scale * (b4 + b5) + left
        lines[5, at[5]] = scale * (b4 - b5) + right
        lines[6, at[6]] = scale * (b6 + b7) - left
        lines[7, at[7]] = scale * (b6 - b7) - right
        for k in range(8):
            at[k] = at[k] + 1 if at[k] + 1 < lengths[k] else 0
