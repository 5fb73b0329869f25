"""A web server for a folder, with ranges and ETags, that fails as told: for tests and for notebooks without a network.

    python tests/corpus/fma_server.py FOLDER --port 0

prints its address. Standard library only.
"""

from __future__ import annotations

import argparse
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Faults:
    """What the server does wrong.

    Attributes:
        ranges: whether it gives parts of files.
        status: what it answers to the next `times` requests instead of the file.
        times: see `status` and `cut_after`; -1 for ever.
        cut_after: bytes after which it cuts the connection.
        retry_after: value of that header beside `status`.
        etag: instead of the true one.
        only: a part of the path to which all this is limited.
        delay_s: seconds before each answer.
        damage: offset in the file -> byte given instead, for the next `damage_times` answers that hold it.
        damage_times: see `damage`; -1 for ever.
    """

    ranges: bool = True
    status: int = 0
    times: int = -1
    cut_after: int | None = None
    retry_after: str | None = None
    etag: str | None = None
    only: str = ""
    delay_s: float = 0.0
    damage: dict[int, int] = field(default_factory=dict)
    damage_times: int = -1


@dataclass(frozen=True)
class Asked:
    """One request: path, range as asked for, status and body bytes sent."""

    path: str
    range: str | None
    status: int
    num_bytes: int


class FolderServer(ThreadingHTTPServer):
    """Serves `folder`, and sends `/moved/x` on to `/x`; `log` has all requests, `faults` can be replaced any time."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.folder, self.faults, self.log = folder, Faults(), list[Asked]()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def bytes_sent(self) -> int:
        return sum(asked.num_bytes for asked in self.log)

    def take_turn(self, path: str) -> bool:
        """Whether `status` or `cut_after` holds for this request."""
        with self.lock:
            faults = self.faults
            if faults.only not in path or faults.times == 0:
                return False
            faults.times -= faults.times > 0
            return True


class _Handler(BaseHTTPRequestHandler):
    server: FolderServer

    def do_GET(self) -> None:
        faults, path = self.server.faults, unquote(urlsplit(self.path).path)
        file = self.server.folder / path.lstrip("/")
        time.sleep(faults.delay_s)
        wrong = bool(faults.status or faults.cut_after is not None) and self.server.take_turn(path)
        if wrong and faults.status:
            headers = {"Retry-After": faults.retry_after} if faults.retry_after else {}
            self._send(faults.status, headers, b"")
            return
        if path.startswith("/moved/"):
            self._send(302, {"Location": path.removeprefix("/moved")}, b"")
            return
        if not file.is_file():
            self._send(404, {}, b"")
            return
        size = file.stat().st_size
        first, last, status = 0, size - 1, 200
        headers = {"ETag": faults.etag or f'"{file.stat().st_mtime_ns:x}-{size:x}"'}
        if faults.ranges:
            headers["Accept-Ranges"] = "bytes"
            if match := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
                first = int(match[1]) if match[1] else max(0, size - int(match[2]))
                last = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
                if first >= size:
                    self._send(416, {"Content-Range": f"bytes */{size}"}, b"")
                    return
                headers["Content-Range"] = f"bytes {first}-{last}/{size}"
                status = 206
        with open(file, "rb") as opened:
            opened.seek(first)
            body = self._damaged(opened.read(last + 1 - first), first)
        self._send(status, headers, body, faults.cut_after if wrong else None)

    def _damaged(self, data: bytes, first: int) -> bytes:
        faults = self.server.faults
        changes = {at - first: value for at, value in faults.damage.items() if first <= at < first + len(data)}
        if not changes or faults.damage_times == 0:
            return data
        faults.damage_times -= faults.damage_times > 0
        changed = bytearray(data)
        for at, value in changes.items():
            changed[at] = value
        return bytes(changed)

    def _send(self, status: int, headers: dict[str, str], body: bytes, cut_after: int | None = None) -> None:
        sent = body if cut_after is None else body[:cut_after]
        self.server.log.append(Asked(self.path, self.headers.get("Range"), status, len(sent)))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        # The other side may have closed: a client that finds no ranges does.
        try:
            self.wfile.write(sent)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing: `log` tells."""


@contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[FolderServer]:
    """Within the block the server runs in a thread."""
    server = FolderServer(folder, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="Serves a folder with ranges and ETags.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    server = FolderServer(arguments.folder, arguments.port)
    print(server.url, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
