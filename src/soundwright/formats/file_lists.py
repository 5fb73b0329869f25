"""Lists of sound files as JSON lines: the manifests of a split, and AudioCraft's `data.jsonl`.

A manifest names files, one to a line: `{"path": "/abs/take_000.wav"}`. AudioCraft's list, which it looks for in every
dataset folder, says more, so that training need not open the files to know them:

    {"path": "/abs/take_000.wav", "duration": 10.0, "sample_rate": 32000, "channels": 1}

Paths are absolute: AudioCraft resolves relative ones against its own checkout. Other keys are read over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundwright.core.errors import BadInput
from soundwright.runs import atomic

#: The name under which AudioCraft looks for its list in a dataset folder.
DATA_JSONL = "data.jsonl"


@dataclass(frozen=True)
class SoundFile:
    """A line of AudioCraft's list.

    Attributes:
        path: absolute.
        duration_s: length in seconds, of the file itself.
        sample_rate: Hz.
        channels: number of channels.
    """

    path: Path
    duration_s: float
    sample_rate: int
    channels: int


def write_manifest(path: Path, files: Iterable[Path]) -> None:
    """Writes a manifest, atomically.

    Raises:
        ValueError: there is no file to write, or one of the paths is relative.
    """
    atomic.write_text(path, manifest_text(files))


def manifest_text(files: Iterable[Path]) -> str:
    """The content of a manifest.

    Raises:
        ValueError: there is no file, or one of the paths is relative.
    """
    return _text({"path": _absolute(file)} for file in files)


def read_manifest(path: Path) -> list[Path]:
    """Reads the paths of a manifest, or of AudioCraft's list.

    Raises:
        BadInput: it is missing, empty, or a line is no JSON object with an absolute path.
    """
    return [_path(line, path, number) for number, line in _lines(path)]


def write_sound_files(path: Path, files: Iterable[SoundFile]) -> None:
    """Writes AudioCraft's list, atomically; one that is so already is left alone.

    Raises:
        ValueError: there is no file to write, or one of the paths is relative.
    """
    text = _text(
        {
            "path": _absolute(file.path),
            "duration": file.duration_s,
            "sample_rate": file.sample_rate,
            "channels": file.channels,
        }
        for file in files
    )
    atomic.update_bytes(path, text.encode("utf-8"))


def read_sound_files(path: Path) -> list[SoundFile]:
    """Reads AudioCraft's list.

    Raises:
        BadInput: it is missing or empty, or a line lacks one of the keys or has it in another type.
    """
    files = []
    for number, line in _lines(path):
        duration_s: Any = line.get("duration")
        sample_rate: Any = line.get("sample_rate")
        channels: Any = line.get("channels")
        if not (_is_number(duration_s) and duration_s > 0 and _is_count(sample_rate) and _is_count(channels)):
            found = {"duration": duration_s, "sample_rate": sample_rate, "channels": channels}
            raise _bad(path, number, f"expected a duration, a sample_rate and channels as numbers, found {found}")
        files.append(SoundFile(_path(line, path, number), float(duration_s), sample_rate, channels))
    return files


def _text(lines: Iterable[dict[str, Any]]) -> str:
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
    if not text:
        raise ValueError("a list without a file cannot be read back")
    return text


def _lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        # Not `splitlines`: a name written by another program may hold one of the line ends that only Unicode knows.
        texts = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", path=path, remedy="write it again") from error
    if texts == [""]:
        raise BadInput("is empty", path=path, remedy="write it again")
    lines = []
    for number, text in enumerate(texts, start=1):
        try:
            line = json.loads(text)
        except ValueError as error:
            raise _bad(path, number, f"is no JSON: {error}") from error
        if not isinstance(line, dict):
            raise _bad(path, number, f"expected a JSON object, found {text!r}")
        lines.append((number, line))
    return lines


def _path(line: dict[str, Any], path: Path, number: int) -> Path:
    named = line.get("path")
    if not isinstance(named, str) or not named.startswith("/"):
        raise _bad(path, number, f"expected an absolute path, found {named!r}")
    return Path(named)


def _absolute(file: Path) -> str:
    if not file.is_absolute():
        raise ValueError(f"expected an absolute path, found {file}")
    return str(file)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _bad(path: Path, number: int, what: str) -> BadInput:
    return BadInput(f"line {number}: {what}", path=path, remedy="mend the line, or write the list again")
