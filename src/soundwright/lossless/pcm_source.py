"""What is to be archived, as a stream of bytes: a file as it is, or the WAV form of a FLAC file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.swz import MAGIC, recordable_suffix
from soundwright.lossless.pcm_find import Found, find_samples


class Stream(Protocol):
    """What can be read once, from its beginning."""

    def read(self, size: int, /) -> bytes:
        """The next bytes; fewer only at the end."""
        ...


@dataclass(frozen=True)
class Source:
    """The original of an archive.

    Attributes:
        path: the file given.
        length: of the original in bytes.
        found: what it is.
        suffix: ending of the name under which it comes back; empty where an archive cannot hold it.
        from_flac: whether it is the WAV form of a FLAC file.
        open: opens its stream.
    """

    path: Path
    length: int
    found: Found
    suffix: str
    from_flac: bool
    open: Callable[[], AbstractContextManager[Stream]]


def open_source(path: Path) -> Source:
    """Looks at a file that is to be archived.

    Raises:
        UsageError: it is no regular file, or an archive already.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise UsageError("expected a file or folder; it does not exist", path=path) from error
    if not stat.S_ISREG(status.st_mode):
        raise UsageError("is no regular file", path=path, remedy="give a file, or a folder of files")
    with open(path, "rb") as file:
        start = file.read(4)
        if start[:3] == MAGIC:
            raise UsageError("is an archive already", path=path, remedy="soundwright decompress it, or leave it")
        if start == b"fLaC":
            from soundwright.lossless.pcm_flac import flac_source

            return flac_source(path, status.st_size)
        found = find_samples(file, status.st_size)
    return plain_source(path, status.st_size, found)


def plain_source(path: Path, length: int, found: Found) -> Source:
    """A file that comes back as it is."""
    suffix = path.suffix if recordable_suffix(path.suffix) else ""
    return Source(path, length, found, suffix, False, lambda: open(path, "rb"))


def read_exactly(stream: Stream, size: int, path: Path) -> bytes:
    """The next bytes of a source.

    Raises:
        BadInput: there are fewer than when it was looked at.
    """
    data = stream.read(size)
    if len(data) < size:
        raise BadInput("became shorter while it was read", path=path, remedy="let its writer finish, then try again")
    return data


def digest_of(source: Source) -> bytes:
    """SHA-256 of an original."""
    digest = hashlib.sha256()
    with source.open() as stream:
        while data := stream.read(1 << 20):
            digest.update(data)
    return digest.digest()
