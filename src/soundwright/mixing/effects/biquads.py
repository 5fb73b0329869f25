"""Filters of second order, one behind the other.

Source: R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients". With a fixed Q each of its peak
and shelf filters turned round (gain -g) has the poles where the other has its zeros, so that one undoes the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra

with needs_extra("mix", "mixing"):
    from numba import njit

#: b0, b1, b2, a1, a2 of H(z) = (b0 + b1/z + b2/z^2) / (1 + a1/z + a2/z^2).
Section = tuple[float, float, float, float, float]
BUTTERWORTH = math.sqrt(0.5)  # the Q without overshoot

_SECTIONS = 3  # that the kernel runs side by side
_NOTHING: Section = (1.0, 0.0, 0.0, 0.0, 0.0)

#: A filter's frequency is at most this part of the sample rate: at half of it the formulae end.
_HIGHEST = 0.45


def peak(hz: float, gain_db: float, sample_rate: int, q: float = BUTTERWORTH) -> Section:
    """Raises or lowers what is around a frequency."""
    cos, alpha = _angle(hz, sample_rate, q)
    a = 10 ** (gain_db / 40)
    return _section((1 + alpha * a, -2 * cos, 1 - alpha * a), (1 + alpha / a, -2 * cos, 1 - alpha / a))


def low_shelf(hz: float, gain_db: float, sample_rate: int, q: float = BUTTERWORTH) -> Section:
    """Raises or lowers what is below a frequency; at it, by half as many dB."""
    return _shelf(hz, gain_db, sample_rate, q, 1.0)


def high_shelf(hz: float, gain_db: float, sample_rate: int, q: float = BUTTERWORTH) -> Section:
    """Raises or lowers what is above a frequency; at it, by half as many dB."""
    return _shelf(hz, gain_db, sample_rate, q, -1.0)


def low_pass(hz: float, sample_rate: int, q: float = BUTTERWORTH) -> Section:
    """Removes what is above a frequency, 12 dB per octave, 3 dB at it."""
    cos, alpha = _angle(hz, sample_rate, q)
    return _section(((1 - cos) / 2, 1 - cos, (1 - cos) / 2), (1 + alpha, -2 * cos, 1 - alpha))


def high_pass(hz: float, sample_rate: int, q: float = BUTTERWORTH) -> Section:
    """Removes what is below a frequency, 12 dB per octave, 3 dB at it."""
    cos, alpha = _angle(hz, sample_rate, q)
    return _section(((1 + cos) / 2, -1 - cos, (1 + cos) / 2), (1 + alpha, -2 * cos, 1 - alpha))


def filter_stereo(samples: NDArray[np.float64], sections: Sequence[Section]) -> NDArray[np.float64]:
    """Runs `[2, N]` through up to three sections, from silence.

    Raises:
        ValueError: there are more.
    """
    if len(sections) > _SECTIONS:
        raise ValueError(f"expected at most {_SECTIONS} sections, found {len(sections)}")
    padded = [*sections, *[_NOTHING] * (_SECTIONS - len(sections))]
    out = np.empty(samples.shape)
    _run(np.ascontiguousarray(samples), np.array(padded), out)
    return out


def _shelf(hz: float, gain_db: float, sample_rate: int, q: float, side: float) -> Section:
    cos, alpha = _angle(hz, sample_rate, q)
    a = 10 ** (gain_db / 40)
    slope = 2 * math.sqrt(a) * alpha
    # The high shelf is the low one with the sign of the cosine turned, and of both odd coefficients.
    c = side * cos
    numerator = (
        a * (a + 1 - (a - 1) * c + slope),
        side * 2 * a * (a - 1 - (a + 1) * c),
        a * (a + 1 - (a - 1) * c - slope),
    )
    denominator = (a + 1 + (a - 1) * c + slope, side * -2 * (a - 1 + (a + 1) * c), a + 1 + (a - 1) * c - slope)
    return _section(numerator, denominator)


def _angle(hz: float, sample_rate: int, q: float) -> tuple[float, float]:
    """Cosine of the angular frequency, and the cookbook's alpha."""
    angle = 2 * math.pi * min(hz, _HIGHEST * sample_rate) / sample_rate
    return math.cos(angle), math.sin(angle) / (2 * q)


def _section(numerator: tuple[float, float, float], denominator: tuple[float, float, float]) -> Section:
    b0, b1, b2 = (b / denominator[0] for b in numerator)
    return b0, b1, b2, denominator[1] / denominator[0], denominator[2] / denominator[0]


@njit(cache=True, error_model="numpy", nogil=True)
def _run(samples: NDArray[np.float64], sections: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Three sections in transposed direct form II, `[3, 5]`.

    A recursion waits for its own last sample. Here six run side by side, three sections of two channels, which takes
    half the time of one section after the other.
    """
    a0, a1, a2, a3, a4 = sections[0]
    b0, b1, b2, b3, b4 = sections[1]
    c0, c1, c2, c3, c4 = sections[2]
    state = np.zeros(12)
    for start in range(0, samples.shape[1], 512):
        l1, l2, l3, l4, l5, l6 = state[0], state[1], state[2], state[3], state[4], state[5]
        r1, r2, r3, r4, r5, r6 = state[6], state[7], state[8], state[9], state[10], state[11]
        for n in range(start, min(start + 512, samples.shape[1])):
            x, y = samples[0, n], samples[1, n]
            u, v = a0 * x + l1, a0 * y + r1
            l1, r1 = a1 * x - a3 * u + l2, a1 * y - a3 * v + r2
            l2, r2 = a2 * x - a4 * u, a2 * y - a4 * v
            x, y = b0 * u + l3, b0 * v + r3
            l3, r3 = b1 * u - b3 * x + l4, b1 * v - b3 * y + r4
            l4, r4 = b2 * u - b4 * x, b2 * v - b4 * y
            u, v = c0 * x + l5, c0 * y + r5
            l5, r5 = c1 * x - c3 * u + l6, c1 * y - c3 * v + r6
            l6, r6 = c2 * x - c4 * u, c2 * y - c4 * v
            out[0, n], out[1, n] = u, v
        state[0], state[1], state[2], state[3], state[4], state[5] = l1, l2, l3, l4, l5, l6
        state[6], state[7], state[8], state[9], state[10], state[11] = r1, r2, r3, r4, r5, r6
        # What rings into silence would end in subnormal numbers, which are slow.
        for k in range(12):
            if abs(state[k]) < 1e-60:
                state[k] = 0.0
