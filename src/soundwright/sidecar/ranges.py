"""Are values within what is declared of their parameter?

Declared is what the user wrote (`sidecar init --schema`) or what a producer knows by itself. What was measured over the
dataset is no limit: the values can never exceed their own extremes, and such a check would pass whatever they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.conditions import Parameter
from soundwright.sidecar.issues import Issue


def out_of_range(
    values: NDArray[np.floating], names: Sequence[str], parameters: Mapping[str, Parameter], range_tol: float
) -> Iterator[Issue]:
    """What lies outside, column by column of `[T, D]`; columns without declared limits are passed over.

    Args:
        values: `[T, D]`.
        names: of the D columns.
        parameters: what is declared, by name.
        range_tol: how far beyond a range a value may lie, on top of the resolution of its type.
    """
    for d, name in enumerate(names):
        column = values[:, d][np.isfinite(values[:, d])]
        parameter = parameters.get(name)
        if parameter is None or not len(column):
            continue
        if parameter.type == "class":
            wrong = column[(column != np.rint(column)) | (column < 0)]
            if len(wrong):
                yield Issue("not_a_class", f"{name}: {wrong[0]:g}")
        limits = limits_of(parameter)
        if limits is None:
            continue
        low, high = float(column.min()), float(column.max())
        if limits[0] - low > slack(limits[0], values.dtype, range_tol):
            yield Issue("range_below_min", f"{name}: {low:g}, the limit is {limits[0]:g}")
        if high - limits[1] > slack(limits[1], values.dtype, range_tol):
            yield Issue("range_above_max", f"{name}: {high:g}, the limit is {limits[1]:g}")


def unverifiable(names: Iterable[str], parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
    """The columns whose limits nobody has declared."""
    return tuple(name for name in names if limits_of(parameters.get(name)) is None)


def limits_of(parameter: Parameter | None) -> tuple[float, float] | None:
    """The values that a parameter may have: its declared range, or its classes; None where neither is declared."""
    if parameter is None:
        return None
    if parameter.range is not None:
        return parameter.range
    return (0.0, float(len(parameter.classes) - 1)) if parameter.classes is not None else None


def slack(limit: float, dtype: np.dtype[Any], range_tol: float) -> float:
    """How far beyond a limit a stored value may lie: a limit such as 440.3 is 440.25 in float16, and no fault."""
    with np.errstate(over="ignore", invalid="ignore"):
        step = float(np.spacing(np.abs(np.asarray(limit).astype(dtype))))
    return range_tol + (step / 2 if np.isfinite(step) else 0.0)  # not finite: the limit lies beyond the type
