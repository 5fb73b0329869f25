"""A file on a web server that `zipfile` can read like any other, a few large requests behind many small reads."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable

#: One request brings no more than this, so memory does not follow the length of a track or a table.
_LONGEST_BYTES = 16 << 20


class RangeFile(io.RawIOBase):
    """Reads parts of a file of known size through `fetch(start, stop)`.

    Two parts are held: the end of the file, which is given (there a zip archive has its directory), and the block that
    was fetched last.
    """

    def __init__(self, size: int, fetch: Callable[[int, int], bytes], tail: bytes = b"") -> None:
        """Fetches nothing yet.

        Args:
            size: bytes of the file.
            fetch: gives the bytes from its first up to, without, its second argument.
            tail: the last bytes of the file.
        """
        self._size, self._fetch, self._tail = size, fetch, tail
        self._tail_start = size - len(tail)
        self._position = 0
        self._stop = 0  # up to where a fetch may read ahead
        self._block_start, self._block = 0, b""

    def expect(self, start: int, stop: int) -> None:
        """Says that these bytes will be read from start to end: they come in one request. What is held is forgotten."""
        self._block_start, self._block = start, b""
        self._stop = min(stop, self._tail_start)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            # As files on disk do; `zipfile` counts on it where a file is too small to be an archive.
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._position = base + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fills the buffer, but for the end of the file."""
        view = memoryview(buffer).cast("B")
        num_read = 0
        while num_read < len(view):
            piece = self._some(len(view) - num_read)
            if not piece:
                break
            view[num_read : num_read + len(piece)] = piece
            num_read += len(piece)
            self._position += len(piece)
        return num_read

    def _some(self, num_bytes: int) -> bytes | memoryview:
        """At least one byte at the position, at most `num_bytes`; none at the end of the file."""
        at = self._position
        if at >= self._tail_start:
            return memoryview(self._tail)[at - self._tail_start :][:num_bytes]
        if not self._block_start <= at < self._block_start + len(self._block):
            stop = min(max(at + num_bytes, self._stop if at < self._stop else 0), at + _LONGEST_BYTES, self._tail_start)
            self._block, self._block_start = self._fetch(at, stop), at
        return memoryview(self._block)[at - self._block_start :][:num_bytes]
