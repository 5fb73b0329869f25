"""Loudness as the root mean square of short windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Windows overlap by 3/4, as in the workflow that document 002 describes.
OVERLAP = 4


def peak_windowed_rms(samples: NDArray[np.float32], window: int) -> float:
    """The RMS of the loudest window.

    Windows of `window` samples start every quarter window, and one more ends with the last sample. Against a window
    at every sample the peak differs by less than a tenth of a percent on music.

    Args:
        samples: `[N]`, N not below `window`.
        window: window length in samples.

    Returns:
        RMS, full scale 1.0; NaN if a sample is not finite.

    Raises:
        ValueError: fewer samples than one window.

    >>> t = np.arange(24_000) / 24_000
    >>> round(peak_windowed_rms(np.sin(2 * np.pi * 440 * t).astype(np.float32), 6_000), 4)
    0.7071
    """
    if len(samples) < window:
        raise ValueError(f"{len(samples)} samples are fewer than one window of {window}")
    if window % OVERLAP == 0:
        hop = window // OVERLAP
        # Energy per quarter window by one fused dot product each; four neighbours make a window.
        blocks = samples[: len(samples) // hop * hop].reshape(-1, hop)
        energy = np.einsum("ij,ij->i", blocks, blocks, dtype=np.float32).astype(np.float64)
        total = np.concatenate([[0.0], np.cumsum(energy)])
        windows = total[OVERLAP:] - total[:-OVERLAP]
    else:
        hop = max(1, window // OVERLAP)
        total = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
        starts = np.arange(0, len(samples) - window + 1, hop)
        windows = total[starts + window] - total[starts]
    last = samples[-window:].astype(np.float64)
    peak = max(float(windows.max()), float(last @ last))
    return float(np.sqrt(peak / window)) if np.isfinite(windows).all() else float("nan")
