"""What stands between samples and the network: the window, mel bands, and the bands of the gates.

They are part of what a token means, so they are the same numbers for training and for inference.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.codec.pocket.config import NUM_BINS, SAMPLE_RATE, WINDOW
from soundwright.core.errors import BadInput

#: A Hann window is a formula, but revision 1 was trained with the one that PyTorch computes in float32, whose cosines
#: round otherwise than a correctly rounded one in 820 of 1280 places. So its numbers are kept.
_WINDOW_FILE = Path(__file__).parent / "weights" / "window.npy"
_WINDOW_SHA256 = "2eec6e903417baa1c6befe141e0c0bb52e8480530f3ab0d0940a413de2904188"


@cache
def hann_window() -> NDArray[np.float32]:
    """The window of encoder and decoder, float32 `[1280]`, read-only.

    Raises:
        BadInput: its file is missing or damaged.
    """
    try:
        window = np.load(_WINDOW_FILE, allow_pickle=False)
        found = hashlib.sha256(window.tobytes()).hexdigest()
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot be read: {error}", path=_WINDOW_FILE, remedy="install soundwright again") from error
    if found != _WINDOW_SHA256 or window.shape != (WINDOW,):
        raise BadInput(
            f"expected a window with SHA-256 {_WINDOW_SHA256[:12]}, found {found[:12]}",
            path=_WINDOW_FILE,
            remedy="install soundwright again",
        )
    window.flags.writeable = False
    return np.asarray(window)


def mel_triangles(num_bands: int) -> NDArray[np.float32]:
    """HTK mel triangles of unit area over all bins, `[F, bands]`."""
    hz = np.linspace(0, SAMPLE_RATE / 2, NUM_BINS)
    edges = 700 * (10 ** (np.linspace(0, _mel(SAMPLE_RATE / 2), num_bands + 2) / 2595) - 1)
    # the lowest bands are narrower than a bin: widened to one bin, or they would be empty
    width = SAMPLE_RATE / 2 / (NUM_BINS - 1)
    low = np.minimum(edges[:-2], edges[1:-1] - width)
    high = np.maximum(edges[2:], edges[1:-1] + width)
    rise = (hz[:, None] - low) / (edges[1:-1] - low)
    fall = (high - hz[:, None]) / (high - edges[1:-1])
    weights = np.maximum(np.minimum(rise, fall), 0)
    return np.asarray(weights / weights.sum(axis=0), np.float32)


def gate_interpolation(num_bands: int) -> NDArray[np.float32]:
    """Triangles that sum to one in every bin, `[bands, F]`; the centres follow the mel scale."""
    mel = 2595 * np.log10(1 + np.linspace(0, SAMPLE_RATE / 2, NUM_BINS) / 700)
    position = mel / _mel(SAMPLE_RATE / 2) * (num_bands - 1)
    return np.asarray(np.maximum(1 - np.abs(position - np.arange(num_bands)[:, None]), 0), np.float32)


def _mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)
