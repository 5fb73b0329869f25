"""Where a track goes, and what stands there already."""

from __future__ import annotations

import contextlib
import enum
import os
import tempfile
from pathlib import Path

from soundwright.audio.tagged import FORMATS
from soundwright.core.digest import file_digest
from soundwright.core.errors import BadInput, SoundwrightError, UsageError
from soundwright.musicgen.record import Record, read_record, record_at, record_path, state_path
from soundwright.runs.events import Note, emit

#: Settings that decide none of the tokens: work that was begun goes on with others.
_AFTER_TOKENS = ("duration_s", "finish", "format")


class Standing(enum.Enum):
    """What stands at an output."""

    NOTHING = enum.auto()
    UNFINISHED = enum.auto()
    DONE = enum.auto()


def format_of(output: Path, format: str | None) -> str:
    """The format of a file: --format, or its ending.

    Raises:
        UsageError: neither says one that can be written, they disagree, or the name is that of the track's record.
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
    if ending == "json":
        raise UsageError("is where the track's record goes", path=output, remedy=f"end it in .{format}")
    return format or ending


def require_writable(output: Path) -> None:
    """Makes the folder of a file that will be written, before the hour of work and not after it.

    Raises:
        UsageError: it cannot be written, is a folder, a device or a link to nothing, or its name is too long.
    """
    if output.is_dir():
        raise UsageError("is a folder, and a file is to be written", path=output, remedy="give the name of a file")
    for path in (output, record_path(output)):
        if path.is_symlink() and not path.exists():
            raise UsageError("is a link to a file that is not there", path=path, remedy="remove it, or mend it")
        if path.exists() and not path.is_file():
            raise UsageError("is no plain file", path=path, remedy="choose another --output")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
        longest = os.pathconf(output.parent, "PC_NAME_MAX")
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}", path=output, remedy="choose another --output"
        ) from error
    too_long = max(len(os.fsencode(unfinished_path(output).name)), len(os.fsencode(output.name))) - longest
    if too_long > 0:
        raise UsageError(
            f"its name is {too_long} bytes too long for this disk and what is kept beside a track",
            path=output,
            remedy="give a shorter one",
        )


def as_fault(error: SoundwrightError | OSError, output: Path) -> SoundwrightError:
    """A fault of the disk or of saved tokens as one line about the track, whose hidden files a user never saw."""
    if isinstance(error, SoundwrightError):
        if error.path != state_path(output):
            return error
        return BadInput(error.message, path=output, remedy="--overwrite begins the track anew")
    remedy = "mend it; the same command goes on from what is saved"
    named = Path(os.fsdecode(error.filename)) if error.filename else output
    if named.parent != output.parent:  # not a file of the track, or beside it: what goes in
        return BadInput(error.strerror or str(error), path=named, remedy=remedy)
    return BadInput(f"cannot be written: {error.strerror or error}", path=output, remedy=remedy)


def unfinished_path(output: Path) -> Path:
    """Where the record of a track stands until it is finished."""
    return output.with_name(f".{output.name}.unfinished.json")


def unfinished_at(output: Path) -> Record | None:
    """The record of a track that was begun at `output` and not finished."""
    path = unfinished_path(output)
    try:
        return read_record(path) if path.is_file() else None
    except BadInput:
        return None  # somebody else's, or damaged


def clear_unless_saved(output: Path) -> None:
    """After a failure: where no tokens are saved there is nothing to go on with, and no record of it stays."""
    if not state_path(output).is_file():
        with contextlib.suppress(OSError):
            unfinished_path(output).unlink(missing_ok=True)


def seed_before(output: Path, *, resume: bool, overwrite: bool) -> int | None:
    """The seed of the track at `output` the last time, so that the same command without a seed means the same track.

    With `overwrite` that is another track, unless it was begun so and stopped.
    """
    begun = unfinished_at(output)
    if overwrite and not resume:
        return begun.seed if begun and _begun_anew(begun) else None
    done = record_at(output)
    earlier = begun or done if resume or not output.exists() else done or begun
    return earlier.seed if earlier else None


def look(output: Path, wanted: Record, *, resume: bool, overwrite: bool) -> Standing:
    """What stands at `output` of the track that is wanted. Work that was begun and stopped is gone on with.

    Args:
        output: the track.
        wanted: its record.
        resume: the user expects work to go on with, and is told if there is none.
        overwrite: whatever stands there is replaced.

    Raises:
        UsageError: something else stands there, or was begun with other settings, and `overwrite` is false; or the
            record beside it is another file's.
    """
    _require_own_record(output)
    if not overwrite and _stands(output, wanted):
        return Standing.DONE
    return Standing.UNFINISHED if _goes_on(output, wanted, resume=resume, overwrite=overwrite) else Standing.NOTHING


def _stands(output: Path, wanted: Record) -> bool:
    """Whether the very track that is wanted stands at `output`, whole.

    Raises:
        UsageError: something else stands there.
    """
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


def _require_own_record(output: Path) -> None:
    """Refuses `t.flac` where `t.json` is the record of `t.wav`: without its record a track cannot be made again."""
    found = record_at(output)
    other = Path(str(found.run.get("output") or output.name)).name if found else output.name
    if found is None or other == output.name or not (output.parent / other).exists():
        return
    if output.exists() and found.run.get("file_sha256") == file_digest(output):
        return  # a copy under another name, and its record with it
    raise UsageError(
        f"its record would replace {record_path(output).name}, which is that of {other}",
        path=output,
        remedy="give the track another name",
    )


def _goes_on(output: Path, wanted: Record, *, resume: bool, overwrite: bool) -> bool:
    """Whether tokens are saved there that the track can go on from.

    Raises:
        UsageError: they are of other settings.
    """
    begun = unfinished_at(output)
    if begun is None or not state_path(output).is_file():
        if resume:
            emit(Note(f"{output.name}: there is nothing to go on from; it is made from its beginning"))
        return False
    different = [name for name in begun.differences(wanted) if name not in _AFTER_TOKENS]
    if overwrite and not resume:
        return _begun_anew(begun) and not different
    if different:
        raise UsageError(
            f"was begun with other settings ({', '.join(different)}), and its saved windows are of those",
            path=output,
            remedy="give those again to go on, choose another --output, or --overwrite to begin anew",
        )
    return True


def _begun_anew(begun: Record) -> bool:
    """Whether it was begun with --overwrite: the same command then goes on after a stop."""
    return begun.run.get("overwrite") is True
