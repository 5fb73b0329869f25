"""Whatever server, line, archive and disk do wrong: mended where it can be, else said in one line, and gone on from."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from unittest import mock

import pytest
from fma_archive import make_archive, music, padded
from fma_server import Faults, FolderServer

from soundwright.core.errors import BadInput, SoundwrightError
from soundwright.corpus.fma import faults as network
from soundwright.corpus.fma import remote, whole
from soundwright.corpus.fma.faults import ArchiveChanged, Fault, NoRanges, Unreachable
from soundwright.corpus.fma.summary import FmaSummary
from soundwright.runs.events import Event, ItemDone, Note, Started, listening

PUBLISHED = dict(whole.PUBLISHED_SHA1)
Fetch = Callable[..., FmaSummary]


def tracks_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.mp3"))}


def middle_of(archive: Path, name: str) -> int:
    """Offset of a byte within a member's packed data."""
    info = next(info for info in zipfile.ZipFile(archive).infolist() if info.filename.endswith(name))
    return info.header_offset + 60 + len(info.filename) + info.compress_size // 2


@pytest.fixture
def events() -> Iterator[list[Event]]:
    heard: list[Event] = []
    with listening(heard.append):
        yield heard


@pytest.fixture
def big(folder: Path) -> dict[str, bytes]:
    """An archive larger than the end of it that is fetched first; six tracks of 100 kB."""
    tune = music(1)
    return make_archive(folder / "fma_small.zip", {track: padded(tune, 100_000, track) for track in range(10, 16)})


def test_a_cut_connection_is_taken_up_where_it_broke(
    fetch: Fetch, server: FolderServer, tmp_path: Path, big: dict[str, bytes]
) -> None:
    server.faults = Faults(cut_after=30_000)
    summary = fetch("all", metadata="none")
    assert summary.exit_code == 0
    assert tracks_in(tmp_path / "out") == big
    server.faults = Faults()
    undisturbed = fetch("all", metadata="none", output=tmp_path / "undisturbed")
    assert summary.bytes_fetched == undisturbed.bytes_fetched, "bytes came twice"


@pytest.mark.parametrize("status", [403, 408, 429, 500, 503])
def test_a_server_that_refuses_for_a_moment_is_asked_again(
    fetch: Fetch, server: FolderServer, tmp_path: Path, contents: dict[str, bytes], status: int
) -> None:
    server.faults = Faults(status=status, times=2)
    assert fetch().exit_code == 0
    assert [asked.status for asked in server.log[:3]] == [status, status, 206]
    assert tracks_in(tmp_path / "out").items() <= contents.items()


@pytest.mark.parametrize("status", [403, 503])
def test_a_server_that_keeps_refusing_is_said_in_one_line_and_gone_on_from(
    fetch: Fetch, server: FolderServer, tmp_path: Path, big: dict[str, bytes], status: int
) -> None:
    server.faults = Faults(status=status)
    with pytest.raises(Unreachable, match=f"{status} .* -> try again later, it goes on from here, or --source"):
        fetch(4, metadata="none")
    server.faults = Faults()
    fetch(1, metadata="none")
    server.log.clear()
    server.faults = Faults(status=status)
    summary = fetch(5, metadata="none")
    assert (summary.exit_code, summary.skipped, len(summary.failures)) == (1, 1, 4)
    key, error = summary.failures[0]
    assert isinstance(error, Unreachable)
    assert str(error).startswith(f"{key}: {server.url}/fma_small.zip: cannot be fetched: {status} ")
    assert "\n" not in str(error)
    # The first track had all patience, those after it one attempt each.
    assert len(server.log) == 3 + 3
    server.faults = Faults()
    assert fetch(5, metadata="none").done == 4
    assert tracks_in(tmp_path / "out").items() <= big.items()


def test_long_waits_are_told(
    fetch: Fetch, server: FolderServer, monkeypatch: pytest.MonkeyPatch, events: list[Event]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(remote, "PATIENCE", remote.Patience())
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: slept.append(seconds) if seconds > 0.5 else None)
    server.faults = Faults(status=503, times=3, retry_after="5")
    assert fetch().exit_code == 0
    assert len(slept) == 3
    notes = [event.text for event in events if isinstance(event, Note) and "asked again" in event.text]
    assert len(notes) == 3
    assert "503 Service Unavailable; it is asked again in 5 s" in notes[0]


def test_what_is_not_there_is_not_asked_for_again(fetch: Fetch, server: FolderServer) -> None:
    with pytest.raises(Unreachable, match="404 .* -> check the address"):
        fetch(source=f"{server.url}/fma_smal.zip")
    assert len(server.log) == 1


def test_nobody_listens(fetch: Fetch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=r"Connection refused \(3 attempts\)"):
        fetch(source=f"http://127.0.0.1:{port}/fma_small.zip")


def test_a_server_that_falls_silent(fetch: Fetch, server: FolderServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", replace(remote.PATIENCE, attempts=2, timeout_s=0.05))
    server.faults = Faults(delay_s=0.2)
    with pytest.raises(Unreachable, match=r"(no answer in time|timed out) \(2 attempts\)"):
        fetch()


def test_waits_grow_and_heed_the_server() -> None:
    patience = remote.Patience(first_wait_s=1.0, longest_wait_s=60.0)
    waits = [patience.wait_s(failed, None) for failed in (1, 2, 3, 4, 5, 20)]
    assert waits == sorted(waits)
    assert 0.75 <= waits[0] <= 1.25
    assert waits[-1] == 60.0
    assert patience.wait_s(1, 30.0) == 30.0
    assert patience.wait_s(1, 3600.0) == 60.0


def test_retry_after_is_seconds_or_a_date() -> None:
    assert network.retry_after_s(None) is None
    assert network.retry_after_s("7") == 7.0
    assert network.retry_after_s(formatdate(time.time() + 100, usegmt=True)) == pytest.approx(100, abs=5)
    assert network.retry_after_s("soon") is None


def test_the_server_says_when_to_come_back(server: FolderServer) -> None:
    server.faults = Faults(status=503, retry_after="42")
    with pytest.raises(Fault) as caught, remote.Remote(f"{server.url}/fma_small.zip", remote.PATIENCE).ask("0-1"):
        pass
    assert caught.value.asked_s == 42.0


def test_a_server_that_sends_on_to_another_address(fetch: Fetch, server: FolderServer) -> None:
    assert fetch(source=f"{server.url}/moved/fma_small.zip").exit_code == 0
    assert {asked.status for asked in server.log} == {302, 206}


def test_what_failed_on_the_way_is_neither_replaced_nor_taken_for_missing(
    fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path
) -> None:
    tune = music(1)
    contents = {i: padded(tune, 100_000, i) for i in range(10, 18)}
    contents |= {i: padded(b"no sound", 100_000, i) for i in range(18, 22)}
    make_archive(folder / "fma_small.zip", contents)
    fetch(1, metadata="none")
    server.faults = Faults(status=503, times=3)
    summary = fetch(8, metadata="none")
    assert (summary.exit_code, len(summary.failures)) == (1, 1)
    assert summary.notes == []
    assert fetch(8, metadata="none").done + summary.done + 1 == 8
    assert {*tracks_in(tmp_path / "out")} == {f"{i:06d}.mp3" for i in range(10, 18)}


def test_damage_on_the_way_is_mended_by_fetching_anew(
    fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path, big: dict[str, bytes]
) -> None:
    server.faults = Faults(damage={middle_of(folder / "fma_small.zip", "000010.mp3"): 7}, damage_times=2)
    assert fetch("all", metadata="none").exit_code == 0
    assert tracks_in(tmp_path / "out") == big


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
@pytest.mark.parametrize("header", [False, True])
def test_a_damaged_member_is_a_failure_and_the_others_go_on(
    fetch: Fetch, folder: Path, tmp_path: Path, compression: int, header: bool
) -> None:
    path = folder / "fma_small.zip"
    tune = music(1)
    contents = {track: padded(tune, 20_000, track) for track in range(10, 16)}
    whole_ones = make_archive(path, contents, compression=compression)
    at = middle_of(path, "000012.mp3")
    if header:
        at = next(i.header_offset for i in zipfile.ZipFile(path).infolist() if i.filename.endswith("000012.mp3"))
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    for source in (None, str(path)):
        output = tmp_path / f"out{source is None}"
        summary = fetch("all", metadata="none", output=output, **({"source": source} if source else {}))
        ((key, error),) = summary.failures
        assert (key, summary.exit_code, summary.done) == ("000/000012.mp3", 1, 5)
        assert "is damaged in the archive" in str(error)
        assert tracks_in(output).items() <= whole_ones.items()
        assert len(tracks_in(output)) == 5


def test_a_wrong_checksum_is_a_failure_that_says_which(fetch: Fetch, server: FolderServer, folder: Path) -> None:
    tune = music(1)
    contents = {track: padded(tune, 100_000, track) for track in range(10, 16)}
    make_archive(folder / "fma_small.zip", contents, wrong_checksums=[12])
    summary = fetch("all", metadata="none")
    ((key, error),) = summary.failures
    assert (key, summary.done) == ("000/000012.mp3", 5)
    assert f"fetched 3 times: its SHA-1 is {hashlib.sha1(contents[12]).hexdigest()}, the archive's checksums" in str(
        error
    )
    assert "another copy" in str(error)


def test_an_archive_without_checksums_is_said(fetch: Fetch, folder: Path, tmp_path: Path) -> None:
    contents = make_archive(folder / "fma_small.zip", range(2, 6), checksums=False)
    summary = fetch("all")
    assert summary.exit_code == 0
    assert "no checksums" in summary.notes[0]
    assert tracks_in(tmp_path / "out") == contents


@pytest.mark.parametrize("how", ["size", "etag", "shorter"])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_archive_that_changed_since_ends_the_run(
    fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path, big: dict[str, bytes], how: str, workers: int
) -> None:
    fetch(2, metadata="none")
    path = folder / "fma_small.zip"
    data = path.read_bytes()
    if how == "etag":
        server.faults = Faults(etag='"another"')
    else:
        path.write_bytes(data + b"more" if how == "size" else data[:100])
        server.faults = Faults(etag=server_etag(tmp_path))
    with pytest.raises(ArchiveChanged, match="has changed since the first run.* -> .*--overwrite"):
        fetch(6, metadata="none", workers=workers)
    path.write_bytes(data)
    server.faults = Faults()
    assert fetch(6, metadata="none", overwrite=True).done == 6


def server_etag(folder: Path) -> str:
    (directory,) = folder.glob("out/.soundwright/fma/*small.zip.directory")
    return str(json.loads(directory.read_bytes().split(b"\n")[0])["etag"])


def test_a_server_that_gives_no_parts_any_more_ends_the_run(
    fetch: Fetch, server: FolderServer, big: dict[str, bytes]
) -> None:
    fetch(2, metadata="none")
    server.faults = Faults(ranges=False)
    with pytest.raises(NoRanges, match="--whole"):
        fetch(6, metadata="none")


@pytest.mark.parametrize("content", [b"", b"tiny", b"<html>please log in</html>" * 200])
def test_what_is_no_zip_archive(fetch: Fetch, server: FolderServer, folder: Path, content: bytes) -> None:
    (folder / "fma_small.zip").write_bytes(content)
    with pytest.raises(SoundwrightError, match="no zip archive|is empty"):
        fetch(metadata="none")
    with pytest.raises(BadInput, match="no zip archive"):
        fetch(metadata="none", source=str(folder / "fma_small.zip"))


def test_an_archive_without_tracks(fetch: Fetch, folder: Path) -> None:
    make_archive(folder / "fma_small.zip", {})
    with pytest.raises(BadInput, match="holds no .mp3 files"):
        fetch()


# The whole archive: where the server has no ranges, or where the user wants it.


def test_without_ranges_the_archive_is_fetched_whole_and_once(
    fetch: Fetch, server: FolderServer, tmp_path: Path, contents: dict[str, bytes]
) -> None:
    server.faults = Faults(ranges=False)
    summary = fetch()
    assert summary.exit_code == 0
    assert "gives whole files only" in summary.notes[0]
    assert tracks_in(tmp_path / "out").items() <= contents.items()
    num_requests = len(server.log)
    assert fetch("all").exit_code == 0
    assert len(server.log) == num_requests
    assert tracks_in(tmp_path / "out") == contents


def test_a_whole_fetch_shows_progress_and_goes_on_after_cuts_and_stops(
    fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path, events: list[Event]
) -> None:
    tune = music(1)
    contents = make_archive(folder / "fma_small.zip", {i: padded(tune, 500_000, i) for i in range(10, 18)})
    size = (folder / "fma_small.zip").stat().st_size
    server.faults = Faults(cut_after=1_500_000, times=2, only="small")
    summary = fetch("all", metadata="none", whole=True)
    assert summary.exit_code == 0
    assert tracks_in(tmp_path / "out") == contents
    assert summary.bytes_fetched == size == server.bytes_sent
    assert [event.total for event in events if isinstance(event, Started)][0] == size // 1_000_000
    assert sum(isinstance(event, ItemDone) and event.key.isdecimal() for event in events) == size // 1_000_000

    server.faults = Faults(cut_after=1_500_000, times=1, only="small")
    once = mock.patch.object(remote, "PATIENCE", replace(remote.PATIENCE, attempts=1))
    with once, pytest.raises(Unreachable, match="cut after 1500000 of"):
        fetch("all", metadata="none", whole=True, output=tmp_path / "stopped")
    before = server.bytes_sent
    assert fetch("all", metadata="none", whole=True, output=tmp_path / "stopped").exit_code == 0
    assert server.bytes_sent - before == size - 1_500_000
    assert not list(tmp_path.rglob("*.part*"))


def test_parts_of_two_versions_do_not_come_together(
    fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path
) -> None:
    tune = music(1)
    make_archive(folder / "fma_small.zip", {i: padded(tune, 50_000, i) for i in range(10, 18)})
    server.faults = Faults(cut_after=200_000, times=1, only="small")
    once = mock.patch.object(remote, "PATIENCE", replace(remote.PATIENCE, attempts=1))
    with once, pytest.raises(Unreachable):
        fetch("all", metadata="none", whole=True)
    contents = make_archive(folder / "fma_small.zip", {i: padded(tune, 60_000, i) for i in range(10, 18)})
    assert fetch("all", metadata="none", whole=True).exit_code == 0
    assert tracks_in(tmp_path / "out") == contents


def test_a_published_archive_is_known_by_its_sum(
    fetch: Fetch, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(whole.PUBLISHED_SHA1, "fma_small.zip", PUBLISHED["fma_small.zip"])
    with pytest.raises(BadInput, match="the published one is ade154f7.* -> the same command fetches it anew"):
        fetch(whole=True)
    assert not list(tmp_path.glob("out/**/*.part"))
    digest = hashlib.sha1((folder / "fma_small.zip").read_bytes()).hexdigest()
    monkeypatch.setitem(whole.PUBLISHED_SHA1, "fma_small.zip", digest)
    assert fetch(whole=True).exit_code == 0


def test_room_is_looked_for_before_a_whole_archive_is_fetched(
    fetch: Fetch, server: FolderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=10))
    with pytest.raises(SoundwrightError, match="only 1e-08 GB are free -> make room"):
        fetch(whole=True)


# A disk that is full, in truth.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mount: a small file system cannot be made here (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("way", ["parts", "parts by two", "whole"])
def test_a_full_disk_ends_the_run_and_the_same_command_goes_on(
    fetch: Fetch, folder: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    tune = music(1)
    contents = make_archive(folder / "fma_small.zip", {i: padded(tune, 300_000, i) for i in range(10, 15)})
    if way == "whole":
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    options = {"output": small_disk / "out", "metadata": "none", "whole": way == "whole"}
    options["workers"] = 2 if way == "parts by two" else 1
    with pytest.raises(OSError, match="No space left on device"):
        fetch("all", **options)
    assert not list(small_disk.rglob("*.tmp*"))
    assert tracks_in(small_disk / "out").items() <= contents.items()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    summary = fetch("all", **options)
    assert summary.exit_code == 0
    assert tracks_in(small_disk / "out") == contents
