"""Locks between processes, released by the operating system when the holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundwright.core.errors import UsageError


@contextmanager
def lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Holds an exclusive lock on `path`, which is made if missing and stays.

    Args:
        path: the lock file.
        wait: wait for the holder; otherwise a held lock is an error.

    Raises:
        UsageError: another process holds it and `wait` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                "another run of this step is working in this folder",
                path=path.parent,
                remedy="wait for it, or divide the work with --shard-index and --shard-count",
            ) from error
        yield
