"""A zip archive, on this machine or on a web server, and the tracks in it.

Of a remote archive only the directory at its end is fetched, once: it is kept in the state folder as a line of JSON
(size, version) followed by the bytes themselves, and every worker and every rerun begins with that.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from soundwright.core.errors import BadInput
from soundwright.corpus.fma.ranges import RangeFile
from soundwright.corpus.fma.remote import Patience, Remote
from soundwright.runs import atomic

#: Holds the end record with its zip64 twin and the longest possible comment, and the directory of a small archive.
_TAIL_BYTES = 1 << 16
_COPY_BYTES = 1 << 18
#: How often a damaged member is fetched: the damage may have come about on the way.
_FETCHES = 3
#: What `zipfile` raises over a directory that is none. A name in it that is no UTF-8 is a ValueError.
_NO_ARCHIVE = (BadZipFile, struct.error, NotImplementedError, ValueError)


@dataclass(frozen=True)
class Archive:
    """How to open an archive; can be sent to a worker.

    Attributes:
        location: its path, or its URL.
        directory: the kept directory of a remote archive; None for a local one.
        patience: with the server.
        traffic: file to which the sizes of all answers are appended.
    """

    location: str
    directory: Path | None = None
    patience: Patience = Patience()
    traffic: Path | None = None

    def open(self) -> OpenArchive:
        """Opens it; asks no server.

        Raises:
            BadInput: it is no zip archive.
        """
        try:
            if self.directory is None:
                return OpenArchive(ZipFile(self.location), self.location, None)
            facts, tail = _read_directory(self.directory)
            remote = Remote(self.location, self.patience, size=facts["size"], etag=facts["etag"], traffic=self.traffic)
            file = RangeFile(facts["size"], remote.fetch, tail)
            return OpenArchive(ZipFile(file), self.location, file)
        except _NO_ARCHIVE as error:
            raise _no_archive(self.location, error) from error
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror}", path=self.location, remedy="check the path") from error


class OpenArchive:
    """An open archive.

    Attributes:
        tracks: key -> member; the key is the member's path without the folder that holds all tracks.
        digest: identifies the content: the same on every mirror.
        checksums: the member that lists the SHA-1 of the tracks, if there is one.
    """

    def __init__(self, archive: ZipFile, location: str, ranges: RangeFile | None) -> None:
        """Looks through the directory. `ranges` is the file behind `archive` when it is remote."""
        self._zip, self._location, self._ranges = archive, location, ranges
        infos = [info for info in archive.infolist() if not info.is_dir()]
        self._starts = sorted({info.header_offset for info in infos} | {archive.start_dir})
        names = {info.filename: info for info in infos}
        self.checksums = min(
            (info for name, info in names.items() if PurePosixPath(name).name == "checksums"),
            key=lambda info: len(info.filename),
            default=None,
        )
        mp3s = {name: info for name, info in names.items() if _is_track(name)}
        if self.checksums is not None:
            root = self.checksums.filename.removesuffix("checksums")
        else:
            tops = {name.partition("/")[0] + "/" for name in mp3s}
            root = tops.pop() if len(tops) == 1 else ""
        self.tracks = {name.removeprefix(root): info for name, info in mp3s.items()}
        if len(self.tracks) < len(mp3s):  # a.mp3 beside root/a.mp3
            self.tracks = mp3s
        self.digest = _digest_of_directory(archive)

    def member(self, name: str) -> ZipInfo | None:
        """The member whose path ends in `name`."""
        return next((info for info in self._zip.infolist() if f"/{info.filename}".endswith(f"/{name}")), None)

    def extract(self, member: ZipInfo, target: Path, sha1: str | None) -> None:
        """Writes a member to `target`, checked by its CRC and, where known, its SHA-1.

        Raises:
            BadInput: it is damaged, also when fetched anew.
        """

        def copy(source: IO[bytes]) -> None:
            digest = hashlib.sha1()
            with open(target, "wb") as file:
                while piece := source.read(_COPY_BYTES):
                    digest.update(piece)
                    file.write(piece)
            if sha1 is not None and digest.hexdigest() != sha1:
                raise BadZipFile(f"its SHA-1 is {digest.hexdigest()}, the archive's checksums say {sha1}")

        self.read(member, copy)

    def read(self, member: ZipInfo, use: Callable[[IO[bytes]], None]) -> None:
        """Gives the open member to `use`, once more where it turns out damaged: it may be whole the next time.

        Raises:
            BadInput: it stays damaged, or it is packed in a way that Python does not know.
        """
        fetches = 1 if self._ranges is None else _FETCHES
        for left in reversed(range(fetches)):
            try:
                if self._ranges is not None:
                    self._ranges.expect(member.header_offset, self._end_of(member))
                with self._zip.open(member) as source:
                    use(source)
                return
            except (BadZipFile, EOFError, zlib.error, UnicodeDecodeError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # of the disk; a damaged bzip2 stream is an OSError without a number
                if left == 0:
                    times = f", fetched {fetches} times" if fetches > 1 else ""
                    raise BadInput(
                        f"is damaged in the archive {self._location}{times}: {str(error) or 'it ends too early'}",
                        path=member.filename,
                        remedy="give --source with the address of another copy of the archive",
                    ) from error
            except (NotImplementedError, RuntimeError) as error:  # an unknown method, or a password
                raise BadInput(f"cannot be unpacked: {error}", path=member.filename, remedy="pack it anew") from error

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def _end_of(self, member: ZipInfo) -> int:
        """Where the next member begins: only the local header, which is not read yet, tells the true end."""
        longest = member.header_offset + 30 + 2 * 0xFFFF + member.compress_size
        following = bisect_right(self._starts, member.header_offset)
        return min([longest, *self._starts[following : following + 1]])


def keep_directory(remote: Remote, path: Path) -> None:
    """Fetches the directory of a remote archive and keeps it at `path`.

    Raises:
        NoRanges, Unreachable: as of `Remote.tail`.
        BadInput: the file is no zip archive.
    """
    for left in (1, 0):
        tail = remote.tail(_TAIL_BYTES)
        size = remote.size or 0
        file = RangeFile(size, remote.fetch, tail)
        try:
            with ZipFile(file) as archive:
                start = archive.start_dir
        except _NO_ARCHIVE as error:
            if left == 0:
                raise _no_archive(remote.url, error) from error
            continue
        # What `zipfile` has just read lies in the file's block or in the tail; the ends of the two may overlap.
        file.seek(start)
        facts = {"url": remote.url, "size": size, "etag": remote.etag}
        atomic.write_bytes(path, json.dumps(facts).encode() + b"\n" + file.read())
        return


def _read_directory(path: Path) -> tuple[dict[str, Any], bytes]:
    facts, _, tail = path.read_bytes().partition(b"\n")
    return json.loads(facts), tail


def _is_track(name: str) -> bool:
    """Whether a member is one; the shadow files of macOS (`__MACOSX/._a.mp3`) are not."""
    last = PurePosixPath(name).name
    return last.lower().endswith(".mp3") and not last.startswith(".")


def _digest_of_directory(archive: ZipFile) -> str:
    total = hashlib.sha256()
    for info in archive.infolist():
        total.update(
            f"{info.filename}\0{info.CRC}\0{info.file_size}\0{info.header_offset}\n".encode("utf-8", "replace")
        )
    return total.hexdigest()[:16]


def _no_archive(location: str, error: Exception) -> BadInput:
    return BadInput(
        f"{location}: is no zip archive, or its directory is damaged: {error}",
        remedy="check --source; a file that was fetched whole can be deleted to fetch it anew",
    )


def checksums_of(archive: OpenArchive, path: Path) -> dict[str, str]:
    """Key -> SHA-1 in hexadecimal, from the archive's member `checksums`, which is kept at `path`.

    Empty where the archive has none: then the CRC of the zip format alone tells whether a track is whole.
    """
    if archive.checksums is None:
        return {}
    if not path.exists():
        with atomic.atomic_path(path) as temporary:
            archive.extract(archive.checksums, temporary, None)
    lines = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    return {parts[1].strip().lstrip("*"): parts[0].lower() for parts in lines if len(parts) == 2}
