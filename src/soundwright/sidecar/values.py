"""From what a producer returns to a column of a sidecar: every value is checked, none is bent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.formats.features import Dtype, Feature
from soundwright.sidecar.producers.contract import Value

#: Largest relative rounding error of float16: half a unit in the last of its 11 binary places.
_ROUNDING_16 = 2.0**-11


def check_name(name: object, path: Path, producer: str) -> str:
    """Checks the name of a parameter: printable, not empty, without comma, and no space at its ends.

    Raises:
        BadInput: it is not.
    """
    if not isinstance(name, str) or not name or name != name.strip() or not name.isprintable() or "," in name:
        raise BadInput(f"producer {producer} gives a parameter the name {name!r}", path=path, remedy="rename it")
    return name


def as_column(name: str, value: Value, num_frames: int, feature: Feature, path: Path) -> NDArray[np.float64]:
    """One value per frame `[T]`, in double precision.

    Args:
        name: of the parameter, for messages.
        value: a number, a class name, or `[T]`.
        num_frames: T.
        feature: the parameter's type, range and classes.
        path: of the clip, for messages.

    Raises:
        BadInput: wrong length, NaN or infinite, outside the declared range, or no class.
    """
    if isinstance(value, str):
        value = _class_index(name, value, feature, path)
    try:
        column = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name}: expected numbers, found {value!r:.60}", path=path, remedy="mend it") from error
    if column.ndim == 0:
        column = np.full(num_frames, column)
    if column.shape != (num_frames,):
        raise BadInput(
            f"{name}: expected one value per frame [{num_frames}], found {list(column.shape)}",
            path=path,
            remedy="mend the producer, or encode the audio again if the token file is old",
        )
    if not np.isfinite(column).all():
        raise BadInput(f"{name}: a value is NaN or infinite", path=path, remedy="mend it, or leave the clip out")
    if not num_frames:
        return column
    low, high = float(column.min()), float(column.max())
    if feature.range and not (feature.range[0] <= low and high <= feature.range[1]):
        raise BadInput(
            f"{name}: values from {low:.6g} to {high:.6g}, declared are {feature.range[0]:g} to {feature.range[1]:g}",
            path=path,
            remedy="mend the value, or the range in sidecar init --schema",
        )
    if feature.type == "class":
        _check_classes(name, column, feature, path)
    return column


def store(name: str, column: NDArray[np.float64], dtype: Dtype, feature: Feature, path: Path) -> NDArray[np.floating]:
    """The column `[T]` as it is stored.

    Rounding to the nearest is accepted for continuous values, an integer or a class index must stay what it is.

    Raises:
        BadInput: the dtype cannot hold a value.
    """
    with np.errstate(over="ignore"):
        stored = column.astype(dtype)
    wide = stored.astype(np.float64)
    must_be_exact = (column == np.rint(column)) | (feature.type == "class")
    # Near zero float16 has a fixed step; what it loses there is measured against the largest value of the clip.
    scale = np.maximum(np.abs(column), np.abs(column).max(initial=0.0))
    relative = _ROUNDING_16 if dtype == "float16" else 2.0**-24
    lost = ~np.isfinite(wide) | (must_be_exact & (wide != column)) | (np.abs(wide - column) > relative * scale)
    if lost.any():
        value = column[int(np.argmax(lost))]
        remedy = (
            "give --dtype float32" if dtype == "float16" else "scale the parameter, e.g. seconds instead of samples"
        )
        raise BadInput(f"{name}: {dtype} cannot hold {value:.10g}", path=path, remedy=remedy)
    return stored


def _class_index(name: str, word: str, feature: Feature, path: Path) -> float:
    if feature.classes is None:
        raise BadInput(
            f"{name}: {word!r} is no number, and no classes are declared",
            path=path,
            remedy=f"declare {name} with type: class and its classes: sidecar init --schema FILE",
        )
    if word not in feature.classes:
        raise BadInput(
            f"{name}: {word!r} is none of the classes {', '.join(feature.classes)}",
            path=path,
            remedy="mend the value, or add the class at the end of its classes: sidecar init --schema FILE",
        )
    return float(feature.classes.index(word))


def _check_classes(name: str, column: NDArray[np.float64], feature: Feature, path: Path) -> None:
    count = len(feature.classes) if feature.classes is not None else None
    wrong = (column != np.rint(column)) | (column < 0) | (column >= (np.inf if count is None else count))
    if wrong.any():
        allowed = "whole numbers from 0" if count is None else f"whole numbers from 0 to {count - 1}"
        raise BadInput(
            f"{name}: a class is its index, {allowed}; found {column[int(np.argmax(wrong))]:g}",
            path=path,
            remedy="mend the value, or the classes in sidecar init --schema",
        )
