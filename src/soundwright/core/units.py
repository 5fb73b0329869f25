"""Seconds, samples, frames and decibels: converted here and nowhere else, each with one named rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Levels below this are reported as this: the level of digital silence.
SILENCE_DB = -120.0


def samples_from_seconds(duration_s: float, sample_rate: int) -> int:
    """Number of samples in a duration, rounded to the nearest (halves up).

    >>> samples_from_seconds(0.25, 24_000)
    6000
    """
    return int(np.floor(duration_s * sample_rate + 0.5))


def seconds_from_samples(num_samples: int, sample_rate: int) -> float:
    """Duration in seconds of a number of samples."""
    return num_samples / sample_rate


def frames_from_samples(num_samples: int, hop: int) -> int:
    """Number of frames that cover a number of samples, rounded up: the last frame may be partly empty.

    >>> frames_from_samples(24_001, 320)
    76
    """
    return -(-num_samples // hop)


def amplitude_from_db(level_db: float) -> float:
    """Linear amplitude of a level in dB."""
    return float(10.0 ** (level_db / 20.0))


def db_from_amplitude(amplitude: ArrayLike) -> NDArray[np.float64]:
    """Level in dB of a linear amplitude (full scale 1.0 is 0 dB), not below `SILENCE_DB`."""
    floor = 10.0 ** (SILENCE_DB / 20.0)
    level_db: NDArray[np.float64] = 20.0 * np.log10(np.maximum(np.asarray(amplitude, dtype=np.float64), floor))
    return level_db
