"""Sidecars: what is known of a clip, frame by frame, in two files beside (or parallel to) its token file.

    x.ecdc -> x.cond.npy    float16 or float32 [T, D]: T frames (those of the tokens), D features
              x.cond.json   {"schema_version": 1, "fps", "names", "source_rate", "norm"}

`norm` (`mean, std, min, max`, D numbers each) describes the columns of this clip alone. Readers of version 1
ignore further keys; ours are `num_frames`, `dtype`, `features` (name -> units, doc, type, range, classes) and
`values_sha256`, the digest of the .npy file.

The digest ties the two files together. They are replaced one after the other: the new JSON is written under a
pending name, the .npy is replaced, then the pending file takes its place. A kill in between leaves a .npy
that the JSON does not know ("half replaced"): it is never used, and `mend` finishes the job.

Version 2 of the origin (`features: {name: {min, max, mean, std, units, doc_string}}`, columns in the order of
the features) is read, and becomes version 1 when it is next written.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.formats.features import Dtype, Feature, SidecarFeature
from soundwright.formats.sidecar_json import REMAKE, Header, Norm, as_json, read_json
from soundwright.formats.sidecar_names import SUFFIX, check_suffix, json_of, paths, pending_of
from soundwright.formats.statistics import Statistics
from soundwright.runs import atomic

__all__ = [
    "SUFFIX",
    "Dtype",
    "Feature",
    "HalfReplaced",
    "Header",
    "MissingSidecar",
    "Sidecar",
    "SidecarFeature",
    "check_suffix",
    "describe",
    "json_of",
    "mend",
    "paths",
    "read",
    "read_header",
    "settled_header",
    "verify",
    "write",
]


class MissingSidecar(BadInput):
    """A clip has no sidecar."""


class HalfReplaced(BadInput):
    """The two files of a sidecar do not belong together."""


@dataclass(frozen=True)
class Sidecar:
    """A whole sidecar.

    Attributes:
        values: float16 or float32 `[T, D]`.
        header: the JSON half.
    """

    values: NDArray[np.floating]
    header: Header

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the D columns."""
        return self.header.names

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.header.fps

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.values)

    @property
    def features(self) -> dict[str, SidecarFeature]:
        """What is known of each column; every column is there."""
        return {name: self.header.features.get(name, SidecarFeature()) for name in self.names}

    def column(self, name: str) -> NDArray[np.floating]:
        """One column `[T]`."""
        return self.values[:, self.names.index(name)]


def read(npy_path: Path) -> Sidecar:
    """Reads a sidecar.

    Raises:
        MissingSidecar: neither of its files is there.
        HalfReplaced: the .npy file is not the one that the JSON describes.
        BadInput: one file is missing, damaged, of another version, or they disagree.
    """
    header = read_header(npy_path)
    data = verify(npy_path, header)
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadInput("is no whole .npy file of numbers", path=npy_path, remedy=REMAKE) from error
    if values.ndim != 2 or values.dtype.kind != "f" or values.shape[1] != len(header.names):
        raise BadInput(
            f"expected float values [T, {len(header.names)}] for the names {list(header.names)}, "
            f"found {values.dtype} {list(values.shape)}",
            path=npy_path,
            remedy=REMAKE,
        )
    return Sidecar(values, _with_given_ranges(header, values) if header.schema_version == 2 else header)


def verify(npy_path: Path, header: Header) -> bytes:
    """Reads the .npy file and sees that it is the one that the JSON describes; foreign files pass.

    Raises:
        HalfReplaced: it is another one.
    """
    data = npy_path.read_bytes()
    if header.values_sha256 not in (None, hashlib.sha256(data).hexdigest()):
        raise HalfReplaced(
            "half replaced: its .json describes other values",
            path=npy_path,
            remedy="repeat the sidecar command that was stopped; where that does not mend it, " + REMAKE,
        )
    return data


def read_header(npy_path: Path) -> Header:
    """Reads the JSON half alone.

    Raises:
        MissingSidecar: neither file is there.
        HalfReplaced: only the .npy is there.
        BadInput: only the JSON is there, or it is damaged or of a version that this release does not know.
    """
    json_path = Path(json_of(str(npy_path)))
    if not npy_path.exists() or not json_path.exists():
        raise _incomplete(npy_path, json_path)
    return read_json(json_path)


def write(
    npy_path: Path,
    values: NDArray[np.floating],
    names: Sequence[str],
    *,
    fps: float,
    features: Mapping[str, Feature] | None = None,
) -> Header:
    """Writes or replaces a sidecar; a kill at any moment loses neither the old nor the new one.

    Args:
        npy_path: its .npy file; the folder is made if missing.
        values: float16 or float32 `[T, D]`, all finite.
        names: of the D columns, each once.
        fps: frames per second.
        features: what is known of the columns.

    Returns:
        The JSON half as written.

    Raises:
        ValueError: values and names do not go together, or a value is NaN or infinite.
    """
    if values.ndim != 2 or values.shape[1] != len(names) or str(values.dtype) not in ("float16", "float32"):
        raise ValueError(f"expected float16 or float32 [T, {len(names)}], found {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("values are NaN or infinite")
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(values), allow_pickle=False)
    data = buffer.getvalue()
    header = describe(values, names, fps=fps, features=features)
    header = header.model_copy(update={"values_sha256": hashlib.sha256(data).hexdigest()})
    pending = pending_of(npy_path)
    atomic.write_json(pending, as_json(header))
    atomic.write_bytes(npy_path, data)
    os.replace(pending, json_of(str(npy_path)))
    return header


def describe(
    values: NDArray[np.floating],
    names: Sequence[str],
    *,
    fps: float,
    features: Mapping[str, Feature] | None = None,
) -> Header:
    """The JSON half for values `[T, D]`, without the digest of a file."""
    columns = [Statistics.of(values[:, d]) for d in range(len(names))] if len(values) else []
    known = {name: (features or {}).get(name, Feature()) for name in names}
    return Header(
        fps=fps,
        names=tuple(names),
        source_rate=fps,
        norm=Norm(
            mean=tuple(column.mean for column in columns),
            std=tuple(column.std for column in columns),
            min=tuple(column.min for column in columns),
            max=tuple(column.max for column in columns),
        ),
        num_frames=len(values),
        dtype=str(values.dtype),
        features={
            name: feature if isinstance(feature, SidecarFeature) else SidecarFeature.from_feature(feature)
            for name, feature in known.items()
        },
    )


def settled_header(npy_path: Path) -> Header:
    """The JSON half as it will be once a replacement that was killed is mended; changes nothing.

    Raises:
        BadInput: as `read_header`.
    """
    pending = pending_of(npy_path)
    try:
        announced = read_json(pending)
        data = npy_path.read_bytes()
    except FileNotFoundError:
        return read_header(npy_path)
    if announced.values_sha256 == hashlib.sha256(data).hexdigest():
        return announced
    return read_header(npy_path)


def mend(npy_path: Path) -> bool:
    """Finishes, or takes back, a replacement that was killed; true if there was one.

    To be called before a sidecar is edited, while no other process edits it.
    """
    pending = pending_of(npy_path)
    try:
        announced = json.loads(pending.read_text(encoding="utf-8"))["values_sha256"]
    except FileNotFoundError:
        return False
    if npy_path.exists() and hashlib.sha256(npy_path.read_bytes()).hexdigest() == announced:
        os.replace(pending, json_of(str(npy_path)))
    else:
        pending.unlink()  # killed before the .npy was replaced: the old pair stands whole
    return True


def _with_given_ranges(header: Header, values: NDArray[np.floating]) -> Header:
    """Version 2 let the user give min and max: where they are not the values' own, they are a range."""
    features = dict(header.features)
    for d, name in enumerate(header.names) if len(values) else ():
        given = (header.norm.min[d], header.norm.max[d])
        if not np.allclose(given, (values[:, d].min(), values[:, d].max()), rtol=2e-3, atol=1e-6):
            features[name] = features[name].model_copy(update={"range": given})
    return header.model_copy(update={"features": features})


def _incomplete(npy_path: Path, json_path: Path) -> BadInput:
    if json_path.exists():
        return BadInput(f"has no {npy_path.name} beside it", path=json_path, remedy=REMAKE)
    if not npy_path.exists():
        return MissingSidecar("there is no sidecar", path=npy_path, remedy="make it: sidecar init")
    twice = json_path.with_name(npy_path.name.removesuffix(".npy") + ".cond.json")
    remedy = f"an older tool wrote {twice.name}; rename it to {json_path.name}" if twice.exists() else REMAKE
    return HalfReplaced(f"has no {json_path.name} beside it", path=npy_path, remedy=remedy)
