"""Which sidecars go with a token tree, what their columns mean, and one schema for several splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.formats import conditions as schema
from soundwright.formats import sidecar
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.statistics import Statistics, merge
from soundwright.runs.step import Item


@dataclass(frozen=True)
class Sidecars:
    """The sidecars of a token tree.

    Attributes:
        root: folder in which they lie as the token files do in theirs.
        conditions: the schema that all of them follow.
    """

    root: Path
    conditions: Conditions

    def of(self, key: str) -> Path:
        """The .npy file of a token file."""
        return self.root / sidecar.paths(key, self.conditions.suffix)[0]


def find_sidecars(tokens: Path, cond_root: Path | None, items: Sequence[Item]) -> tuple[Sidecars | None, list[str]]:
    """Finds sidecars and schema: in `cond_root`, else where the token tree, or one above it, remembers them.

    Returns:
        The sidecars, None if there are none; and what the user should know about it.

    Raises:
        UsageError: the folder is not there, or the clips have neither schema nor equal columns.
    """
    notes = []
    root = cond_root
    if root is None:
        root = remembered_root(tokens)
        if root is None:
            return None, ["no sidecars: tokens are packed alone -> run sidecar init, or give --cond-root"]
        notes.append(f"sidecars: {show_path(root)}")
    if not root.is_dir():
        raise UsageError("expected the folder of the sidecars", path=root, remedy="check --cond-root")
    home = schema_folder(root)
    conditions = schema.read(home) if home else None
    if conditions is not None:
        return Sidecars(root, conditions), notes
    notes.append(f"{show_path(root)} has no {schema.NAME}: names and ranges are taken from the sidecars themselves")
    return Sidecars(root, _measure(root, items)), notes


def remembered_root(tokens: Path) -> Path | None:
    """Where the sidecars of a token tree are, as it, or a folder above it, remembers; None if none does.

    Raises:
        UsageError: the remembered folder is not there any more.
    """
    for folder in (tokens, *tokens.resolve().parents):
        root = schema.cond_root_of(folder)
        if root is not None:
            return root if folder == tokens else root / tokens.resolve().relative_to(folder)
    return None


def schema_folder(cond_root: Path) -> Path | None:
    """The folder whose `conditions.json` describes these sidecars: theirs, or one above it; None if there is none."""
    folders = (cond_root, *cond_root.resolve().parents)
    return next((folder for folder in folders if (folder / schema.NAME).is_file()), None)


def _measure(root: Path, items: Sequence[Item]) -> Conditions:
    """The schema of sidecars that were made by another tool."""
    columns: tuple[str, ...] | None = None
    parts: list[list[Statistics]] = []
    features: dict[str, Parameter] = {}
    fps, dtype, num_frames = 0.0, "float16", 0
    for item in items:
        try:
            found = sidecar.read(root / sidecar.paths(item.key)[0])
        except BadInput:
            continue  # told with its reason when its turn comes to be packed
        if columns is None:
            columns, fps, dtype = found.names, found.fps, str(found.values.dtype)
            features = {
                name: Parameter(**feature.model_dump(exclude={"filled"})) for name, feature in found.features.items()
            }
        if found.names == columns and found.num_frames and np.isfinite(found.values).all():
            parts.append([Statistics.of(found.values[:, d]) for d in range(len(columns))])
            num_frames += found.num_frames
    if columns is None:
        raise UsageError("holds no readable sidecar of these tokens", path=root, remedy="check --cond-root")
    measured = [merge(column) for column in zip(*parts, strict=True)]
    return Conditions.model_validate(
        {
            "fps": fps,
            "dtype": dtype,
            "columns": columns,
            "parameters": {
                name: features[name].model_copy(update={"measured": statistics})
                for name, statistics in zip(columns, measured or [None] * len(columns), strict=True)
            },
            "num_clips": len(parts),
            "num_frames": num_frames,
        }
    )


def combine(parts: Sequence[Conditions]) -> Conditions | None:
    """One schema for several splits: their measured ranges together; splits of one tree share theirs.

    Raises:
        UsageError: the splits have different columns, or columns that mean different things.
    """
    distinct = list(dict.fromkeys(part.model_dump_json() for part in parts))
    if not distinct:
        return None
    first, *others = [Conditions.model_validate_json(text) for text in distinct]
    for other in others:
        _require_same(first, other)
    parameters = {}
    for name, parameter in first.parameters.items():
        known = [part.parameters[name].measured for part in (first, *others) if name in part.parameters]
        ranges = [part.parameters[name].range for part in (first, *others) if name in part.parameters]
        parameters[name] = parameter.model_copy(
            update={"measured": merge(m for m in known if m is not None), "range": _around(ranges)}
        )
    return first.model_copy(
        update={
            "parameters": parameters,
            "num_clips": sum(part.num_clips for part in (first, *others)),
            "num_frames": sum(part.num_frames for part in (first, *others)),
            "num_incomplete": sum(part.num_incomplete for part in (first, *others)),
            "incomplete": tuple(key for part in (first, *others) for key in part.incomplete),
        }
    )


def _require_same(a: Conditions, b: Conditions) -> None:
    if a.columns != b.columns or a.dtype != b.dtype:
        raise UsageError(
            f"the splits have different conditions: {list(a.columns)} {a.dtype}, {list(b.columns)} {b.dtype}",
            remedy="build all splits from sidecars with the same columns, or give another output folder",
        )
    for name in a.columns:
        one, two = (_meaning(part.parameters[name]) for part in (a, b))
        if one != two:
            raise UsageError(
                f"parameter {name} means different things in different splits: {one!r} and {two!r}",
                remedy="use one schema for both: sidecar init --schema",
            )


def _meaning(parameter: Parameter) -> Parameter:
    # Without what differs between trees that follow one schema. Where no user has declared a range, it is what the
    # producer's options were: a ramp 0 -> 1 in one tree and 0 -> 10 in another are the same parameter.
    agreed = parameter.range if parameter.declared else None
    return parameter.model_copy(update={"measured": None, "declared": False, "doc": "", "range": agreed})


def _around(ranges: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    """The range that holds all of them; None if one is not known."""
    known = [limits for limits in ranges if limits is not None]
    if not known or len(known) < len(ranges):
        return None
    return min(low for low, _ in known), max(high for _, high in known)
