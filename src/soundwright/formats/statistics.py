"""Count, extremes, mean and deviation of many values, which can be merged without the values themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict


class Statistics(BaseModel):
    """What is known of a set of values.

    Attributes:
        count: number of values, at least 1.
        min: smallest value.
        max: largest value.
        mean: arithmetic mean.
        std: standard deviation of the values themselves (division by `count`).
    """

    model_config = ConfigDict(frozen=True)

    count: int
    min: float
    max: float
    mean: float
    std: float

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> Statistics:
        """Measures values `[T]`, T at least 1, in double precision."""
        wide = values.astype(np.float64)
        return cls(
            count=len(wide),
            min=float(wide.min()),
            max=float(wide.max()),
            mean=float(wide.mean()),
            std=float(wide.std()),
        )


def merge(parts: Iterable[Statistics]) -> Statistics | None:
    """The statistics of all values of all parts together; None without parts.

    The sums are exact (`math.fsum`), so neither the order nor the number of the parts shows in the result.

    >>> merge([Statistics.of(np.array([0.0])), Statistics.of(np.array([4.0, 4.0, 4.0]))]).mean
    3.0
    """
    every = list(parts)
    if not every:
        return None
    count = sum(part.count for part in every)
    mean = math.fsum(part.count * part.mean for part in every) / count
    # Each part's own spread, and how far its mean lies from the common one: no difference of large squares.
    spread = math.fsum(part.count * (part.std**2 + (part.mean - mean) ** 2) for part in every)
    return Statistics(
        count=count,
        min=min(part.min for part in every),
        max=max(part.max for part in every),
        mean=mean,
        std=math.sqrt(spread / count),
    )
