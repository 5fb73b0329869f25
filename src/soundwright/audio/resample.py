"""Resampling of sound that arrives in pieces, by soxr at its high quality setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray


def resample_pieces(
    pieces: Iterable[NDArray[np.float32]], sample_rate: int, wanted_rate: int
) -> Iterator[NDArray[np.float32]]:
    """Resamples mono pieces `[n]` from one rate (Hz) to another; at equal rates they pass through as they are.

    The pieces that come out are cut differently; joined they are what resampling the whole would give.
    """
    if sample_rate == wanted_rate:
        yield from pieces
        return
    stream = soxr.ResampleStream(sample_rate, wanted_rate, 1, dtype="float32")
    for piece in pieces:
        yield stream.resample_chunk(piece)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
