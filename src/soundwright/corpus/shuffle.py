"""One seeded order for all that is chosen or divided, the same on every machine and with every release of Python."""

from __future__ import annotations

import random
from collections.abc import Iterable


def shuffled(keys: Iterable[str], seed: int) -> list[str]:
    """The keys in an order that depends on nothing but them and the seed."""
    # Of `random` only the sequence of `random()` is promised to stay from release to release, so not `shuffle`.
    draws = random.Random(seed)
    return sorted(sorted(keys), key=lambda _: draws.random())
