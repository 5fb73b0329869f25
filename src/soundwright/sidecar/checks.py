"""What can be wrong with one sidecar. Reads; changes nothing; knows nothing of other clips.

The strict reader in `formats/sidecar.py` says yes or no. Here each fault gets its name, and all faults of a file are
told at once.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, SoundwrightError
from soundwright.formats import sidecar
from soundwright.formats.conditions import Parameter
from soundwright.formats.ecdc import TokenHeader
from soundwright.sidecar.issues import Issue
from soundwright.sidecar.ranges import out_of_range


@dataclass(frozen=True)
class Expected:
    """What every sidecar is held against.

    Attributes:
        fps: frames per second; None for those of the tokens.
        dtype: of the values; None for float16 or float32.
        required: columns that must be there.
        columns: the columns of the tree; None where that is not known.
        parameters: what the columns mean, by the schema of the tree.
        verify_ranges: whether values are held against the declared ranges.
        range_tol: how far beyond a range a value may lie, on top of the resolution of its type.
    """

    fps: float | None = None
    dtype: str | None = None
    required: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    parameters: dict[str, Parameter] = field(default_factory=dict)
    verify_ranges: bool = False
    range_tol: float = 1e-6


@dataclass(frozen=True)
class Looked:
    """A sidecar, as far as it could be read.

    Attributes:
        issues: what is wrong with it.
        names: its columns; None if unknown.
        values: `[T, D]`; None if unreadable.
        fps: frames per second; None if unknown.
    """

    issues: tuple[Issue, ...]
    names: tuple[str, ...] | None = None
    values: NDArray[np.floating] | None = None
    fps: float | None = None


def look_at(npy_path: Path, tokens: TokenHeader | None, expected: Expected) -> Looked:
    """Checks one sidecar against its tokens and the tree.

    Args:
        npy_path: its .npy file.
        tokens: the header of its token file; None if that cannot be read.
        expected: what it is held against.
    """
    json_path = Path(sidecar.json_of(str(npy_path)))
    if not npy_path.exists() and not json_path.exists():
        return Looked((Issue("missing_sidecar", f"expected {npy_path.name}"),))
    issues: list[Issue] = []
    data, values = _read_values(npy_path, issues)
    if values is not None:
        issues += _of_values(values, tokens, expected)
    header = _read_json(json_path, npy_path, issues)
    names: tuple[str, ...] | None = None
    fps: float | None = None
    if header is not None:
        names = _names(header, values, issues)
        fps = _frame_rate(header, tokens, expected, issues)
        issues += _of_norm(header, names)
        if data and header.get("values_sha256") not in (None, hashlib.sha256(data).hexdigest()):
            issues.append(Issue("stale_sidecar", "half replaced: its .json describes other values"))
    if names is not None:
        issues += _of_columns(names, expected)
        if expected.verify_ranges and values is not None and values.shape[1] == len(names):
            issues += out_of_range(values, names, expected.parameters, expected.range_tol)
    if not issues:
        issues += _by_the_reader(npy_path)
    return Looked(tuple(issues), names, values, fps)


def _read_values(npy_path: Path, issues: list[Issue]) -> tuple[bytes, NDArray[np.floating] | None]:
    """The bytes of the .npy file and the values in it, as far as there are any."""
    data = b""
    try:
        data = npy_path.read_bytes()
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        issues.append(Issue("bad_sidecar", f"{npy_path.name}: {_short(error)}"))
        return data, None
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind != "f":
        found = f"{values.dtype} {list(values.shape)}" if isinstance(values, np.ndarray) else "an archive"
        issues.append(Issue("bad_shape", f"expected floats [T, D], found {found}"))
        return data, None
    return data, values


def _of_values(values: NDArray[np.floating], tokens: TokenHeader | None, expected: Expected) -> Iterator[Issue]:
    if tokens is not None and len(values) != tokens.num_frames:
        yield Issue("frame_mismatch", f"the tokens have {tokens.num_frames} frames, the sidecar {len(values)}")
    allowed = (expected.dtype,) if expected.dtype else ("float16", "float32")
    if str(values.dtype) not in allowed:
        yield Issue("dtype_mismatch", f"expected {' or '.join(allowed)}, found {values.dtype}")
    wrong = ~np.isfinite(values)
    if wrong.any():
        frames, columns = np.nonzero(wrong)
        yield Issue("nan_or_inf", f"{wrong.sum()} values, the first in frame {frames[0]}, column {columns[0]} (from 0)")


def _read_json(json_path: Path, npy_path: Path, issues: list[Issue]) -> dict[str, Any] | None:
    try:
        header = json.loads(json_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        twice = json_path.with_name(npy_path.name.removesuffix(".npy") + ".cond.json")
        hint = f"; an older tool wrote {twice.name}, rename it" if twice.exists() else ""
        issues.append(Issue("missing_json", f"expected {json_path.name}{hint}"))
        return None
    except (OSError, ValueError) as error:
        issues.append(Issue("bad_sidecar", f"{json_path.name}: {_short(error)}"))
        return None
    version = header.get("schema_version") if isinstance(header, dict) else None
    if version not in (1, 2):
        issues.append(Issue("bad_sidecar", f"{json_path.name}: expected schema_version 1 or 2, found {version!r}"))
        return None
    result: dict[str, Any] = header
    return result


def _names(header: dict[str, Any], values: NDArray[np.floating] | None, issues: list[Issue]) -> tuple[str, ...] | None:
    found = header.get("features") if header["schema_version"] == 2 else header.get("names")
    num_columns = None if values is None else values.shape[1]
    if not isinstance(found, list | dict) or any(not isinstance(name, str) for name in found):
        issues.append(Issue("missing_names", f"expected a list of names, found {found!r:.80}"))
        return None
    names = tuple(found)
    if not names and num_columns:
        issues.append(Issue("missing_names", f"{num_columns} columns have no names"))
        return None
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        issues.append(Issue("duplicate_names", ", ".join(twice)))
    if num_columns is not None and len(names) != num_columns:
        issues.append(Issue("names_length_mismatch", f"{len(names)} names for {num_columns} columns"))
    return names


def _frame_rate(
    header: dict[str, Any], tokens: TokenHeader | None, expected: Expected, issues: list[Issue]
) -> float | None:
    fps = header.get("fps")
    if not isinstance(fps, int | float) or isinstance(fps, bool) or not fps > 0:
        issues.append(Issue("fps_mismatch", f"expected frames per second, found {fps!r:.80}"))
        return None
    wanted = {"--expect-fps": expected.fps, "the tokens": tokens.frame_rate if tokens else None}
    for source, value in wanted.items():
        if value is not None and not math.isclose(fps, value, rel_tol=1e-6):
            issues.append(Issue("fps_mismatch", f"{source}: {value:g} frames/s, the sidecar: {fps:g}"))
            break
    return float(fps)


def _of_norm(header: dict[str, Any], names: tuple[str, ...] | None) -> Iterator[Issue]:
    if header["schema_version"] == 2:
        columns = header["features"].values() if isinstance(header.get("features"), dict) else []
        if not all(isinstance(column, dict) for column in columns):
            yield Issue("norm_invalid", "features: expected an object for each column")
            return
        norm = {key: [column.get(key) for column in columns] for key in ("mean", "std", "min", "max")}
    else:
        norm = header.get("norm", {})
    parts = [norm.get(key, []) for key in ("mean", "std", "min", "max")] if isinstance(norm, dict) else [None]
    if not all(isinstance(part, list) and all(_is_number(value) for value in part) for part in parts):
        yield Issue("norm_invalid", "expected lists of finite numbers for mean, std, min and max")
        return
    lengths = {len(part) for part in parts}
    if lengths != {0} and lengths != {len(names or ())}:
        yield Issue("norm_length_mismatch", f"{sorted(lengths)} numbers for {len(names or ())} columns")
        return
    inverted = [name for name, low, high in zip(names or (), parts[2], parts[3], strict=False) if low > high]
    if inverted:
        yield Issue("norm_inverted", ", ".join(inverted))


def _of_columns(names: tuple[str, ...], expected: Expected) -> Iterator[Issue]:
    wanted = dict.fromkeys([*expected.required, *(expected.columns or ())])
    lacking = [name for name in wanted if name not in names]
    if lacking:
        yield Issue("missing_features", f"{', '.join(lacking)}; there are {', '.join(names) or 'none'}")
    elif expected.columns is not None and names != expected.columns:
        yield Issue("schema_mismatch", f"expected {', '.join(expected.columns) or 'none'}, found {', '.join(names)}")


def _by_the_reader(npy_path: Path) -> Iterator[Issue]:
    """What the strict reader still finds, so that a file which passes here can be packed."""
    try:
        sidecar.read(npy_path)
    except BadInput as error:
        yield Issue("bad_sidecar", error.message)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _short(error: Exception | SoundwrightError) -> str:
    text = str(error.strerror if isinstance(error, OSError) and error.strerror else error)
    return text.splitlines()[0] if text else type(error).__name__
