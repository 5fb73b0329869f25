"""Writes the data files of one split, in bounded memory, and puts them in the place of the old ones at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.dataset import layout
from soundwright.dataset.layout import Meaning
from soundwright.runs import atomic

#: A record batch is written when it holds this many bytes or rows, a file is closed at this size.
BATCH_BYTES, BATCH_ROWS, FILE_BYTES = 32 << 20, 1000, 512 << 20


@dataclass(frozen=True)
class PackedClip:
    """One row.

    Attributes:
        audio: path of the token file relative to the pack.
        codes: uint16 `[K, T]`.
        cond: float `[T, D]`.
    """

    audio: str
    codes: NDArray[np.uint16]
    cond: NDArray[np.floating[Any]]


def write_split(folder: Path, split: str, clips: Iterable[PackedClip], meaning: Meaning, cond_dtype: str) -> str:
    """Writes a split; until all of it stands on disk, an earlier version of it stays in place.

    Args:
        folder: the pack.
        split: its name.
        clips: the rows, taken one after the other.
        meaning: what the numbers mean; goes into every data file.
        cond_dtype: `float16` or `float32`.

    Returns:
        A digest of the content, the same for the same rows.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    with needs_extra("pack", "building a dataset"):
        import pyarrow as pa

    types = {"uint16": pa.uint16(), "int32": pa.int32(), "float16": pa.float16(), "float32": pa.float32()}
    lists = {"tokens": "uint16", "cond": cond_dtype}
    scalars = {"num_frames": "int32", "num_codebooks": "int32"}
    # As `datasets.Features` writes itself; stated here so that building needs pyarrow alone.
    features: dict[str, Any] = {
        "audio": {"dtype": "string", "_type": "Value"},
        **{name: {"feature": {"dtype": dtype, "_type": "Value"}, "_type": "List"} for name, dtype in lists.items()},
        **{name: {"dtype": dtype, "_type": "Value"} for name, dtype in scalars.items()},
    }
    schema = pa.schema(
        [
            ("audio", pa.string()),
            *((name, pa.list_(types[dtype])) for name, dtype in lists.items()),
            *((name, types[dtype]) for name, dtype in scalars.items()),
        ],
        metadata={
            b"huggingface": json.dumps({"info": {"features": features}}).encode(),
            layout.METADATA_KEY: meaning.model_dump_json().encode(),
        },
    )
    home = folder / split
    home.mkdir(parents=True, exist_ok=True)
    files = _Files(home, schema)
    with ExitStack() as stack:
        # Whatever happens before the commit, what was written so far is no part of the split: remove it.
        stack.callback(files.discard)
        batch: list[PackedClip] = []
        size = 0
        for clip in clips:
            batch.append(clip)
            size += clip.codes.nbytes + clip.cond.nbytes
            if size >= BATCH_BYTES or len(batch) >= BATCH_ROWS:
                files.write(_record_batch(batch, schema, cond_dtype))
                batch, size = [], 0
        if batch or not files.paths:
            files.write(_record_batch(batch, schema, cond_dtype))
        files.close()
        stack.pop_all()
    names, fingerprint = files.name_by_content()
    _commit(folder, split, names, fingerprint, features)
    return fingerprint


def _record_batch(clips: list[PackedClip], schema: Any, cond_dtype: str) -> Any:
    """Rows -> one Arrow record batch, by whole arrays: no Python list of numbers is ever made."""
    import pyarrow as pa

    def plain(values: NDArray[Any], kind: Any) -> Any:
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])

    def ragged(arrays: list[NDArray[Any]], dtype: str, kind: Any) -> Any:
        offsets = np.zeros(len(arrays) + 1, np.int32)
        np.cumsum([array.size for array in arrays], out=offsets[1:])
        flat = np.concatenate([np.zeros(0, dtype), *(array.reshape(-1) for array in arrays)], dtype=dtype)
        return pa.ListArray.from_arrays(plain(offsets, pa.int32()), plain(flat, kind.value_type))

    def counts(axis: int) -> Any:
        return plain(np.array([clip.codes.shape[axis] for clip in clips], np.int32), pa.int32())

    def strings(texts: list[str]) -> Any:
        # from_buffers, since pa.array would import pandas where it is installed
        encoded = [text.encode() for text in texts]
        offsets = np.zeros(len(texts) + 1, np.int32)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))

    columns = [
        strings([clip.audio for clip in clips]),
        ragged([clip.codes.T for clip in clips], "uint16", schema.field("tokens").type),
        ragged([clip.cond for clip in clips], cond_dtype, schema.field("cond").type),
        counts(1),
        counts(0),
    ]
    return pa.record_batch(columns, schema=schema)


class _Files:
    """Arrow stream files of limited size, under temporary names."""

    def __init__(self, home: Path, schema: Any) -> None:
        self.home, self.schema = home, schema
        self.paths: list[Path] = []
        self._open: ExitStack | None = None
        self._writer: Any = None
        self._size = 0

    def write(self, batch: Any) -> None:
        import pyarrow as pa

        if self._writer is not None and self._size + batch.nbytes > FILE_BYTES:
            self.close()
        if self._writer is None:
            path = self.home / f"unfinished-{len(self.paths):05d}.arrow"
            self.paths.append(path)
            self._open, self._size = ExitStack(), 0
            temporary = self._open.enter_context(atomic.atomic_path(path))
            sink = self._open.enter_context(pa.OSFile(str(temporary), "wb"))
            self._writer = self._open.enter_context(pa.ipc.new_stream(sink, self.schema))
        self._writer.write_batch(batch)
        self._size += batch.nbytes

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = self._writer = None

    def discard(self) -> None:
        self.close()
        for path in self.paths:
            path.unlink(missing_ok=True)

    def name_by_content(self) -> tuple[list[str], str]:
        """Gives the files their names; equal content gives equal names."""
        total = hashlib.sha256()
        for path in self.paths:
            with open(path, "rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        fingerprint = total.hexdigest()[:16]
        names = [f"data-{fingerprint}-{i:05d}.arrow" for i in range(len(self.paths))]
        for path, name in zip(self.paths, names, strict=True):
            path.replace(self.home / name)
        return names, fingerprint


def _commit(folder: Path, split: str, names: list[str], fingerprint: str, features: dict[str, Any]) -> None:
    home = folder / split
    info = home / layout.INFO
    wanted = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    if not info.is_file() or json.loads(info.read_text(encoding="utf-8")).get("features") != features:
        # Types change with the data. In between, none are stated: `datasets` then takes them from the data.
        atomic.write_json(info, {**wanted, "features": None})
    atomic.write_json(home / layout.STATE, layout.state(split, names, fingerprint))
    atomic.write_json(info, wanted)
    layout.add_split(folder, split)
    for path in home.glob("*.arrow"):
        if path.name not in names:
            path.unlink()
