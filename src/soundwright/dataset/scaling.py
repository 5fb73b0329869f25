"""Conditions as a model takes them: parameters scaled to 0 .. 1 by the dataset's schema, classes as one-hot.

The range of a parameter is one and the same for every clip: the declared one, else the measured one of the whole
dataset. (Scaled by each clip's own extremes, a ramp 0 -> 1 and a ramp 0 -> 10 would look the same.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.conditions import Conditions, Parameter


@dataclass(frozen=True)
class Scaled:
    """One parameter and its place in the model's input.

    Attributes:
        name: the parameter.
        column: which column of `cond` it is.
        low: value that becomes 0.
        high: value that becomes 1; for a class parameter one less than the number of classes.
        classes: names of the classes, empty for a continuous parameter.
        units: of `low` and `high`.
    """

    name: str
    column: int
    low: float
    high: float
    classes: tuple[str, ...] = ()
    units: str = ""

    @property
    def width(self) -> int:
        """How many numbers the model gets for it."""
        return len(self.classes) or 1

    def scale(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Values `[...]` -> `[..., width]`. Values beyond the range lie beyond 0 .. 1; nothing is cut off.

        Raises:
            BadInput: a value is not finite, or is the index of no class.
        """
        wide = np.asarray(values, np.float64)
        if not np.isfinite(wide).all():
            raise BadInput(f"{self.name} is NaN or infinite", remedy="find the clips: sidecar audit")
        if not self.classes:
            span = self.high - self.low
            return ((wide - self.low) / (span if span > 0 else 1.0)).astype(np.float32)[..., None]
        index = np.rint(wide).astype(np.int64)
        if (index != wide).any() or index.min(initial=0) < 0 or index.max(initial=0) >= len(self.classes):
            raise BadInput(
                f"{self.name} has values in {wide.min():g} .. {wide.max():g}; "
                f"expected whole numbers in 0 .. {len(self.classes) - 1}",
                remedy="find the clips: sidecar audit --verify-ranges",
            )
        return np.eye(len(self.classes), dtype=np.float32)[index]


class Scaler:
    """Turns `cond` `[T, D]` into the `[T, E]` that a model is trained on and played with.

    Attributes:
        parameters: in the order in which they stand in the model's input.
        columns: names of the E columns: `pitch`, or `scene=rain` for a class.
    """

    def __init__(self, conditions: Conditions | None, parameters: Sequence[str] | None = None) -> None:
        """Prepares the scaling.

        Args:
            conditions: the dataset's schema; None for a dataset without conditions.
            parameters: which to take and in which order; by default all columns in theirs.

        Raises:
            UsageError: a parameter is not among the columns, or nothing is known of its range.
        """
        known = conditions.columns if conditions else ()
        wanted = known if parameters is None else tuple(parameters)
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise UsageError(
                f"no parameter {', '.join(unknown)}; the dataset has {', '.join(known) or 'none'}",
                remedy="choose among them",
            )
        self.parameters = tuple(
            _scaled(name, known.index(name), conditions.parameters[name]) for name in wanted if conditions
        )
        self.columns = tuple(
            column
            for parameter in self.parameters
            for column in ([f"{parameter.name}={label}" for label in parameter.classes] or [parameter.name])
        )

    @property
    def num_columns(self) -> int:
        """E."""
        return len(self.columns)

    def __call__(self, cond: NDArray[np.floating]) -> NDArray[np.float32]:
        """Scales `[..., D]` to float32 `[..., E]`.

        Raises:
            BadInput: a value is not finite, or is the index of no class.
        """
        parts = [parameter.scale(cond[..., parameter.column]) for parameter in self.parameters]
        return np.concatenate([np.zeros((*cond.shape[:-1], 0), np.float32), *parts], axis=-1)

    def vector(self, values: Mapping[str, float | str]) -> NDArray[np.float32]:
        """One frame `[E]` from values by name, as a player sets them; a class may be named or given by index.

        Raises:
            UsageError: a parameter is missing or unknown, or has no such class.
        """
        names = [parameter.name for parameter in self.parameters]
        wrong = sorted(set(names) ^ set(values))
        if wrong:
            raise UsageError(f"expected values for {', '.join(names) or 'nothing'}; check {', '.join(wrong)}")
        parts = [
            parameter.scale(np.asarray(_number(parameter, values[parameter.name]))) for parameter in self.parameters
        ]
        return np.concatenate([np.zeros(0, np.float32), *parts])


def _number(parameter: Scaled, value: float | str) -> ArrayLike:
    if not isinstance(value, str):
        return float(value)
    if value not in parameter.classes:
        known = ", ".join(parameter.classes) or "it is continuous: give a number"
        raise UsageError(f"{parameter.name} has no class {value!r}: {known}")
    return float(parameter.classes.index(value))


def _scaled(name: str, column: int, parameter: Parameter) -> Scaled:
    if parameter.type == "class":
        labels = parameter.classes or tuple(str(i) for i in range(_num_classes(name, parameter)))
        return Scaled(name, column, 0.0, float(len(labels) - 1), labels)
    if parameter.range is not None:
        low, high = parameter.range
    elif parameter.measured is not None:
        low, high = parameter.measured.min, parameter.measured.max
    else:
        raise _unknown_range(name)
    return Scaled(name, column, low, high, units=parameter.units)


def _num_classes(name: str, parameter: Parameter) -> int:
    highest = [parameter.range[1]] if parameter.range else []
    highest += [parameter.measured.max] if parameter.measured else []
    if not highest:
        raise _unknown_range(name)
    return int(max(highest)) + 1


def _unknown_range(name: str) -> UsageError:
    return UsageError(
        f"parameter {name} has neither a declared nor a measured range",
        path=Path("conditions.json"),
        remedy="declare it: sidecar init --schema, or run sidecar add and build the dataset again",
    )
