"""A whole archive, where ranges are not to be had or not wanted: to `.part`, taken up where it broke, then checked."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

from soundwright.core.errors import BadInput, SoundwrightError
from soundwright.corpus.fma.faults import Fault, OutOfRange
from soundwright.corpus.fma.remote import Answer, Persistence, Remote
from soundwright.runs import atomic
from soundwright.runs.events import Ended, ItemDone, Started, emit

_MEGABYTE = 1_000_000

#: SHA-1 of the published archives, by file name.
PUBLISHED_SHA1 = {
    "fma_small.zip": "ade154f733639d52e35e32f5593efe5be76c6d70",
    "fma_medium.zip": "c67b69ea232021025fca9231fc1c7c1a063ab50b",
    "fma_large.zip": "497109f4dd721066b5ce5e5f250ec604dc78939e",
    "fma_full.zip": "0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab",
    "fma_metadata.zip": "f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
}


def download(remote: Remote, target: Path, name: str) -> None:
    """Fetches a whole file to `target`. The same call after a kill goes on where it was, if the server has ranges.

    Args:
        remote: the file.
        target: where to put it.
        name: its file name, by which its published SHA-1 is known.

    Raises:
        Unreachable: the server did not give it after all patience.
        SoundwrightError: there is not the room for it.
        BadInput: its SHA-1 is not the published one.
    """
    part = target.with_name(target.name + ".part")
    persistence = Persistence(remote)
    began = time.monotonic()
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _fetch_rest(remote, part, name):
                break
        except OutOfRange:
            part.unlink()  # of another, longer file
        except Fault as fault:
            after = part.stat().st_size if part.exists() else 0
            persistence.failed(fault, gained=max(0, after - before))
    emit(Ended(f"{name} (MB)", "finished", time.monotonic() - began))
    _require_published(part, name, remote.url)
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    os.replace(part, target)
    _version_of(part).unlink()


def _fetch_rest(remote: Remote, part: Path, name: str) -> bool:
    """Appends what is missing; whether the file is whole then. Without ranges it begins from the start."""
    version = _version_of(part)
    known = json.loads(version.read_text(encoding="utf-8")) if version.exists() else {}
    have = part.stat().st_size if part.exists() and known else 0
    if have and have == known.get("size"):
        return True
    with remote.ask(f"{have}-" if have else None) as answer:
        same = known.get("size") in (None, answer.total) and known.get("etag") in (None, answer.etag)
        if answer.first != (have if answer.partial else 0) or (answer.partial and not same):
            # Of another version. No `If-Range`: weak ETags do not serve there, and comparing does the same.
            part.unlink()
            return False
        if not answer.partial:
            have = 0
        total = answer.total
        _require_room(part.parent, total, have, remote.url)
        if have == 0:
            atomic.write_json(version, {"size": total, "etag": answer.etag})
        got = _append(remote, part, answer, have, name)
    if total is not None and got < total:
        raise Fault(f"the connection was cut after {got} of {total} bytes")
    return True


def _append(remote: Remote, part: Path, answer: Answer, have: int, name: str) -> int:
    """Writes the answer behind the first `have` bytes, and tells of each megabyte; the bytes then there."""
    told = have // _MEGABYTE
    label = f"{name} (MB)"
    emit(Started(label, (answer.total or 0) // _MEGABYTE, told, 1))
    size = have
    try:
        with open(part, "r+b" if have else "wb") as file:
            file.seek(have)
            for piece in answer.pieces():
                file.write(piece)
                size += len(piece)
                for megabyte in range(told, size // _MEGABYTE):
                    emit(ItemDone(str(megabyte)))
                told = size // _MEGABYTE
    except OSError as error:
        error.filename = error.filename or str(part)
        raise
    finally:
        remote.count(size - have)
    return size


def _require_room(folder: Path, total: int | None, have: int, url: str) -> None:
    free = shutil.disk_usage(folder).free
    if total is not None and total - have > free:
        raise SoundwrightError(
            f"{url} has {(total - have) / 1e9:.3g} GB to be fetched, and only {free / 1e9:.3g} GB are free",
            path=folder,
            remedy="make room, or choose an output folder on another disk; the same command goes on from here",
        )


def _require_published(part: Path, name: str, url: str) -> None:
    if name not in PUBLISHED_SHA1:
        return
    with open(part, "rb") as file:
        found = hashlib.file_digest(file, "sha1").hexdigest()
    if found != PUBLISHED_SHA1[name]:
        part.unlink()
        _version_of(part).unlink()
        raise BadInput(
            f"{url}: its SHA-1 is {found}, the published one is {PUBLISHED_SHA1[name]}; what was fetched is deleted",
            remedy="the same command fetches it anew; or give --source with the address of a mirror",
        )


def _version_of(part: Path) -> Path:
    """Where size and ETag of the file that a `.part` belongs to are kept."""
    return part.with_name(part.name + ".json")
