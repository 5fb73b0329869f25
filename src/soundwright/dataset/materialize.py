"""The files beside the Arrow data: token files and sidecars, for loaders that follow the `audio` column.

A link is a **hard link**: it takes no room, and the pack can still be moved or copied like any folder, and does
not lose the files when the originals are deleted. (Our own writers replace files and never change them in place,
so a hard link keeps the content that was packed.) Where the file systems differ, a hard link is not possible;
then it is a relative symbolic link, which is reported, since it breaks when the pack alone is moved.
"""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from soundwright.core.errors import BadInput
from soundwright.formats import ecdc, torch_tokens
from soundwright.formats.ecdc import TokenFile
from soundwright.formats.tokens import is_torch_archive, read_tokens
from soundwright.runs import atomic

Materialize = Literal["link", "copy", "none"]
TokenFormat = Literal["ecdc", "torch"]

#: A link on its way to its name; only one is made at a time, and a killed run's is removed by the next.
LINKING = ".soundwright-link"
#: Reasons why the system makes no hard link: another file system, none at all there, too many, not the owner.
_NO_HARD_LINK = (errno.EXDEV, errno.EOPNOTSUPP, errno.EMLINK, errno.EPERM)


@dataclass
class Placer:
    """Puts files into the pack.

    Attributes:
        how: link, copy, or nothing at all.
        token_format: token files of the other format are rewritten, under the same name.
        trust_dates: a copy with the date and size of its source is up to date; false where another mode made it.
        symbolic: files that became symbolic links.
    """

    how: Materialize
    token_format: TokenFormat
    trust_dates: bool
    symbolic: list[Path] = field(default_factory=list)

    def tokens(self, source: Path, target: Path) -> None:
        """Places a token file."""
        if self.how == "none":
            return
        if is_torch_archive(source) == (self.token_format == "torch"):
            self.file(source, target)
        else:
            self._rewrite(source, target)

    def file(self, source: Path, target: Path) -> None:
        """Places any other file as it is; what stands there already and is not it is replaced."""
        if self.how == "link":
            self._link(source, target)
        elif self.how == "copy" and not (self._has_date(source, target) and _size(source) == _size(target)):
            with atomic.atomic_path(target) as temporary:
                shutil.copyfile(source, temporary)
            _take_date(source, target)

    def _rewrite(self, source: Path, target: Path) -> None:
        """Places a token file in the other format."""
        tokens = read_tokens(source)
        # The sizes of two formats say nothing of each other, and a date alone may be that of any file that was copied
        # with it; so what is there is read. Packing has just read the source: it lies in memory.
        if self._has_date(source, target) and _holds(target, tokens, self.token_format):
            return
        write = torch_tokens.write if self.token_format == "torch" else ecdc.write
        write(target, tokens)
        _take_date(source, target)

    def _has_date(self, source: Path, target: Path) -> bool:
        if not self.trust_dates or target.is_symlink() or not target.is_file() or target.samefile(source):
            return False
        return target.stat().st_mtime_ns == source.stat().st_mtime_ns

    def _link(self, source: Path, target: Path) -> None:
        original = Path(os.path.realpath(source))
        if target.exists() and target.samefile(original):
            if target.is_symlink():
                self.symbolic.append(target)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / LINKING
        temporary.unlink(missing_ok=True)
        try:
            os.link(original, temporary)
        except OSError as error:
            if error.errno not in _NO_HARD_LINK:
                raise
            temporary.symlink_to(os.path.relpath(original, os.path.realpath(target.parent)))
            self.symbolic.append(target)
        os.replace(temporary, target)


def _holds(path: Path, tokens: TokenFile, token_format: TokenFormat) -> bool:
    """Whether a file of this format has these codes and this length; that is all the older form holds."""
    try:
        if is_torch_archive(path) != (token_format == "torch"):
            return False
        found = read_tokens(path)
    except BadInput:
        return False  # damaged: to be written again
    return found.num_samples == tokens.num_samples and np.array_equal(found.codes, tokens.codes)


def _size(path: Path) -> int:
    return path.stat().st_size


def remove(paths: list[Path], root: Path) -> None:
    """Removes files of rows that are gone, and folders below `root` that this leaves empty."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in sorted({path.parent for path in paths}, key=lambda folder: len(folder.parts), reverse=True):
        while folder != root and root in folder.parents and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def _take_date(source: Path, target: Path) -> None:
    status = source.stat()
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
