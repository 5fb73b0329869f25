"""Finding the input files of a folder step, the same way everywhere."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path
from soundwright.runs.step import Item

#: For verbs that have this option.
CHECK_EXTENSIONS = "check the folder, or give --extensions"


@dataclass(frozen=True)
class Found:
    """The files below a folder that a step will work on.

    Attributes:
        items: one per file, sorted by key (the path relative to the folder, with `/`).
        problems: what could not be looked into; counts as failed.
        notes: what looks like input and is none: links in a circle, folders named like files, pipes.
        partial: one file was given instead of a folder: outputs of others in the output folder are no orphans, and
            another file of the same name does not take an output over.
    """

    items: list[Item]
    problems: list[SoundwrightError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    partial: bool = False


def find_files(
    root: Path, extensions: Iterable[str], *, exclude: Iterable[Path] = (), remedy: str = "check the folder"
) -> Found:
    """Finds files by extension below `root`, in nested folders too, in a stable order.

    Links to folders are followed; a link back to a folder that contains it is noted, not followed. Hidden files and
    folders (leading dot) are passed over.

    Args:
        root: the folder.
        extensions: endings such as `wav` or `.flac`; case does not matter.
        exclude: folders that are not searched, e.g. the output folder when it lies inside `root`.
        remedy: what to do where there is no such file.

    Raises:
        UsageError: `root` is missing or not a folder, or no file has one of the extensions.
    """
    wanted = tuple("." + extension.lower().lstrip(".") for extension in extensions)
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise UsageError(f"expected a folder; it {what}", path=root, remedy="give the folder with the input files")
    search = _Search(wanted, {os.path.realpath(folder) for folder in exclude})
    search.walk(os.fspath(root), "", frozenset())
    found = search.found
    if not found.items and not found.problems:
        raise UsageError(f"no file ends in {', '.join(wanted)}", path=root, remedy=remedy)
    found.items.sort(key=lambda item: item.key)
    return found


class _Search:
    def __init__(self, wanted: tuple[str, ...], skipped: set[str]) -> None:
        self.wanted, self.skipped = wanted, skipped
        self.found = Found([])

    def walk(self, folder: str, prefix: str, ancestors: frozenset[tuple[int, int]]) -> None:
        """Searches a folder; `prefix` is its key with a slash, `ancestors` the folders above it."""
        try:
            status = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self._problem(folder, error)
            return
        here = (status.st_dev, status.st_ino)
        if here in ancestors:
            self._note(folder, "a link that leads back to a folder above it -> remove the link")
            return
        for entry in entries:
            if not entry.name.startswith("."):
                try:
                    self._take(entry, prefix, ancestors | {here})
                except OSError as error:  # a link to itself, a lost drive
                    self._problem(entry.path, error)

    def _take(self, entry: os.DirEntry[str], prefix: str, ancestors: frozenset[tuple[int, int]]) -> None:
        named_like_input = entry.name.lower().endswith(self.wanted)
        if entry.is_dir():
            if named_like_input:
                self._note(entry.path, "a folder named like a file -> rename the folder")
            if os.path.realpath(entry.path) not in self.skipped:
                self.walk(entry.path, f"{prefix}{entry.name}/", ancestors)
        elif named_like_input:
            # A broken link is taken too: that its target is gone is for the step to say, as of any lost file.
            if entry.is_file() or entry.is_symlink():
                self.found.items.append(Item(prefix + entry.name, (Path(entry.path),)))
            else:
                self._note(entry.path, "is no regular file (a pipe, a socket or a device) -> move it away")

    def _problem(self, path: str, error: OSError) -> None:
        denied = error.errno in (errno.EACCES, errno.EPERM)
        remedy = "chmod u+rx it" if denied else "remove it, or mend it"
        self.found.problems.append(BadInput(f"cannot be read: {error.strerror}", path=path, remedy=remedy))

    def _note(self, path: str, text: str) -> None:
        self.found.notes.append(f"{show_path(path)}: {text}")
