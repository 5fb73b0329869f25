"""Where a track goes, and what stands there already."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from soundwright.audio.tagged import FORMATS
from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.record import Record, read_record, record_at, record_path


def format_of(output: Path, format: str | None) -> str:
    """The format of a file: --format, or its ending.

    Raises:
        UsageError: neither says one that can be written, or they disagree.
    """
    ending = output.suffix.lower().removeprefix(".")
    if format is None and ending not in FORMATS:
        raise UsageError(
            f"its ending {output.suffix!r} names no format that can be written",
            path=output,
            remedy=f"end it in {', '.join('.' + name for name in FORMATS)}, or give --format",
        )
    if format is not None and ending in FORMATS and ending != format:
        raise UsageError(f"ends in .{ending} and --format is {format}", path=output, remedy="make them agree")
    return format or ending


def require_writable(output: Path) -> None:
    """Makes the folder of a file that will be written, before the hour of work and not after it.

    Raises:
        UsageError: it cannot be written, or is a folder.
    """
    if output.is_dir():
        raise UsageError("is a folder, and a file is to be written", path=output, remedy="give the name of a file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}", path=output, remedy="choose another --output"
        ) from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy="check the path") from error


def unfinished_path(output: Path) -> Path:
    """Where the record of a track stands until it is finished."""
    return output.with_name(f".{output.name}.unfinished.json")


def unfinished_at(output: Path) -> Record | None:
    """The record of a track that was begun at `output` and not finished."""
    path = unfinished_path(output)
    try:
        return read_record(path) if path.is_file() else None
    except BadInput:
        return None  # half a record of a track that did not get far


def seed_before(output: Path, *, resume: bool) -> int | None:
    """The seed of the track at `output` the last time, so that the same command without a seed means the same track."""
    earlier = (unfinished_at(output) if resume else None) or record_at(output)
    return earlier.seed if earlier else None


def stands_already(output: Path, wanted: Record, *, overwrite: bool) -> bool:
    """Whether the very track that is wanted stands at `output`, whole.

    Raises:
        UsageError: something else stands there, and `overwrite` is false.
    """
    if overwrite:
        return False
    beside = record_path(output)
    found = record_at(output)
    if not output.exists():
        if beside.exists() and found is None:
            raise UsageError(
                "would be replaced by the track's record and is no such record",
                path=beside,
                remedy="move it, choose another --output, or --overwrite",
            )
        return False
    if found is None:
        reason = "has no record beside it, so it was not made by this command"
    elif different := found.differences(wanted):
        reason = f"was made with other settings ({', '.join(different)})"
    elif found.run.get("file_sha256") != file_digest(output):
        reason = "is not the file that its record tells of"
    else:
        return True
    raise UsageError(f"exists already and {reason}", path=output, remedy="choose another --output, or --overwrite")


def require_same_track(output: Path, wanted: Record) -> bool:
    """Whether an unfinished track at `output` can go on as `wanted`; false where there is none.

    Its length, level and format may be others than before.

    Raises:
        UsageError: it was begun with other settings.
    """
    begun = unfinished_at(output)
    if begun is None:
        return False
    different = [name for name in begun.differences(wanted) if name not in ("duration_s", "finish", "format")]
    if different:
        raise UsageError(
            f"was begun with other settings ({', '.join(different)})",
            path=output,
            remedy="give those again, or leave out --resume to begin anew",
        )
    return True
