"""The JSON half of a sidecar, and how version 2 of the origin becomes version 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from soundwright.core.errors import BadInput
from soundwright.formats.features import SidecarFeature
from soundwright.formats.statistics import Statistics

SCHEMA_VERSION = 1
REMAKE = "make it again: sidecar init --overwrite, then sidecar add"


class Norm(BaseModel):
    """Statistics of one clip's columns: D numbers each, or none at all."""

    model_config = ConfigDict(frozen=True)

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    min: tuple[float, ...] = ()
    max: tuple[float, ...] = ()


class Header(BaseModel):
    """The JSON half of a sidecar.

    Attributes:
        schema_version: 1; or 2 as read from a file of the origin.
        fps: frames per second.
        names: of the D columns, each once.
        source_rate: frames per second of what the values were made from; as `fps`.
        norm: statistics of this clip's columns.
        num_frames: T; None in files that we did not write.
        dtype: of the values; None in files that we did not write.
        features: what is known of each column.
        values_sha256: digest of the .npy file; None in files that we did not write.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: int = SCHEMA_VERSION
    fps: float
    names: tuple[str, ...]
    source_rate: float
    norm: Norm = Norm()
    num_frames: int | None = None
    dtype: str | None = None
    features: dict[str, SidecarFeature] = {}
    values_sha256: str | None = None

    @model_validator(mode="after")
    def _goes_together(self) -> Header:
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"a name is there twice: {list(self.names)}")
        lengths = {len(self.norm.mean), len(self.norm.std), len(self.norm.min), len(self.norm.max)}
        if lengths not in ({0}, {len(self.names)}):
            raise ValueError(f"norm has {sorted(lengths)} numbers for {len(self.names)} names")
        return self

    @property
    def is_ours(self) -> bool:
        """Whether we wrote it, so that `num_frames`, `dtype`, the digest and `norm` can be relied on."""
        return self.values_sha256 is not None and self.num_frames is not None

    def statistics(self) -> tuple[Statistics, ...]:
        """Statistics of each column `[D]`, from `norm`; only for files that are ours and not empty."""
        columns = zip(self.norm.min, self.norm.max, self.norm.mean, self.norm.std, strict=True)
        count = self.num_frames or 0
        return tuple(Statistics(count=count, min=a, max=b, mean=mean, std=std) for a, b, mean, std in columns)


def read_json(path: Path) -> Header:
    """Reads the JSON half.

    Raises:
        BadInput: it is damaged, or of a version that this release does not know.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        version = raw["schema_version"]
        if version not in (1, 2):
            raise BadInput(
                f"schema_version is {version!r}; this release reads 1 and 2",
                path=path,
                remedy="use the release that wrote it, or make it again: sidecar init --overwrite",
            )
        return Header.model_validate(_from_version_2(raw) if version == 2 else raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"is no sidecar JSON: {_first_line(error)}", path=path, remedy=REMAKE) from error


def as_json(header: Header) -> dict[str, Any]:
    """The header as it is written."""
    raw = header.model_dump(mode="json", exclude_none=True)
    raw["features"] = {
        name: {
            "units": feature.units,
            "doc": feature.doc,
            "type": feature.type,
            **feature.model_dump(mode="json", exclude_defaults=True),
        }
        for name, feature in header.features.items()
    }
    for key in ("fps", "source_rate"):  # version 1 says 75, not 75.0
        raw[key] = int(raw[key]) if float(raw[key]).is_integer() else raw[key]
    return raw


def _from_version_2(raw: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, dict[str, Any]] = raw["features"]
    return {
        "schema_version": 2,
        "fps": raw["fps"],
        "source_rate": raw.get("source_rate", raw["fps"]),
        "names": list(columns),
        "norm": {key: [column[key] for column in columns.values()] for key in ("mean", "std", "min", "max")},
        "features": {
            name: {"units": column.get("units") or "", "doc": column.get("doc_string") or ""}
            for name, column in columns.items()
        },
    }


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}".removeprefix(": ")
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
