"""Tracks joined by equal-power crossfades, in pieces.

Two different pieces of music are uncorrelated, so their powers add: with gains cos and sin of the same angle the
loudness stays level through the fade, where straight lines would dip by 3 dB in its middle.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Part:
    """One track of a join.

    Attributes:
        pieces: its sound, float32 `[C, n]`, `num_samples` in all.
        num_samples: per channel.
        overlap: samples that it shares with the track before it; 0 for the first.
    """

    pieces: Iterable[NDArray[np.float32]]
    num_samples: int
    overlap: int = 0


def fade_gains(num_samples: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The gains of the track that goes and of the one that comes, `[n]` each; their squares add up to 1.

    >>> out, come = fade_gains(100)
    >>> bool(np.allclose(out**2 + come**2, 1))
    True
    """
    angle = np.pi / 2 * (np.arange(num_samples) + 0.5) / max(1, num_samples)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def joined_length(parts: Iterable[tuple[int, int]]) -> int:
    """Samples of a join of tracks given as (num_samples, overlap).

    >>> joined_length([(100, 0), (50, 10), (100, 10)])
    230
    """
    return sum(num_samples - overlap for num_samples, overlap in parts)


def join(parts: Iterable[Part], channels: int) -> Iterator[NDArray[np.float32]]:
    """Yields the tracks one after the other, each faded over into the next; memory is one overlap.

    Args:
        parts: tracks; an overlap is at most as long as either of its tracks, and a track's two do not meet.
        channels: C.

    Raises:
        ValueError: an overlap is too long, or a track has another length than it said.
    """
    tail = np.zeros((channels, 0), np.float32)  # the end of the last track, kept back for its overlap
    waiting: list[Part] = []
    for part in parts:
        waiting.append(part)
        if len(waiting) == 2:
            tail = yield from _play(waiting.pop(0), tail, waiting[0].overlap)
    for part in waiting:
        tail = yield from _play(part, tail, 0)
    yield tail


def _play(
    part: Part, before: NDArray[np.float32], keep: int
) -> Generator[NDArray[np.float32], None, NDArray[np.float32]]:
    """Yields a track but for its last `keep` samples, which it returns."""
    overlap = part.overlap
    if overlap != before.shape[1] or overlap + keep > part.num_samples:
        raise ValueError(f"overlaps of {overlap} and {keep} samples do not fit into a track of {part.num_samples}")
    going, coming = fade_gains(overlap)
    position, kept = 0, before[:, :0]
    for piece in part.pieces:
        start, end = position, position + piece.shape[1]
        if start < overlap:
            count = min(end, overlap) - start
            piece = piece.copy()
            piece[:, :count] *= coming[start : start + count]
            piece[:, :count] += before[:, start : start + count] * going[start : start + count]
        position = end
        waiting = np.concatenate([kept, piece], axis=1)
        done = max(0, waiting.shape[1] - keep)
        kept = waiting[:, done:]
        if done:
            yield waiting[:, :done]
    if position != part.num_samples:
        raise ValueError(f"a track has {position} samples and said {part.num_samples}")
    return kept
