"""How far two sounds are apart in their short-time spectra, at several resolutions.

Source: Yamamoto, Song, Kim, "Parallel WaveGAN" (2020): spectral convergence plus the mean difference of log magnitudes,
averaged over three window lengths. It hears level, tone and place (channels count one by one), and no phase.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import UsageError

_WINDOWS = (512, 1024, 2048)
_FLOOR = 1e-4  # of magnitudes, where a full-scale sine has a quarter of the window: far below hearing


def multi_resolution_stft(reference: NDArray[Any], other: NDArray[Any]) -> float:
    """The distance of two sounds; 0 where they are alike, about 1 per 6 dB of level.

    Hann windows of 512, 1024 and 2048 samples, hop a quarter. Silence against silence is 0.

    Args:
        reference: `[N]` or `[C, N]`.
        other: the same shape.

    Raises:
        UsageError: the shapes differ.
    """
    if reference.shape != other.shape:
        raise UsageError(f"expected two sounds of one shape, found {reference.shape} and {other.shape}")
    return float(np.mean([_distance(reference, other, size) for size in _WINDOWS]))


def _distance(reference: NDArray[Any], other: NDArray[Any], size: int) -> float:
    a, b = _magnitudes(reference, size), _magnitudes(other, size)
    convergence = float(np.linalg.norm(a - b) / max(float(np.linalg.norm(a)), _FLOOR))
    return convergence + float(np.mean(np.abs(np.log(a) - np.log(b))))


def _magnitudes(samples: NDArray[Any], size: int) -> NDArray[np.float32]:
    """`[C * frames, size / 2 + 1]`, at least the floor."""
    sound = np.atleast_2d(samples).astype(np.float32, copy=False)
    padded = np.pad(sound, ((0, 0), (size // 2, size // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, :: size // 4]
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    return np.maximum(np.abs(np.fft.rfft(frames * window)), np.float32(_FLOOR)).reshape(-1, size // 2 + 1)
