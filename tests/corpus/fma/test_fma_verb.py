"""`corpus fma`: what it fetches, what it leaves out, and that it fetches nothing twice."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fma_archive import GENRES, bad_tracks, make_archive, make_metadata, music, padded
from fma_server import Faults, FolderServer

from soundwright.core.errors import BadInput, SoundwrightError, UsageError
from soundwright.corpus.fma.summary import FmaSummary
from soundwright.corpus.fma.verb import fma
from soundwright.runs import atomic

Fetch = Callable[..., FmaSummary]


def tracks_in(folder: Path) -> dict[str, bytes]:
    """Whole ones: what is being written has a hidden name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.mp3")) if not path.name.startswith(".")}


def wait_for_the_death_of_writers(folder: Path) -> None:
    """A worker of a killed group may live on for a moment after its pipes are closed; until then its file is kept."""
    for path in folder.glob(".soundwright-*.tmp*"):
        while atomic._alive(int(path.name.split("-")[2])):
            time.sleep(0.01)


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("workers", [1, 2])
def test_tracks_arrive_whole_and_the_second_run_asks_nobody(
    fetch: Fetch, server: FolderServer, tmp_path: Path, contents: dict[str, bytes], workers: int
) -> None:
    summary = fetch(workers=workers)
    assert (summary.exit_code, summary.done, summary.skipped) == (0, 4, 0)
    got = tracks_in(tmp_path / "out")
    assert len(got) == 4
    assert got.items() <= contents.items()
    assert summary.bytes_fetched == server.bytes_sent
    record = json.loads((tmp_path / "out/.soundwright/fma/run.json").read_text())
    assert record["bytes_fetched"] == server.bytes_sent
    assert record["seeds"] == {"selection": 42}
    num_requests = len(server.log)
    again = fetch(workers=workers)
    assert (again.exit_code, again.done, again.skipped, again.bytes_fetched) == (0, 0, 4, 0)
    assert len(server.log) == num_requests


def test_only_what_is_needed_is_fetched(fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path) -> None:
    tune = music(1)
    make_archive(folder / "fma_small.zip", {track: padded(tune, 50_000, track) for track in range(100, 160)})
    summary = fetch(metadata="none")
    size = sum(info.compress_size for info in zipfile.ZipFile(folder / "fma_small.zip").infolist()[2:6])
    assert summary.done == 4
    # The end of the archive, the checksums, four tracks: one request each.
    assert len(server.log) == 6
    assert summary.bytes_fetched < size + (1 << 16) + 8_000


def test_the_seed_decides_and_a_larger_number_keeps_what_is_there(fetch: Fetch, tmp_path: Path) -> None:
    fetch(4)
    first = tracks_in(tmp_path / "out")
    assert fetch(6).done == 2
    assert first.items() <= tracks_in(tmp_path / "out").items()
    fetch(4, output=tmp_path / "same")
    fetch(4, output=tmp_path / "other", seed=1)
    assert tracks_in(tmp_path / "same") == first
    assert tracks_in(tmp_path / "other").keys() != first.keys()


def test_an_address_may_hold_what_has_to_be_escaped(fetch: Fetch, server: FolderServer, folder: Path) -> None:
    (folder / "fma_small.zip").rename(folder / "fma ü.zip")
    assert fetch(source=f"{server.url}/fma ü.zip", metadata="none").exit_code == 0


def test_what_no_track_has_is_not_looked_for_in_all_of_them(
    fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path
) -> None:
    make_archive(folder / "fma_small.zip", dict.fromkeys(range(200), music(1)))
    with pytest.raises(UsageError, match="of its first .* tracks cannot be used; the last one is too short"):
        fetch(10, min_duration=31.0, metadata="none")
    assert len(server.log) < 100


def test_no_usable_track_is_a_failure(fetch: Fetch, folder: Path) -> None:
    make_archive(folder / "fma_small.zip", [1, 2])
    summary = fetch(2, min_duration=31.0, metadata="none")
    assert (summary.exit_code, len(summary.excluded)) == (1, 2)
    assert not any("replaced" in line for line in summary.lines())


def test_prune_removes_the_tracks_that_are_not_chosen_any_more(fetch: Fetch, tmp_path: Path) -> None:
    fetch(6)
    (tmp_path / "out/mine.mp3").write_bytes(b"the user's own")
    assert len(tracks_in(tmp_path / "out")) == 7
    summary = fetch(4, prune=True)
    assert (summary.done, summary.skipped, summary.exit_code) == (0, 4, 0)
    assert len(tracks_in(tmp_path / "out")) == 5
    assert (tmp_path / "out/mine.mp3").exists()


def test_tracks_of_another_selection_are_told_and_not_listed(fetch: Fetch, tmp_path: Path) -> None:
    fetch(6)
    summary = fetch(4)
    assert summary.exit_code == 0
    (note,) = summary.notes
    assert "2 other .mp3 files" in note
    listed = {row["file"] for row in table(tmp_path / "out/licenses.csv")}
    assert len(listed) == 4
    others = (tmp_path / "out/.soundwright/fma/others.txt").read_text().split()
    assert {*others} == tracks_in(tmp_path / "out").keys() - listed


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_tracks_are_listed_and_replaced(fetch: Fetch, folder: Path, tmp_path: Path, workers: int) -> None:
    good = {track: music(track) for track in range(10, 16)}
    bad = dict(enumerate(bad_tracks().values(), 100))
    make_archive(folder / "fma_small.zip", good | bad)
    summary = fetch(6, workers=workers)
    assert (summary.exit_code, summary.done) == (0, 6)
    assert summary.excluded
    assert {*tracks_in(tmp_path / "out")} == {f"{track:06d}.mp3" for track in good}
    again = fetch(6, workers=workers)
    assert (again.exit_code, again.done, again.skipped, again.excluded) == (0, 0, 6, summary.excluded)
    assert again.notes == []
    fetch("all", workers=workers)
    reasons = {row["track_id"]: row["reason"] for row in table(tmp_path / "out/excluded.csv")}
    told = ["holds no audio", "holds no audio", "is too short: 0.25 s", "is cut short", "nothing but silence"]
    assert reasons.keys() == {f"{track:06d}" for track in bad}
    for reason, expected in zip(reasons.values(), told, strict=True):
        assert expected in reason


def test_the_set_is_the_first_good_of_the_order_whatever_was_fetched_before(
    fetch: Fetch, folder: Path, tmp_path: Path
) -> None:
    make_archive(
        folder / "fma_small.zip",
        {track: music(track) for track in range(10, 20)} | dict(enumerate(bad_tracks().values(), 100)),
    )
    fetch(6, output=tmp_path / "a")
    for number in (1, 3, 6):
        fetch(number, output=tmp_path / "b")
    assert tracks_in(tmp_path / "a") == tracks_in(tmp_path / "b")


def test_fewer_than_asked_for_is_said(fetch: Fetch) -> None:
    summary = fetch(50)
    assert (summary.exit_code, summary.done) == (0, 12)
    assert summary.notes == ["50 tracks were asked for; the archive has 12 that can be used"]
    assert (fetch("all").skipped, fetch("all").notes) == (12, [])


def test_another_length_fetches_only_what_is_missing(fetch: Fetch, server: FolderServer, folder: Path) -> None:
    make_archive(folder / "fma_small.zip", {2: music(2, 1.0), 3: music(3, 2.0), 4: music(4, 3.0)})
    assert fetch("all", min_duration=1.5).done == 2
    num_requests = len(server.log)
    assert fetch("all", min_duration=0.5).done == 3
    assert len(server.log) == num_requests + 1
    assert fetch("all", min_duration=2.5).done == 1


def test_licences_of_the_tracks_that_are_there(fetch: Fetch, tmp_path: Path) -> None:
    summary = fetch(5)
    rows = table(tmp_path / "out/licenses.csv")
    assert [row["file"] for row in rows] == [*tracks_in(tmp_path / "out")]
    for row in rows:
        track = int(row["track_id"])
        assert row["title"] == f"T {track}"
        assert row["artist"] == f"Artist {track % 7}"
        assert row["license"] == ("CC BY", 'CC BY-NC-SA 3.0, "de"', "Public Domain")[track % 3]
        assert row["genre"] == ("" if track == 13 else GENRES[track % 8])
    assert "its artist's own licence" in [*summary.lines()][-1]


def test_without_metadata_there_is_a_note_and_no_guess(
    fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path
) -> None:
    (folder / "fma_metadata.zip").rename(folder / "else.zip")
    summary = fetch()
    assert summary.exit_code == 0
    assert "licences are not known" in summary.notes[0]
    assert "404" in summary.notes[0]
    assert "not known here" in [*summary.lines()][-1]
    assert {row["license"] for row in table(tmp_path / "out/licenses.csv")} == {""}
    with pytest.raises(SoundwrightError, match="404"):
        fetch(balance_genres=True)
    with pytest.raises(SoundwrightError, match="404"):
        fetch(metadata=f"{server.url}/fma_metadata.zip")
    assert fetch(metadata="none").notes == []
    fetch(metadata=str(folder / "else.zip"))
    assert "" not in {row["license"] for row in table(tmp_path / "out/licenses.csv")}
    make_archive(folder / "fma_metadata.zip", [1])
    assert "no tracks.csv" in fetch().notes[0]


def test_genres_are_balanced(fetch: Fetch, tmp_path: Path) -> None:
    assert fetch(8, balance_genres=True).done == 8
    assert sorted(row["genre"] for row in table(tmp_path / "out/licenses.csv")) == sorted(GENRES)
    summary = fetch(12, balance_genres=True)
    assert "the archive has 11" in summary.notes[0]
    assert "000013.mp3" not in tracks_in(tmp_path / "out")


def test_no_genre_at_all_cannot_be_balanced(fetch: Fetch, folder: Path) -> None:
    make_metadata(folder / "fma_metadata.zip", range(2, 14), without_genre=range(20))
    with pytest.raises(BadInput, match="name no genre"):
        fetch(balance_genres=True)
    with pytest.raises(UsageError, match="needs the metadata"):
        fetch(balance_genres=True, metadata="none")


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_an_archive_on_this_machine(folder: Path, tmp_path: Path, contents: dict[str, bytes], prefix: str) -> None:
    summary = fma(tmp_path / "out", source=f"{prefix}{folder}/fma_small.zip", tracks="all", min_duration=0.5, workers=2)
    assert (summary.exit_code, summary.bytes_fetched) == (0, 0)
    assert tracks_in(tmp_path / "out") == contents
    assert table(tmp_path / "out/licenses.csv")[0]["license"]


def test_any_zip_of_mp3s_and_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "any.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i, name in enumerate(["../up.mp3", "/root.mp3", "a/twin.mp3", "b/twin.MP3", "__MACOSX/a/._c.mp3", "d.txt"]):
            archive.writestr(name, music(i))
    out = tmp_path / "deep/out"
    summary = fma(out, source=str(tmp_path / "any.zip"), tracks="all", min_duration=0.5, workers=1, metadata="none")
    assert {*tracks_in(out)} == {"up.mp3", "root.mp3"}
    assert sorted(key for key, _ in summary.failures) == ["a/twin.mp3", "b/twin.MP3"]
    assert summary.exit_code == 1
    assert not [*tmp_path.glob("*.mp3"), *tmp_path.glob("deep/*.mp3")]


def test_a_mirror_goes_on_where_the_first_server_stopped(
    fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path
) -> None:
    (folder / "mirror").mkdir()
    for name in ("fma_small.zip", "fma_metadata.zip"):
        (folder / "mirror" / name).write_bytes((folder / name).read_bytes())
    fetch(3)
    summary = fetch(5, source=f"{server.url}/mirror/fma_small.zip")
    assert (summary.done, summary.skipped) == (2, 3)


def test_overwrite_fetches_all_anew_and_replaces_what_is_not_ours(
    fetch: Fetch, server: FolderServer, folder: Path, tmp_path: Path, contents: dict[str, bytes]
) -> None:
    contents = make_archive(
        folder / "fma_small.zip",
        {track: music(track) for track in range(10, 16)} | dict(enumerate(bad_tracks().values(), 100)),
    )
    first = fetch(6)
    (tmp_path / "out/000010.mp3").write_bytes(b"mine")
    before = server.bytes_sent
    again = fetch(6, overwrite=True)
    assert (again.exit_code, again.done, again.excluded) == (0, 6, first.excluded)
    assert first.excluded
    assert server.bytes_sent == 2 * before
    assert tracks_in(tmp_path / "out").items() <= contents.items()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "000010.mp3").write_bytes(b"mine")
    refused = fetch(6, output=foreign)
    assert refused.exit_code == 1
    assert "--overwrite" in str(refused.failures[0][1])
    assert (foreign / "000010.mp3").read_bytes() == b"mine"
    assert fetch(6, output=foreign, overwrite=True).exit_code == 0


@pytest.mark.parametrize(("number", "gentle"), [(signal.SIGKILL, False), (signal.SIGINT, True)])
def test_a_stopped_run_goes_on(
    fetch: Fetch, server: FolderServer, tmp_path: Path, contents: dict[str, bytes], number: int, gentle: bool
) -> None:
    server.faults = Faults(delay_s=0.1)
    command = [sys.executable, "-m", "soundwright", "corpus", "fma", str(tmp_path / "out"), "--tracks", "all"]
    command += ["--source", f"{server.url}/fma_small.zip", "--min-duration", "0.5", "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    while len(tracks_in(tmp_path / "out")) < 3 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, number)
    process.communicate()
    assert process.returncode == (130 if gentle else -number)
    wait_for_the_death_of_writers(tmp_path / "out")
    there = len(tracks_in(tmp_path / "out"))
    assert 3 <= there < 12
    server.faults, asked = Faults(), len(server.log)
    summary = fetch("all", metadata="none")
    assert (summary.exit_code, summary.done + summary.skipped) == (0, 12)
    # Two requests of the stopped run may still have been in the server's hands.
    assert len(server.log) - asked <= 12 - there + 2, "what is there is not fetched again"
    assert tracks_in(tmp_path / "out") == contents
    assert not list(tmp_path.rglob("*.tmp*"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"source": "smal"}, "there is no such file"),
        ({"source": "."}, "is a folder"),
        ({"source": "http://[bad/x.zip"}, "is no address"),
        ({"source": "http:///x.zip"}, "it names no host"),
        ({"source": "http://host:abc/x.zip"}, "is no address"),
        ({"tracks": 0}, "--tracks 0"),
        ({"min_duration": -1.0}, "--min-duration"),
        ({"workers": 0}, "--workers 0"),
    ],
)
def test_wrong_usage(tmp_path: Path, options: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        fma(tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_two_runs_do_not_meet_in_one_folder(fetch: Fetch, tmp_path: Path) -> None:
    from soundwright.runs.locks import lock

    with lock(tmp_path / "out/.soundwright/fma/lock-fetching"), pytest.raises(UsageError, match="another run"):
        fetch()
