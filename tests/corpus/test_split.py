"""No track is on both sides, and the same tracks and seed give the same split."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.cli.root import run
from soundwright.core.errors import BadInput, UsageError
from soundwright.corpus.segment import segment
from soundwright.corpus.segment_table import SegmentRow, read_segment_table, write_segment_table
from soundwright.corpus.split import split, track_of_name
from soundwright.formats.file_lists import read_manifest
from soundwright.runs.options import RunOptions

RATE = 8_000


def write_files(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "first.wav", np.zeros(8, np.int16), RATE)
    whole = (folder / "first.wav").read_bytes()
    (folder / "first.wav").unlink()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(whole)


def segments(folder: Path, counts: list[int], *, table: bool = True, prefix: str = "t") -> Path:
    """A folder of segments: so many of each track."""
    names = [f"{prefix}{track}_{i:03d}.wav" for track, count in enumerate(counts) for i in range(count)]
    write_files(folder, names)
    if table:
        rows = [SegmentRow(name, name.rpartition("_")[0] + ".mp3", 0.0, 0.001) for name in names]
        write_segment_table(folder, rows)
    return folder


def names(path: Path) -> list[str]:
    return [file.name for file in read_manifest(path)]


def tracks(path: Path) -> set[str]:
    return {name.rpartition("_")[0] for name in names(path)}


@given(
    counts=st.lists(st.integers(1, 4), min_size=2, max_size=12),
    ratio=st.floats(0.01, 0.99),
    seed=st.integers(0, 10**6),
    table=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_no_track_is_on_both_sides_and_no_file_is_lost(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], ratio: float, seed: int, table: bool
) -> None:
    folder = tmp_path_factory.mktemp("split")
    source = segments(folder / "in", counts, table=table)
    result = split(source, folder / "out", ratio=ratio, seed=seed)
    train, valid = folder / "out/train.jsonl", folder / "out/valid.jsonl"
    assert not tracks(train) & tracks(valid)
    assert sorted(names(train) + names(valid)) == sorted(path.name for path in source.glob("*.wav"))
    assert len(tracks(train)) == min(max(round(ratio * len(counts)), 1), len(counts) - 1)
    assert result.exit_code == 0
    assert result.leaking_tracks == ()


def test_the_split_depends_on_tracks_and_seed_alone(tmp_path: Path) -> None:
    one, two = (segments(tmp_path / name / "in", [3] * 20) for name in ("one", "two"))
    before = (one / "segments.csv").read_text().split("\n")
    # The same tracks, found in another order, with other segments.
    (two / "segments.csv").write_text("\n".join([before[0], *before[:0:-1]]).replace("\n\n", "\n") + "\n")
    (two / "t3_002.wav").unlink()
    split(one, tmp_path / "one/out")
    assert split(two, tmp_path / "two/out").exit_code == 1
    assert tracks(tmp_path / "one/out/train.jsonl") == tracks(tmp_path / "two/out/train.jsonl")
    split(one, tmp_path / "three")
    assert (tmp_path / "three/train.jsonl").read_bytes() == (tmp_path / "one/out/train.jsonl").read_bytes()
    split(one, tmp_path / "three", seed=43)
    assert tracks(tmp_path / "three/train.jsonl") != tracks(tmp_path / "one/out/train.jsonl")


def test_a_known_split(tmp_path: Path) -> None:
    """Another release must not move tracks."""
    split(segments(tmp_path / "in", [1] * 10), tmp_path / "out")
    assert tracks(tmp_path / "out/valid.jsonl") == {"t6"}
    split(segments(tmp_path / "in", [1] * 10), tmp_path / "out", ratio=0.5)
    assert tracks(tmp_path / "out/train.jsonl") == {"t1", "t2", "t3", "t7", "t9"}


def test_both_rules_give_the_same_split(tmp_path: Path) -> None:
    with_table = split(segments(tmp_path / "a", [2] * 10), tmp_path / "out/a")
    by_name = split(segments(tmp_path / "b", [2] * 10, table=False), tmp_path / "out/b")
    assert with_table.tracks_from == "segments.csv"
    assert "name" in by_name.tracks_from
    assert [p.name for p in with_table.valid.files] == [p.name for p in by_name.valid.files]
    assert "tracks by name" in [*by_name.lines()][-1]


@pytest.mark.parametrize(
    ("key", "track"),
    [
        ("kick_007.wav", "kick"),
        ("a/kick_007.wav", "a/kick"),
        ("drums_kick_1234.wav", "drums_kick"),
        ("kick.wav", "kick"),
        ("kick-2.wav", "kick-2"),
        ("_007.wav", "_007"),
        ("a\nb_000.wav", "a\nb"),
    ],
)
def test_tracks_by_name(key: str, track: str) -> None:
    assert track_of_name(key) == track


def test_after_segmenting(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "in/sub").mkdir(parents=True)
    for name in ("a_001.wav", "a.wav", "sub/b.wav"):
        soundfile.write(tmp_path / "in" / name, 0.1 * rng.standard_normal(3 * RATE), RATE)
    segment(tmp_path / "in", tmp_path / "segments", duration=1.0, options=RunOptions(workers=1))
    call = ["corpus", "split", str(tmp_path / "segments"), str(tmp_path / "manifests"), "--ratio", "0.6"]
    assert run(call) == 0
    train, valid = (names(tmp_path / f"manifests/{side}.jsonl") for side in ("train", "valid"))
    assert (len(train), len(valid)) == (6, 3)
    source = {row.file: row.source for row in read_segment_table(tmp_path / "segments")}
    assert not {source[name] for name in train} & {source[name] for name in valid}


def test_the_lists_and_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segments(tmp_path / "in", [2, 2])
    monkeypatch.chdir(tmp_path)
    split(Path("in"), Path("in/manifests"), ratio=0.5)
    lines = (tmp_path / "in/manifests/train.jsonl").read_text().splitlines()
    (track,) = tracks(tmp_path / "in/manifests/train.jsonl")
    assert [json.loads(line) for line in lines] == [{"path": f"{tmp_path}/in/{track}_00{i}.wav"} for i in range(2)]
    record = json.loads((tmp_path / "in/manifests/split.json").read_text())
    assert (record["by"], record["seed"], record["ratio"]) == ("track", 42, 0.5)
    assert record["train"] == {"num_files": 2, "tracks": [f"{track}.mp3"]}
    # A path through `..` and a link is not shortened into another one.
    (tmp_path / "deep/er").mkdir(parents=True)
    os.symlink(tmp_path / "deep/er", tmp_path / "link")
    segments(tmp_path / "deep/in", [1, 1], prefix="u")
    result = split(Path("link/../in"), tmp_path / "out")
    assert all(path.is_file() and ".." not in path.parts for path in result.train.files + result.valid.files)


def test_by_segment_warns_of_the_leak(tmp_path: Path) -> None:
    segments(tmp_path / "in", [10, 10])
    result = split(tmp_path / "in", tmp_path / "out", by="segment", ratio=0.7)
    assert (len(result.train.files), len(result.valid.files)) == (14, 6)
    assert result.leaking_tracks == ("t0.mp3", "t1.mp3")
    assert any("2 of 2 tracks have segments on both sides" in line for line in result.lines())
    assert result.exit_code == 0


def test_one_track_cannot_be_divided_but_by_segment(tmp_path: Path) -> None:
    segments(tmp_path / "in", [3])
    with pytest.raises(UsageError, match=r"only one track.*--by segment.*better than it is"):
        split(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out/train.jsonl").exists()
    assert len(split(tmp_path / "in", tmp_path / "out", by="segment").valid.files) == 1
    segments(tmp_path / "single", [1])
    with pytest.raises(UsageError, match="only one segment"):
        split(tmp_path / "single", tmp_path / "out", by="segment")


@pytest.mark.parametrize("table", [True, False])
def test_what_cannot_be_read_is_listed_and_left_out(tmp_path: Path, table: bool) -> None:
    segments(tmp_path / "in", [3] * 10, table=table)
    (tmp_path / "in/t1_001.wav").write_bytes(b"junk")
    soundfile.write(tmp_path / "in/t2_000.wav", np.zeros(0), RATE)
    result = split(tmp_path / "in", tmp_path / "out")
    assert result.exit_code == 1
    listed = "\n".join(result.lines())
    for name in ("t1_001.wav: cannot be read", "t2_000.wav: holds no samples", "2 failed"):
        assert name in listed
    kept = names(tmp_path / "out/train.jsonl") + names(tmp_path / "out/valid.jsonl")
    assert len(kept) == 28


def test_listed_but_missing_and_there_but_not_listed(tmp_path: Path) -> None:
    segments(tmp_path / "in", [2] * 5)
    (tmp_path / "in/t1_001.wav").unlink()
    write_files(tmp_path / "in", ["old_000.wav"])
    result = split(tmp_path / "in", tmp_path / "out")
    assert [str(error.path).rpartition("/")[2] for error in result.failures] == ["t1_001.wav"]
    assert "1 file not in segments.csv" in result.notes[0]
    assert "old_000.wav" not in names(tmp_path / "out/train.jsonl") + names(tmp_path / "out/valid.jsonl")


def test_nothing_to_divide(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no file ends in"):
        split(tmp_path / "empty", tmp_path / "out")
    write_segment_table(tmp_path / "empty", [])
    with pytest.raises(UsageError, match="lists no segment"):
        split(tmp_path / "empty", tmp_path / "out")
    write_segment_table(tmp_path / "empty", [SegmentRow("a_000.wav", "a.mp3", 0.0, 1.0)])
    with pytest.raises(UsageError, match="none of its 1 files can be used"):
        split(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(UsageError, match="does not exist"):
        split(tmp_path / "missing", tmp_path / "out")


@pytest.mark.parametrize(
    "content",
    [b"", b"name,track\na.wav,a\n", b'"file","source","start_s","duration_s"\n"a.wav","a",0.0\n', b'"file'],
)
def test_a_damaged_table_is_refused(tmp_path: Path, content: bytes) -> None:
    segments(tmp_path / "in", [1, 1])
    (tmp_path / "in/segments.csv").write_bytes(content)
    with pytest.raises(BadInput, match="is no table of segments"):
        split(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("ratio", [0.0, 1.0, -1.0, 90.0, float("nan")])
def test_a_ratio_out_of_range_is_wrong_usage(tmp_path: Path, ratio: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        split(segments(tmp_path / "in", [1, 1]), tmp_path / "out", ratio=ratio)


def test_lists_of_somebody_else_are_kept(tmp_path: Path) -> None:
    segments(tmp_path / "in", [1, 1])
    (tmp_path / "out").mkdir()
    (tmp_path / "out/valid.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="not made by this command"):
        split(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out/valid.jsonl").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        split(tmp_path / "in", tmp_path / "file")


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    segments(tmp_path / "in", [2, 2], prefix="\udcff")
    result = split(tmp_path / "in", tmp_path / "out")
    assert result.exit_code == 0
    assert all(path.is_file() for side in ("train", "valid") for path in read_manifest(tmp_path / f"out/{side}.jsonl"))
