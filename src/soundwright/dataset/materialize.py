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

from soundwright.formats import ecdc, torch_tokens
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
        trust_dates: a copy with the date of its source is up to date; false where another mode made it.
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
        elif not self._is_current_copy(source, target, same_size=False):
            write = torch_tokens.write if self.token_format == "torch" else ecdc.write
            write(target, read_tokens(source))
            _take_date(source, target)

    def file(self, source: Path, target: Path) -> None:
        """Places any other file as it is; what stands there already and is not it is replaced."""
        if self.how == "link":
            self._link(source, target)
        elif self.how == "copy" and not self._is_current_copy(source, target):
            with atomic.atomic_path(target) as temporary:
                shutil.copyfile(source, temporary)
            _take_date(source, target)

    def _is_current_copy(self, source: Path, target: Path, *, same_size: bool = True) -> bool:
        if not self.trust_dates or target.is_symlink() or not target.is_file() or target.samefile(source):
            return False
        here, there = target.stat(), source.stat()
        return here.st_mtime_ns == there.st_mtime_ns and (not same_size or here.st_size == there.st_size)

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
