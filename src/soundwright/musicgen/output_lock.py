"""One run at a time for each track: locks that leave nothing behind.

A single track holds its own lock and shares its folder's; a batch or an album holds the folder's alone, so that a
thousand tracks take one open file and not a thousand.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from soundwright.core.errors import UsageError
from soundwright.musicgen.record import record_path
from soundwright.runs.locks import lock

_FOLDER = ".music.lock"
_REMEDY = "wait for it, or choose another --output"


@contextmanager
def track_lock(output: Path) -> Iterator[None]:
    """Holds the right to make one track. Its record is what counts: `t.wav` and `t.flac` would share `t.json`.

    Raises:
        UsageError: another run makes it or works on the whole folder, or the folder cannot be written.
    """
    own = output.with_name(f".{record_path(output).name}.lock")
    with (
        _held(output.parent / _FOLDER, "a batch is being made in this folder", shared=True),
        _held(own, "is being made by another run", output),
    ):
        yield


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Holds the right to make tracks in a folder.

    Raises:
        UsageError: another run makes a track there, or the folder cannot be written.
    """
    with _held(folder / _FOLDER, "another run is making music in this folder"):
        yield


@contextmanager
def _held(path: Path, held: str, output: Path | None = None, *, shared: bool = False) -> Iterator[None]:
    while True:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(lock(path, shared=shared, held=held, remedy=_REMEDY))
            except UsageError as error:
                where = output if error.message == held and output else error.path
                raise UsageError(error.message, path=where, remedy=error.remedy) from error
            if not _is_there(file, path):
                continue  # the holder before us removed it: what we hold is a file that has no name any more
            try:
                yield
            finally:
                _remove(file, path)
            return


def _remove(file: int, path: Path) -> None:
    """Removes a lock that nobody else holds."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # whoever shares it will remove it
    if _is_there(file, path):
        path.unlink(missing_ok=True)


def _is_there(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
