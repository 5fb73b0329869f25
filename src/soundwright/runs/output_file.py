"""A single file that a command is to write at its end: looked at before the work, not after it."""

from __future__ import annotations

from pathlib import Path

from soundwright.core.errors import UsageError


def make_room(path: Path, *, ending: str = "") -> None:
    """Makes the folder of a file that will be written, and removes the file, which is of an earlier run.

    Args:
        path: the file.
        ending: what its name must end in, e.g. `.png`.

    Raises:
        UsageError: it cannot be written, is a folder, or ends in something else.
    """
    if path.is_dir():
        raise UsageError("is a folder, and a file is to be written", path=path, remedy="give the name of a file")
    if ending and path.suffix.lower() != ending:
        raise UsageError(f"will hold {ending[1:].upper()}", path=path, remedy=f"give a name that ends in {ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", path=path, remedy="choose another place") from error
