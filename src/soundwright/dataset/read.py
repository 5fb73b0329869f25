"""Random access to a packed dataset: arrays that lie in the file itself, nothing copied, nothing decoded.

    pack = open_pack(Path("my_dataset"))
    clip = pack.splits["train"][17]
    clip.tokens        # uint16 [T, K]
    clip.cond          # float16 or float32 [T, D], columns as in clip.columns

Needs pyarrow, and neither `datasets` nor torch. The arrays are read-only views of a memory map: the operating
system loads what is looked at, and a dataset may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, UsageError
from soundwright.core.extras import needs_extra
from soundwright.dataset import layout
from soundwright.dataset.layout import Meaning
from soundwright.formats import conditions as schema
from soundwright.formats.conditions import Conditions


class ForeignSplit(BadInput):
    """A split that another program has saved."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One row of a pack.

    Attributes:
        audio: path of the token file, relative to the pack.
        tokens: uint16 `[T, K]`, a read-only view.
        cond: float16 or float32 `[T, D]`, a read-only view.
    """

    audio: str
    tokens: NDArray[np.uint16]
    cond: NDArray[np.floating[Any]]

    @property
    def codes(self) -> NDArray[np.uint16]:
        """The tokens as codecs take them, `[K, T]`."""
        return self.tokens.T

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.tokens)


class PackedSplit(Sequence[Clip]):
    """The clips of one split.

    Attributes:
        folder: the pack.
        name: the split.
        meaning: codec, frame rate and columns.
        num_frames: T of each clip, int64 `[clips]`.
    """

    def __init__(self, folder: Path | str, name: str) -> None:
        """Maps the files of a split into memory.

        Raises:
            UsageError: there is no such split.
            BadInput: it was not packed by soundwright, or a file is missing or damaged.
            MissingExtra: pyarrow is not installed.
        """
        with needs_extra("pack", "reading a dataset"):
            import pyarrow as pa

        self.folder, self.name = Path(folder), name
        files = layout.data_files(self.folder, name)
        if not files:
            known = ", ".join(layout.splits_of(self.folder)) or "none"
            raise UsageError(f"has no split {name!r}; it has {known}", path=folder, remedy="choose one of them")
        self._chunks: list[_Chunk] = []
        meanings: list[Meaning] = []
        for path in files:
            try:
                table = pa.ipc.open_stream(pa.memory_map(str(path)))
                meaning = layout.meaning_of(table.schema.metadata, path)
                if meaning is None:
                    raise ForeignSplit(
                        "was not packed by soundwright: it holds no tokens, only paths or other columns",
                        path=self.folder / name,
                        remedy="build it: soundwright dataset build TOKENS OUT",
                    )
                meanings.append(meaning)
                self._chunks += [_Chunk(batch) for batch in table if batch.num_rows]
            except FileNotFoundError as error:
                raise BadInput("is missing", path=path, remedy="build the dataset again") from error
            except (pa.ArrowException, KeyError) as error:
                raise BadInput(
                    f"is no whole data file: {error}", path=path, remedy="build the dataset again"
                ) from error
        self.meaning = meanings[0]
        counts = [len(chunk.num_frames) for chunk in self._chunks]
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        lengths = [chunk.num_frames for chunk in self._chunks]
        self.num_frames: NDArray[np.int64] = np.concatenate([np.zeros(0, np.int32), *lengths]).astype(np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        # Worker processes of a data loader map the files themselves.
        return PackedSplit, (self.folder, self.name)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> list[Clip]: ...
    def __getitem__(self, index: int | slice) -> Clip | list[Clip]:
        """The clip at a position; negative positions count from the end.

        Raises:
            IndexError: there are not so many.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f"clip {index} of {len(self)}")
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._chunks[which].clip(index - int(self._starts[which]), self.meaning)

    def __iter__(self) -> Iterator[Clip]:
        for chunk in self._chunks:
            for row in range(len(chunk.num_frames)):
                yield chunk.clip(row, self.meaning)

    def audio_paths(self) -> list[str]:
        """Path of each clip's token file, relative to the pack."""
        return [path for chunk in self._chunks for path in chunk.audio.to_pylist()]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the D columns of `cond`."""
        return self.meaning.columns

    @property
    def conditions(self) -> Conditions | None:
        """What the columns mean over all splits of the dataset (`meaning.conditions` knows this split alone).

        Raises:
            BadInput: it does not go with the split: a build was stopped halfway.
        """
        conditions = schema.read(self.folder)
        expected = conditions.columns if conditions else ()
        if self.columns != expected:
            raise BadInput(
                f"names the columns {list(expected)}, split {self.name} has {list(self.columns)}",
                path=self.folder / schema.NAME,
                remedy="a build was stopped: run the same dataset build again",
            )
        return conditions

    @property
    def duration_s(self) -> float:
        """Length of all clips together."""
        return float(self.num_frames.sum() / self.meaning.frame_rate)


class _Chunk:
    """One record batch, seen through numpy."""

    def __init__(self, batch: Any) -> None:
        tokens, cond = batch.column("tokens"), batch.column("cond")
        # `values` and `offsets` belong together also where a batch is a slice of a longer one.
        self.tokens, self.token_offsets = _view(tokens.values), _view(tokens.offsets)
        self.cond, self.cond_offsets = _view(cond.values), _view(cond.offsets)
        self.num_frames = _view(batch.column("num_frames"))
        self.audio = batch.column("audio")

    def clip(self, row: int, meaning: Meaning) -> Clip:
        a, b = self.token_offsets[row], self.token_offsets[row + 1]
        c, d = self.cond_offsets[row], self.cond_offsets[row + 1]
        frames = int(self.num_frames[row])
        return Clip(
            self.audio[row].as_py(),
            self.tokens[a:b].reshape(frames, meaning.num_codebooks),
            self.cond[c:d].reshape(frames, len(meaning.columns)),
        )


_DTYPES = {"uint16": np.uint16, "halffloat": np.float16, "float": np.float32, "int32": np.int32}


def _view(array: Any) -> NDArray[Any]:
    """The memory of an Arrow array of numbers. (Its own `to_numpy` does the same and imports pandas.)"""
    if array.null_count or str(array.type) not in _DTYPES:
        raise BadInput(f"a column of {array.type} with {array.null_count} nulls", remedy="build the dataset again")
    dtype = np.dtype(_DTYPES[str(array.type)])
    data = array.buffers()[1]
    if data is None:
        return np.zeros(0, dtype)
    return np.frombuffer(data, dtype, len(array), array.offset * dtype.itemsize)


@dataclass(frozen=True)
class Pack:
    """A packed dataset.

    Attributes:
        folder: where it is.
        splits: by name, in their order.
        conditions: what the columns of `cond` mean, over all splits; None for a pack without sidecars.
    """

    folder: Path
    splits: dict[str, PackedSplit]
    conditions: Conditions | None

    @property
    def meaning(self) -> Meaning:
        """Codec and frame rate, which all splits share."""
        return next(iter(self.splits.values())).meaning


def open_pack(folder: Path | str) -> Pack:
    """Opens a packed dataset.

    Raises:
        UsageError: there is none.
        BadInput: it was not packed by soundwright, is damaged, or a build was stopped halfway.
    """
    folder = Path(folder)
    names = layout.splits_of(folder)
    if not names:
        raise UsageError(
            f"holds no dataset: {layout.DICT} is missing",
            path=folder,
            remedy="build it: soundwright dataset build TOKENS OUT",
        )
    splits = {name: PackedSplit(folder, name) for name in names}
    (conditions, *_) = [split.conditions for split in splits.values()]
    return Pack(folder, splits, conditions)
