"""Finding the input files of a folder step, the same way everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path
from soundwright.runs.step import Item


@dataclass(frozen=True)
class Found:
    """The files below a folder that a step will work on.

    Attributes:
        items: one per file, sorted by key (the path relative to the folder, with `/`).
        problems: what could not be looked into; counts as failed.
        notes: what looks like input and is none: links in a circle, folders named like files.
    """

    items: list[Item]
    problems: list[SoundwrightError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_files(root: Path, extensions: Iterable[str], *, exclude: Iterable[Path] = ()) -> Found:
    """Finds files by extension below `root`, in nested folders too, in a stable order.

    Links to folders are followed; a link back to a folder that contains it is reported, not followed. Hidden files
    and folders (leading dot) are passed over.

    Args:
        root: the folder.
        extensions: endings such as `wav` or `.flac`; case does not matter.
        exclude: folders that are not searched, e.g. the output folder when it lies inside `root`.

    Raises:
        UsageError: `root` is missing or not a folder, or no file has one of the extensions.
    """
    wanted = tuple("." + extension.lower().lstrip(".") for extension in extensions)
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise UsageError(f"expected a folder; it {what}", path=root, remedy="give the folder with the input files")
    skipped = {os.path.realpath(folder) for folder in exclude}
    found = Found([])

    def walk(folder: str, prefix: str, ancestors: frozenset[tuple[int, int]]) -> None:
        try:
            status = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except PermissionError:
            found.problems.append(BadInput("no permission to read this folder", path=folder, remedy="chmod u+rx it"))
            return
        here = (status.st_dev, status.st_ino)
        if here in ancestors:
            found.notes.append(f"{show_path(folder)}: a link that leads back to a folder above it -> remove the link")
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            named_like_input = entry.name.lower().endswith(wanted)
            if entry.is_dir():
                if named_like_input:
                    found.notes.append(f"{show_path(entry.path)}: a folder named like a file -> rename the folder")
                if os.path.realpath(entry.path) not in skipped:
                    walk(entry.path, prefix + entry.name + "/", ancestors | {here})
            elif named_like_input:
                found.items.append(Item(prefix + entry.name, (Path(entry.path),)))

    walk(os.fspath(root), "", frozenset())
    if not found.items and not found.problems:
        raise UsageError(
            f"no file ends in {' or '.join(wanted)}",
            path=root,
            remedy="check the folder, or give --extensions",
        )
    found.items.sort(key=lambda item: item.key)
    return found
