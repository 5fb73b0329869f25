"""Files that are either whole or not there: written beside, synced, renamed.

A process that is killed leaves at most a temporary file, whose name tells the host and the process that made it;
`remove_leftovers` clears those of processes that no longer live.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: How the names of temporary files begin.
TEMPORARY = ".soundwright-"
_counter = itertools.count()
_HOST = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname()) or "host"
_LEFTOVER = re.compile(rf"{re.escape(TEMPORARY)}{_HOST}-(\d+)-\d+\.tmp(\..*)?")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder; on a clean exit it is synced to disk and takes the name `path`.

    Missing parent folders are made. On an exception the temporary file is removed and `path` is left as it was.
    The temporary name keeps the suffix of `path`, since some writers choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{_HOST}-{os.getpid()}-{next(_counter)}.tmp{path.suffix}"
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a whole file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a whole UTF-8 text file atomically."""
    write_bytes(path, text.encode("utf-8"))


def update_bytes(path: Path, data: bytes) -> None:
    """Writes a whole file atomically unless it is so already: its date then tells when it changed."""
    if not (path.is_file() and path.read_bytes() == data):
        write_bytes(path, data)


def write_json(path: Path, value: Any) -> None:
    """Writes readable JSON atomically. NaN and infinities are refused: they are not JSON."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def remove_leftovers(root: Path, *, nested: bool = True) -> int:
    """Removes temporary files in `root` that dead processes of this host left; returns how many.

    Args:
        root: the folder; it may be missing.
        nested: in its subfolders too.
    """
    removed = 0
    for folder, folders, names in os.walk(root):
        if not nested:
            folders.clear()
        for name in names:
            match = _LEFTOVER.fullmatch(name)
            if match and not _alive(int(match[1])):
                os.unlink(os.path.join(folder, name))
                removed += 1
    return removed


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A killed worker whose parent was killed too may stay as a zombie where the first process reaps nobody.
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
