"""Filters of second order, one behind the other.

Source: R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients". With a fixed Q each of its peak
and shelf filters turned round (gain -g) has the poles where the other has its zeros, so that one undoes the other.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra

#: b0, b1, b2, a1, a2 of H(z) = (b0 + b1/z + b2/z^2) / (1 + a1/z + a2/z^2).
Section = tuple[float, float, float, float, float]
BUTTERWORTH = math.sqrt(0.5)  # the Q without overshoot

_SECTIONS = 3  # that the kernel runs side by side
_NOTHING: Section = (1.0, 0.0, 0.0, 0.0, 0.0)
_SILENCE = 1e-60  # what rings into silence would end in subnormal numbers, which are slow

#: Samples `[2, N]` after which the kernel, three times as fast as scipy, has made up for the second that numba takes
#: to load it; and how many were filtered so far.
_MANY = 1 << 26
_filtered = 0

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
    global _filtered
    if len(sections) > _SECTIONS:
        raise ValueError(f"expected at most {_SECTIONS} sections, found {len(sections)}")
    _filtered += samples.shape[1]
    # Both compute the same, in the same order.
    return (_compiled if "numba" in sys.modules or _filtered > _MANY else _by_scipy)(samples, sections)


def _by_scipy(samples: NDArray[np.float64], sections: Sequence[Section]) -> NDArray[np.float64]:
    with needs_extra("mix", "mixing"):
        from scipy.signal import sosfilt

    if not sections or not samples.shape[1]:
        return samples.copy()
    rows = np.array([(b0, b1, b2, 1.0, a1, a2) for b0, b1, b2, a1, a2 in sections])
    out: NDArray[np.float64] = sosfilt(rows, samples, axis=-1)
    out[np.abs(out) < _SILENCE] = 0.0
    return out


def _compiled(samples: NDArray[np.float64], sections: Sequence[Section]) -> NDArray[np.float64]:
    with needs_extra("mix", "mixing"):
        from soundwright.mixing.effects.biquad_kernel import run

    padded = [*sections, *[_NOTHING] * (_SECTIONS - len(sections))]
    out = np.empty(samples.shape)
    run(np.ascontiguousarray(samples), np.array(padded), out)
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
