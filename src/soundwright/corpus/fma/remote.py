"""Parts of a file on a web server, with patience for servers that stumble.

A connection that breaks is taken up where it broke. What a server refuses for the moment (403 of a busy store, 408,
429, 5xx) is asked for again, at growing intervals. A server that has not answered all that patience is asked only
once for each further item, until it answers again: a hundred items shall not each wait for a minute.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from urllib.request import Request, urlopen

import soundwright
from soundwright.corpus.fma.faults import ArchiveChanged, Fault, NoRanges, OutOfRange, Unreachable, network_faults
from soundwright.runs.events import Note, emit

_PIECE = 1 << 18
#: An attempt that brought this many bytes counts as progress: the waiting begins from the start.
_PROGRESS = 1 << 16
#: A longer wait without a word looks like a hang.
_WORTH_TELLING_S = 3.0


@dataclass(frozen=True)
class Patience:
    """How long to put up with a server.

    Attributes:
        attempts: how often in a row to ask in vain.
        first_wait_s: seconds before the second attempt; doubles from attempt to attempt.
        longest_wait_s: no wait is longer, even if the server asks for it.
        timeout_s: seconds without a byte after which a connection counts as broken.
    """

    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    timeout_s: float = 60.0

    def wait_s(self, failed: int, asked_s: float | None) -> float:
        """Seconds to wait after `failed` attempts in vain; `asked_s` is what the server asked for."""
        # Jitter: workers that failed together shall not come back together.
        own = self.first_wait_s * 2.0 ** (failed - 1) * random.uniform(0.75, 1.25)
        return min(self.longest_wait_s, max(own, asked_s or 0.0))


#: What the verb uses.
PATIENCE = Patience()


@dataclass
class Answer:
    """What a server answers to a request for bytes.

    Attributes:
        partial: it keeps to the range asked for.
        first: offset of the first byte.
        total: size of the whole file in bytes, where it says so.
        etag: its mark of the file's version, where it gives one.
    """

    response: HTTPResponse
    partial: bool
    first: int
    total: int | None
    etag: str | None

    @classmethod
    def of(cls, response: HTTPResponse) -> Answer:
        """Reads the headers."""
        etag = (response.headers.get("ETag") or "").removeprefix("W/") or None
        if response.status != 206:
            length = response.headers.get("Content-Length", "")
            return cls(response, False, 0, int(length) if length.isdigit() else None, etag)
        said = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", said.strip())
        if not match:
            raise Fault(f"it answers with the range {said!r}")
        return cls(response, True, int(match[1]), None if match[2] == "*" else int(match[2]), etag)

    def pieces(self) -> Iterator[bytes]:
        """The bytes as they come in; ends early, without a word, when the connection does."""
        while True:
            with network_faults():
                piece = self.response.read1(_PIECE)
            if not piece:
                return
            yield piece


class Remote:
    """A file on a web server.

    Attributes:
        url: its address.
        size: bytes, once known.
        etag: its version, once known and if the server tells.
    """

    def __init__(
        self,
        url: str,
        patience: Patience,
        *,
        size: int | None = None,
        etag: str | None = None,
        traffic: Path | None = None,
    ) -> None:
        """Asks nothing yet. The number of bytes of each answer is added to the file `traffic` as a line."""
        self.url, self.patience, self.size, self.etag, self._traffic = url, patience, size, etag, traffic
        self.discouraged = False

    def tail(self, num_bytes: int) -> bytes:
        """The last bytes of the file (all, if it has fewer); makes `size` and `etag` known.

        Raises:
            NoRanges, Unreachable: see there.
        """
        persistence = Persistence(self)
        while True:
            data = bytearray()
            try:
                with self.ask(f"-{num_bytes}") as answer:
                    self._require_range(answer)
                    if answer.total is None:
                        raise Fault("it does not say how large the file is")
                    self.size, self.etag = answer.total, answer.etag
                    for piece in answer.pieces():
                        data += piece
                break
            except OutOfRange:
                persistence.failed(Fault("it says that the file is empty", final=True))
            except Fault as fault:
                persistence.failed(fault)
            finally:
                self.count(len(data))
        reached = answer.first + len(data)
        return bytes(data) + (self.fetch(reached, answer.total) if reached < answer.total else b"")

    def fetch(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to, without, `stop`.

        Raises:
            ArchiveChanged: the file has another size or version than before.
            NoRanges, Unreachable: see there.
        """
        data = bytearray()
        persistence = Persistence(self)
        while True:
            before = len(data)
            try:
                with self.ask(f"{start + before}-{stop - 1}") as answer:
                    self._require_range(answer)
                    self._require_same(answer)
                    if answer.first != start + before:
                        raise Fault(f"it gives bytes from {answer.first} instead of {start + before}")
                    for piece in answer.pieces():
                        data += piece
                if len(data) < stop - start:
                    raise Fault(f"the connection was cut after {len(data)} of {stop - start} bytes")
                self.discouraged = False
                return bytes(data[: stop - start])
            except OutOfRange as error:
                raise self._changed("is shorter now") from error
            except Fault as fault:
                persistence.failed(fault, gained=len(data) - before)
            finally:
                self.count(len(data) - before)

    @contextmanager
    def ask(self, wanted: str | None) -> Iterator[Answer]:
        """Asks once, for what follows `bytes=` in the request, or (None) for the whole file."""
        headers = {"User-Agent": f"soundwright/{soundwright.__version__}", "Accept-Encoding": "identity"}
        if wanted is not None:
            headers["Range"] = f"bytes={wanted}"
        with network_faults():
            response = urlopen(Request(self.url, headers=headers), timeout=self.patience.timeout_s)
        with closing(response):
            yield Answer.of(response)

    def count(self, num_bytes: int) -> None:
        """Notes the size of an answer. All processes append to one file: short appends do not mix."""
        if self._traffic is not None and num_bytes:
            with open(self._traffic, "a", encoding="ascii") as file:
                file.write(f"{num_bytes}\n")

    def _require_range(self, answer: Answer) -> None:
        if not answer.partial:
            remedy = "give --whole to fetch the whole archive, or another --source"
            raise NoRanges(f"{self.url}: the server gives whole files only", remedy=remedy)

    def _require_same(self, answer: Answer) -> None:
        if self.size is not None and answer.total not in (None, self.size):
            raise self._changed(f"had {self.size} bytes, now {answer.total}")
        if self.etag and answer.etag and answer.etag != self.etag:
            raise self._changed(f"was version {self.etag}, is now {answer.etag}")

    def _changed(self, how: str) -> ArchiveChanged:
        return ArchiveChanged(
            f"{self.url}: the archive on the server has changed since the first run: it {how}",
            remedy="choose another output folder, or give --overwrite to begin anew",
        )


class Persistence:
    """Counts the attempts at one thing, and waits between them."""

    def __init__(self, remote: Remote) -> None:
        """Begins with no attempt."""
        self._remote, self._failed, self._gained = remote, 0, 0

    def failed(self, fault: Fault, *, gained: int = 0) -> None:
        """Waits, or gives up.

        Args:
            fault: what went wrong.
            gained: bytes that the attempt brought before it failed.

        Raises:
            Unreachable: that was the last attempt.
        """
        patience = self._remote.patience
        self._gained += gained
        if self._gained >= _PROGRESS:
            self._failed = self._gained = 0
        self._failed += 1
        attempts = 1 if self._remote.discouraged else patience.attempts
        if fault.final or self._failed >= attempts:
            self._remote.discouraged = not fault.final
            tried = f" ({self._failed} attempts)" if self._failed > 1 else ""
            remedy = "check the address, or give" if fault.final else "try again later, it goes on from here, or"
            raise Unreachable(
                f"{self._remote.url}: cannot be fetched: {fault.text}{tried}",
                remedy=f"{remedy} --source with the address of a mirror",
            ) from fault
        wait_s = patience.wait_s(self._failed, fault.asked_s)
        if wait_s >= _WORTH_TELLING_S:
            # Heard where the verb runs; workers are silent, and the failure of their item tells in the end.
            emit(Note(f"{self._remote.url}: {fault.text}; it is asked again in {wait_s:.0f} s"))
        time.sleep(wait_s)
