"""`mix prepare`: songs of any make become segments, and every oddity is one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from soundwright.audio.files import read_audio
from soundwright.core.errors import BadInput, UsageError
from soundwright.mixing.dataset import Dataset, make_example, read_dataset
from soundwright.mixing.distortion import Ranges
from soundwright.mixing.executor import MixingTools
from soundwright.mixing.prepare import prepare
from soundwright.mixing.song_maker import STEMS, make_song
from soundwright.runs.summary import RunSummary

RATE = 8000


def write_song(folder: Path, *, seed: int = 0, duration_s: float = 2.5, rate: int = RATE) -> Path:
    for stem, samples in make_song(seed, duration_s, rate).items():
        write(folder / "stems" / f"{stem}.wav", samples, rate)
    return folder


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(os.fsencode(path), samples.T, rate, subtype=subtype, format="WAV")


def run(root: Path, **changes: Any) -> tuple[RunSummary, Dataset]:
    settings: dict[str, Any] = {"segment_duration": 1.0, "sample_rate": RATE, "validation_split": 0.3, "seed": 1}
    summary = prepare(
        data_dir=root / "data",
        processed_dir=root / "data" / "processed",
        dataset_file=root / "data" / "dataset.json",
        **settings | changes,
    )
    return summary, read_dataset(root / "data" / "dataset.json")


def texts(summary: RunSummary) -> str:
    parts = [*map(str, summary.warnings), *map(str, summary.excluded), *summary.notes]
    return "\n".join([*parts, *(str(error) for _, error in summary.failures)])


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    for number, name in enumerate(("ann/one", "ann/two", "bob/one")):
        write_song(tmp_path / "data" / "raw" / name, seed=number)
    return tmp_path


def test_songs_become_segments_that_are_the_song(songs: Path) -> None:
    summary, dataset = run(songs)
    assert (summary.exit_code, summary.done, texts(summary)) == (0, 3, "")
    assert [segment.key for segment in dataset.segments] == [
        f"{song}/{index:03d}" for song in ("ann/one", "ann/two", "bob/one") for index in (0, 1)
    ]
    assert dataset.stats["total_stems"] == 24
    first = dataset.segments[1]
    assert (first.start_time, first.end_time, first.duration, first.index) == (1.0, 2.0, 1.0, 1)
    loaded = dataset.load("ann/one/001")
    source = read_audio(songs / "data/raw/ann/one/stems/drums.wav")
    np.testing.assert_allclose(loaded["drums"], source[:, RATE : 2 * RATE], atol=1.1 / 32768)
    level = dataset.stems["ann/one/001"]["drums"].level_db
    assert level == pytest.approx(10 * np.log10(np.mean(np.square(loaded["drums"]))), abs=0.02)


def test_the_split_is_by_artist_and_both_sides_have_songs(songs: Path) -> None:
    _, dataset = run(songs)
    sides = {side: {segment.artist for segment in dataset.side(side)} for side in ("train", "validation")}
    assert sides == {"train": {"ann"}, "validation": {"bob"}}
    assert dataset.stats["train_segments"] == 4
    _, whole = run(songs, validation_split=0.0)
    assert not whole.side("validation")


def test_a_rerun_does_only_what_has_changed(songs: Path) -> None:
    run(songs)
    index = songs / "data" / "dataset.json"
    before = index.stat().st_mtime_ns
    summary, _ = run(songs)
    assert (summary.done, summary.skipped) == (0, 3)
    assert index.stat().st_mtime_ns == before
    write_song(songs / "data/raw/ann/two", seed=9)
    summary, _ = run(songs)
    assert (summary.done, summary.skipped) == (1, 2)
    summary, dataset = run(songs, segment_duration=2.0)
    assert summary.done == 3
    assert not (songs / "data/processed/ann/one/001").exists() or not any(
        (songs / "data/processed/ann/one/001").iterdir()
    )
    assert len(dataset.segments) == 3
    summary, _ = run(songs, segment_duration=2.0, seed=2)
    assert summary.done == 0  # the split alone is made anew


def test_the_dataset_moves_as_a_folder(songs: Path, tmp_path: Path) -> None:
    run(songs)
    moved = (songs / "data").rename(tmp_path / "moved")
    assert read_dataset(moved / "dataset.json").load("bob/one/000").keys() == set(STEMS)


def test_artist_and_limit_really_limit(songs: Path) -> None:
    summary, dataset = run(songs, artist="ann", limit=1)
    assert summary.total == 1
    assert {segment.key.rsplit("/", 1)[0] for segment in dataset.segments} == {"ann/one"}
    assert not (songs / "data/processed/bob").exists()
    summary, dataset = run(songs, artist="bob")
    assert list(dataset.artists) == ["bob"]
    summary, dataset = run(songs, limit=2)
    assert sorted(dataset.artists["ann"]) == ["one", "two"]
    assert {segment.split for segment in dataset.segments} == {"train", "validation"}
    assert not summary.notes
    with pytest.raises(UsageError, match="no such artist -> such as bob"):
        run(songs, artist="bobb")
    with pytest.raises(UsageError, match="--limit 0"):
        run(songs, limit=0)


def test_songs_without_stems_are_one_stem_and_that_is_said(tmp_path: Path) -> None:
    mix = np.sum(list(make_song(0, 2.5, RATE).values()), axis=0)
    write(tmp_path / "data/ann/one.wav", mix)  # no folder raw
    write(tmp_path / "data/bob/two/two.wav", mix)
    write(tmp_path / "data/processed/left/over.wav", mix)
    write(tmp_path / "data/loose.wav", mix)
    summary, dataset = run(tmp_path)
    assert {key: list(stems) for key, stems in dataset.stems.items() if key.endswith("000")} == {
        "ann/one/000": ["mix"],
        "bob/two/000": ["mix"],
    }
    assert "without stems, used as one: 2 of 2 songs, e.g. ann/one" in texts(summary)
    assert "loose.wav: is in no artist's folder" in texts(summary)


def test_where_there_is_raw_nothing_else_is_read(songs: Path) -> None:
    write_song(songs / "data/other/song")
    _, dataset = run(songs)
    assert list(dataset.artists) == ["ann", "bob"]


def test_odd_stems_are_one_line_each_and_the_rest_goes_on(tmp_path: Path) -> None:
    raw = tmp_path / "data" / "raw"
    write_song(raw / "ann/whole")
    odd = write_song(raw / "ann/odd") / "stems"
    write(odd / "mono.wav", make_song(1, 2.5, RATE)["bass"][:1])
    write(odd / "slow.wav", make_song(1, 2.5, 4000)["bass"], 4000)
    write(odd / "short.wav", make_song(1, 1.2, RATE)["bass"])
    write(odd / "silent.wav", np.zeros((2, 20_000)))
    write(odd / "one.wav", np.ones((2, 1)) * 0.5)
    write(odd / "loud.wav", np.clip(20 * make_song(1, 2.5, RATE)["bass"], -1, 1))
    write(odd / "line\nend.wav", make_song(1, 2.5, RATE)["bass"][:1])
    write(Path(f"{odd}/\udcff.wav"), make_song(1, 2.5, RATE)["bass"])
    broken = write_song(raw / "bob/broken") / "stems"
    samples = make_song(1, 2.5, RATE)["bass"]
    samples[0, 5] = np.nan
    write(broken / "bad.wav", samples, subtype="FLOAT")
    write_song(raw / "bob/text")
    (raw / "bob/text/stems/drums.wav").write_text("no sound")
    write_song(raw / "bob/brief", duration_s=0.5)
    write(raw / "bob/still/stems/drums.wav", np.zeros((2, 20_000)))
    (raw / "bob/empty/stems").mkdir(parents=True)
    write(raw / "bob/loose/a.wav", samples[:, 10:])
    write(raw / "bob/loose/b.wav", samples[:, 10:])
    summary, dataset = run(tmp_path)
    told = texts(summary).splitlines()
    for expected in (
        "mono.wav is mono",
        "slow.wav has 4000 Hz, resampled: nothing above 2 kHz",
        "short.wav has 1.2 s of 2.5 s: the rest is silent",
        "silent.wav is silent, left out",
        "one.wav has only 1 sample, left out",
        "loud.wav is clipped: ",
        "line\\\\nend.wav is mono",
        "its name is no UTF-8",
        "bad.wav: has samples that are NaN or infinite",
        "drums.wav: cannot be read as audio",
        "bob/brief', 'is shorter than a segment of 1 s: 0.5 s",
        "bob/still', 'is silent",
        "bob/empty/stems: holds no sound files",
        "bob/loose: holds 2 sound files and no folder stems",
    ):
        assert sum(expected in line for line in told) == 1, (expected, told)
    assert summary.exit_code == 1
    assert {segment.song for segment in dataset.segments} == {"whole", "odd"}
    stems = dataset.load("ann/odd/001")
    assert set(stems) == {*STEMS, "mono", "slow", "short", "loud", "line\nend"}
    np.testing.assert_array_equal(stems["mono"][0], stems["mono"][1])
    assert {samples.shape for samples in stems.values()} == {(2, RATE)}
    assert not stems["short"][:, RATE // 2 :].any()
    # What has failed is left out of an example too: a silent stem is never distorted.
    assert "short" in dataset.active_stems("ann/odd/000")


def test_silent_stretches_are_left_out_and_silent_stems_get_no_label(tmp_path: Path) -> None:
    song = make_song(0, 3.0, RATE)
    song["vocals"][:, :RATE] = 0
    for stem, samples in song.items():
        samples[:, RATE : 2 * RATE] = 0
        write(tmp_path / f"data/ann/one/stems/{stem}.wav", samples)
    _, dataset = run(tmp_path)
    assert [segment.index for segment in dataset.segments] == [0, 2]
    ranges = Ranges(untouched=0.0, fewest=1)
    labelled = set()
    for epoch in range(10):
        labelled |= make_example(dataset, "ann/one/000", seed=1, epoch=epoch, ranges=ranges).labels.keys()
    assert labelled == {"drums", "bass", "other"}


def test_an_example_is_reproducible_and_its_labels_lead_to_the_target(songs: Path) -> None:
    _, dataset = run(songs)
    ranges = Ranges(untouched=0.0)
    one, same = (make_example(dataset, "bob/one/000", seed=1, epoch=2, ranges=ranges) for _ in range(2))
    assert one.labels == same.labels
    fixed, _ = MixingTools(RATE).mix(one.heard, one.labels)
    for stem in STEMS:
        np.testing.assert_array_equal(one.heard[stem], same.heard[stem])
        np.testing.assert_allclose(fixed[stem], one.target[stem], atol=1e-5)
    assert make_example(dataset, "bob/one/000", seed=1, epoch=3, ranges=ranges).labels != one.labels


def test_sections_of_a_song_json_are_kept_and_a_damaged_one_is_told(songs: Path) -> None:
    facts = {"segments": [{"start": 0, "end": 1.4, "label": "verse"}, {"start": 1.4, "end": 3, "label": "chorus"}]}
    (songs / "data/raw/ann/one/song.json").write_text(json.dumps(facts))
    (songs / "data/raw/ann/two/song.json").write_text("[1]")
    summary, dataset = run(songs)
    assert dataset.song_sections == {"verse": ["ann/one/000"], "chorus": ["ann/one/001"]}
    assert "song.json has no readable sections" in texts(summary)


def test_what_others_made_is_not_overwritten(songs: Path) -> None:
    (songs / "data/dataset.json").write_text("{}")
    with pytest.raises(UsageError, match="was not made by this command"):
        run(songs)
    assert (songs / "data/dataset.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"segment_duration": 0.0}, "--segment-duration 0"),
        ({"segment_duration": float("nan")}, "--segment-duration nan"),
        ({"sample_rate": 0}, "--sample-rate 0"),
        ({"validation_split": 1.0}, "--validation-split 1"),
    ],
)
def test_numbers_out_of_range_are_refused(songs: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        run(songs, **change)


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it does not exist"):
        run(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds no songs -> put them in as artist/song.wav"):
        run(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"schema_version": 2}', '{"schema_version": 1, "sample_rate": "x"}'])
def test_a_damaged_dataset_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(BadInput, match=r"is no dataset.json.*soundwright mix prepare") as raised:
        read_dataset(tmp_path / "dataset.json")
    assert "\n" not in str(raised.value)


def test_a_dataset_whose_lists_do_not_agree_is_refused(songs: Path) -> None:
    run(songs)
    path = songs / "data/dataset.json"
    content = json.loads(path.read_text())
    del content["stems"]["ann/one/000"]
    path.write_text(json.dumps(content))
    with pytest.raises(BadInput, match="no stems of the segment 'ann/one/000'"):
        read_dataset(path)
