"""Which songs to validate with: whole artists, so that nothing of their sound is known from training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def validation_songs(songs: Iterable[tuple[str, str]], part: float, seed: int) -> set[tuple[str, str]]:
    """Chooses about a part of the songs.

    Whole artists where there are two or more, else whole songs; both sides are non-empty where that is possible. The
    order of choice depends on each name and the seed alone, so another artist hardly changes it.

    Args:
        songs: artist and name of each.
        part: 0 for none, below 1.
        seed: of the order.
    """
    listed = sorted(set(songs))
    artists = sorted({artist for artist, _ in listed})
    groups = (
        [[song for song in listed if song[0] == artist] for artist in artists]
        if len(artists) > 1
        else [[song] for song in listed]
    )
    if part == 0 or len(groups) < 2:
        return set()
    wanted = max(1, round(part * len(listed)))
    groups.sort(key=lambda group: hashlib.sha256(f"{seed}/{group[0]}".encode("utf-8", "surrogateescape")).digest())
    chosen: list[list[tuple[str, str]]] = []
    for group in groups:
        if sum(map(len, chosen)) + len(group) <= wanted and len(chosen) < len(groups) - 1:
            chosen.append(group)
    # Artists with more songs than are wanted: the smallest is nearest to it.
    chosen = chosen or [min(groups, key=len)]
    return {song for group in chosen for song in group}
