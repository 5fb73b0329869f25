"""The delay pattern: codebook k of a frame is sampled k columns after codebook 0 (Copet et al. 2023, section 2.2).

Frames 0 to 3 of four codebooks; `.` is the padding token, column 0 is all padding:

    codebook 0   . 0 1 2 3 . . .
    codebook 1   . . 0 1 2 3 . .
    codebook 2   . . . 0 1 2 3 .
    codebook 3   . . . . 0 1 2 3

Left and right of a stereo model are interleaved (L0 R0 L1 R1 ...) and share a delay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def delays(num_codebooks: int, channels: int) -> list[int]:
    """Columns by which each codebook is late.

    >>> delays(8, 2)
    [0, 0, 1, 1, 2, 2, 3, 3]
    """
    return [codebook // channels for codebook in range(num_codebooks)]


def apply(codes: NDArray[np.int64], late: list[int], padding: int) -> NDArray[np.int64]:
    """Frames `[K, T]` to columns `[K, 1 + T + max(late)]`."""
    num_codebooks, num_frames = codes.shape
    columns = np.full((num_codebooks, 1 + num_frames + max(late)), padding, dtype=np.int64)
    for codebook, delay in enumerate(late):
        columns[codebook, 1 + delay : 1 + delay + num_frames] = codes[codebook]
    return columns


def undo(columns: NDArray[np.int64], late: list[int]) -> NDArray[np.int64]:
    """Columns `[K, 1 + T + max(late)]` to frames `[K, T]`."""
    num_frames = columns.shape[1] - 1 - max(late)
    return np.stack([columns[codebook, 1 + delay : 1 + delay + num_frames] for codebook, delay in enumerate(late)])
