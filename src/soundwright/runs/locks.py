"""Locks between processes, released by the operating system when the holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from soundwright.core.errors import UsageError


@contextmanager
def shard_lock(folder: Path, shard_suffix: str) -> Iterator[None]:
    """Holds the right to run one shard, or (empty suffix) the whole: shards run side by side, the whole runs alone.

    Raises:
        UsageError: another process has it.
    """
    with lock(folder / "lock", shared=bool(shard_suffix)):
        if not shard_suffix:
            yield
            return
        with lock(folder / f"lock{shard_suffix}"):
            yield


@contextmanager
def lock(
    path: Path,
    *,
    wait: bool = False,
    shared: bool = False,
    held: str = "another run is working in this folder",
    remedy: str = "wait for it, or divide the work with --shard-index and --shard-count",
) -> Iterator[int]:
    """Holds a lock on `path`, which is made if missing and stays.

    Args:
        path: the lock file.
        wait: wait for the holder; otherwise a held lock is an error.
        shared: others may hold it too, if they share it.
        held: what to say where it is held, and
        remedy: what to do about it.

    Yields:
        The descriptor of the lock file: a process that inherits it holds the lock as long as it lives.

    Raises:
        UsageError: another process holds it and `wait` is false, or its folder cannot be made or written.
    """
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(open(path, "a"))
        except OSError as error:
            raise UsageError(
                f"cannot be written: {error.strerror}", path=path.parent, remedy="choose another output folder"
            ) from error
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(held, path=path.parent, remedy=remedy) from error
        yield file.fileno()
