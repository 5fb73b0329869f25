"""Tone: three bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.effects.biquads import Section, filter_stereo, high_shelf, low_shelf, peak

LOW_HZ, MID_HZ, HIGH_HZ = 200.0, 900.0, 4000.0


def sections(low_gain: float, mid_gain: float, high_gain: float, sample_rate: int) -> list[Section]:
    """The filters of the bands that are not at 0 dB."""
    bands = (
        (low_gain, low_shelf(LOW_HZ, low_gain, sample_rate)),
        (mid_gain, peak(MID_HZ, mid_gain, sample_rate)),
        (high_gain, high_shelf(HIGH_HZ, high_gain, sample_rate)),
    )
    return [section for gain, section in bands if gain]


def equalize(
    samples: NDArray[np.float64], sample_rate: int, *, low_gain: float, mid_gain: float, high_gain: float
) -> NDArray[np.float64]:
    """A shelf below 200 Hz, a peak at 900 Hz, a shelf above 4 kHz. The same with all gains negated undoes it exactly.

    Args:
        samples: `[2, N]`.
        sample_rate: Hz; a band above 0.45 of it is moved there.
        low_gain: dB.
        mid_gain: dB.
        high_gain: dB.
    """
    return filter_stereo(samples, sections(low_gain, mid_gain, high_gain, sample_rate))
