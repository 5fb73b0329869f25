"""Which tracks, in which order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from soundwright.corpus.shuffle import shuffled


def balanced(genre_of: Mapping[str, str], seed: int) -> list[str]:
    """The keys in an order of which every beginning has about as many of one genre as of any other.

    Args:
        genre_of: key -> genre; keys of genre "" are left out.
        seed: decides the order within each genre.
    """
    by_genre: dict[str, list[str]] = defaultdict(list)
    for key, genre in genre_of.items():
        if genre:
            by_genre[genre].append(key)
    queues = [shuffled(by_genre[genre], seed) for genre in sorted(by_genre)]
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]


def beginning(order: list[str], num_good: int, bad: Iterable[str]) -> list[str]:
    """The shortest beginning of `order` with `num_good` keys that are not `bad`; all, if there are fewer."""
    known_bad = set(bad)
    good = 0
    for count, key in enumerate(order):
        if good == num_good:
            return order[:count]
        good += key not in known_bad
    return list(order)
