"""What the columns of a whole tree of sidecars mean: one `conditions.json` at its root.

    {"schema_version": 1, "fps": 75, "dtype": "float16", "suffix": ".cond.npy",
     "columns": ["pitch", "amp"],
     "parameters": {"pitch": {"type": "continuous", "units": "MIDI", "range": [0, 127], "declared": true,
                              "measured": {"count", "min", "max", "mean", "std"}}, ...},
     "num_clips": 120, "num_frames": 90000, "num_incomplete": 0, "incomplete": []}

`columns` is the order of the columns, the same in every file. `parameters` has the columns, and parameters
that were declared (`sidecar init --schema`) and have no values yet. `measured` is over all frames of all
complete clips: to normalise by these numbers keeps the meaning of a value from clip to clip; to normalise by
a clip's own `norm` does not. Clips that lack a column are counted, and the first of them listed: a dataset is
built without them or not at all.

Beside it, each token tree remembers where its sidecars are: `<tokens>/.soundwright/cond-root.json`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.features import Dtype, Feature
from soundwright.formats.sidecar import SUFFIX
from soundwright.formats.statistics import Statistics
from soundwright.runs import atomic
from soundwright.runs.state import STATE_FOLDER

NAME = "conditions.json"
SCHEMA_VERSION = 1


class Parameter(Feature):
    """A feature, as known over the whole tree.

    Attributes:
        declared: the user declared it with `sidecar init --schema`.
        measured: over all frames of all complete clips; None while it has no values.
    """

    declared: bool = False
    measured: Statistics | None = None


class Conditions(BaseModel):
    """The schema of a tree of sidecars.

    Attributes:
        fps: frames per second of every clip.
        dtype: of the values in every file.
        suffix: ending of the .npy files.
        columns: names of the D columns in their order.
        parameters: what each column means; also declared parameters that have no values yet.
        num_clips: complete clips: those with exactly these columns.
        num_frames: frames of all complete clips.
        num_incomplete: clips without sidecar, or with other columns.
        incomplete: keys (relative paths) of the first of those.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: int = SCHEMA_VERSION
    fps: float
    dtype: Dtype = "float16"
    suffix: str = SUFFIX
    columns: tuple[str, ...] = ()
    parameters: dict[str, Parameter] = {}
    num_clips: int = 0
    num_frames: int = 0
    num_incomplete: int = 0
    incomplete: tuple[str, ...] = ()

    @property
    def declared(self) -> dict[str, Parameter]:
        """The declared parameters in their order."""
        return {name: parameter for name, parameter in self.parameters.items() if parameter.declared}


def read(cond_root: Path) -> Conditions | None:
    """Reads the schema of a tree; None if it has none.

    Raises:
        BadInput: it is damaged or of another version.
    """
    path = cond_root / NAME
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["schema_version"] != SCHEMA_VERSION:
            raise BadInput(
                f"schema_version is {raw['schema_version']!r}; this release reads {SCHEMA_VERSION}",
                path=path,
                remedy="use the release that wrote it, or delete it and run sidecar init",
            )
        return Conditions.model_validate(raw)
    except FileNotFoundError:
        return None
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            "is no conditions schema",
            path=path,
            remedy="delete it and run sidecar init (with --schema if you had one)",
        ) from error


def write(cond_root: Path, conditions: Conditions) -> None:
    """Writes the schema of a tree, atomically."""
    raw = conditions.model_dump(mode="json")
    raw["fps"] = int(raw["fps"]) if float(raw["fps"]).is_integer() else raw["fps"]
    raw["parameters"] = {
        name: parameter.model_dump(mode="json", exclude_none=True) for name, parameter in conditions.parameters.items()
    }
    atomic.write_json(cond_root / NAME, raw)


def remember_cond_root(token_root: Path, cond_root: Path) -> str | None:
    """Writes into a token tree where its sidecars are, relative to it, so that both can be moved together.

    Returns:
        What the record said before, relative to the token tree; None where there was none, or it said the same.

    Raises:
        OSError: the token tree cannot be written.
        UsageError: the record is damaged.
    """
    relative = os.path.relpath(cond_root.resolve(), token_root.resolve())
    path = _memory(token_root)
    before = _recorded(path) if path.is_file() else None
    if before == relative:
        return None
    atomic.write_json(path, {"cond_root": relative})
    return before


def cond_root_of(token_root: Path) -> Path | None:
    """Where the sidecars of a token tree are: the tree itself when co-located; None if it was never said.

    Raises:
        UsageError: the recorded folder is not there any more, or the record is damaged.
    """
    path = _memory(token_root)
    if not path.is_file():
        return None
    recorded = _recorded(path)
    found = token_root if recorded == "." else Path(os.path.normpath(token_root.resolve() / recorded))
    if not found.is_dir():
        raise UsageError(
            f"the sidecars of these tokens were in {recorded}, and no folder is there",
            path=token_root,
            remedy="give --cond-root with the folder of the sidecars",
        )
    return found


def _memory(token_root: Path) -> Path:
    return token_root / STATE_FOLDER / "cond-root.json"


def _recorded(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["cond_root"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError("is damaged", path=path, remedy="delete it, and give --cond-root") from error
