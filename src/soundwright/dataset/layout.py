"""What a packed dataset looks like on disk. It is what `datasets.load_from_disk` reads, and more.

    OUT/
      dataset_dict.json               {"splits": ["train", "valid"]}
      conditions.json                 what the columns of `cond` mean, over all splits
      train/
        state.json                    which data files make up the split
        dataset_info.json             types of the columns
        data-4b2f...-00000.arrow      Arrow stream files of about 512 MB
      tokens/...                      token files and sidecars, for loaders that follow the `audio` column

Columns, one row per clip of T frames, K codebooks and D conditions:

    audio           string            path of the token file, relative to OUT
    tokens          list of uint16    [T, K] flattened: frame by frame
    cond            list of float     [T, D] flattened; float16 or float32 as in the sidecars; empty if D is 0
    num_frames      int32             T
    num_codebooks   int32             K

The lists have 32-bit offsets: these count within a record batch, and a batch is kept far below 2**31 values.

`state.json` is the one file whose replacement turns the old split into the new. New data files have names of
their own (a digest of their content), the old ones are removed afterwards; what the columns mean is written
into the data files themselves (`Meaning`), so that it can never belong to other data.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.conditions import Conditions
from soundwright.runs import atomic

DICT, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"
COLUMNS = ("audio", "tokens", "cond", "num_frames", "num_codebooks")
#: Key of `Meaning` in the metadata of the Arrow schema.
METADATA_KEY = b"soundwright"

_SPLIT = re.compile(r"\w+(\.\w+)*")


class Meaning(BaseModel):
    """What the numbers of a split mean.

    Attributes:
        version: of this record.
        codec: name of the codec that made the tokens.
        codec_revision: its weights, where known.
        sample_rate: of the audio in Hz.
        frame_rate: frames per second.
        num_codebooks: K, the same in every clip.
        bins: number of entries of a codebook: codes are `0 .. bins - 1`.
        conditions: the schema of the sidecars; None for a pack without.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    codec: str
    codec_revision: str | None = None
    sample_rate: int
    frame_rate: float
    num_codebooks: int
    bins: int
    conditions: Conditions | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the D columns of `cond`."""
        return self.conditions.columns if self.conditions else ()


def check_split(split: str, tokens_subdir: str) -> None:
    """Checks the names that become folders of a pack.

    Raises:
        UsageError: not a name that `datasets` takes for a split, not a plain relative folder, or the same.
    """
    if not _SPLIT.fullmatch(split):
        raise UsageError(f"--split {split!r}", remedy="use letters, digits, _ and single dots, e.g. train")
    parts = tokens_subdir.split("/")
    if any(part.startswith(".") or not part for part in parts):
        raise UsageError(f"--tokens-subdir {tokens_subdir!r}", remedy="give a folder name such as tokens")
    if parts[0] == split:
        raise UsageError(
            f"--tokens-subdir {tokens_subdir} would lie in the folder of split {split}",
            remedy="choose another --tokens-subdir, e.g. tokens",
        )


def splits_of(folder: Path) -> list[str]:
    """Names of the splits of a pack, in their order; empty if there is no pack.

    Raises:
        BadInput: the folder holds something else.
    """
    path = folder / DICT
    if not path.is_file():
        if (folder / STATE).is_file():
            raise BadInput(
                "holds a single Dataset, not a DatasetDict",
                path=folder,
                remedy="give another folder, or save it as DatasetDict({'train': dataset})",
            )
        return []
    try:
        return [str(name) for name in json.loads(path.read_text(encoding="utf-8"))["splits"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput("is no list of splits", path=path, remedy="build the dataset again") from error


def data_files(folder: Path, split: str) -> list[Path]:
    """The Arrow files of a split in their order; empty if the split is not there.

    Raises:
        BadInput: `state.json` is damaged.
    """
    path = folder / split / STATE
    try:
        names = [entry["filename"] for entry in json.loads(path.read_text(encoding="utf-8"))["_data_files"]]
        return [path.parent / str(name) for name in names]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput("does not list data files", path=path, remedy="build the dataset again") from error


def state(split: str, names: list[str], fingerprint: str) -> dict[str, Any]:
    """The content of `state.json`, as `datasets` writes it."""
    return {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split,
    }


def add_split(folder: Path, split: str) -> None:
    """Names a split in `dataset_dict.json`, behind those that are there; they are never lost."""
    splits = splits_of(folder)
    if split not in splits:
        atomic.write_json(folder / DICT, {"splits": [*splits, split]})


def meaning_of(metadata: dict[bytes, bytes] | None, path: Path) -> Meaning | None:
    """What a data file says of itself; None for a file that we did not write.

    Raises:
        BadInput: it was written by a later release.
    """
    text = (metadata or {}).get(METADATA_KEY)
    if text is None:
        return None
    try:
        return Meaning.model_validate_json(text)
    except ValidationError as error:
        raise BadInput(
            "was packed by another release", path=path, remedy="build the dataset again, or update soundwright"
        ) from error
