"""Segments have one length to the sample, and put together they are the recording."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundwright.audio import files
from soundwright.audio.files import read_audio
from soundwright.cli.root import run
from soundwright.core.errors import UsageError
from soundwright.corpus.segment import cut, segment, segment_name
from soundwright.corpus.segment_table import SegmentRow, read_segment_table
from soundwright.runs.options import RunOptions
from soundwright.runs.summary import RunSummary

HERE = RunOptions(workers=1)
RNG = np.random.default_rng(0)
RATE = 8_000


def noise(num_samples: int, channels: int = 1) -> NDArray[np.int16]:
    return RNG.integers(-32768, 32768, (num_samples, channels), np.int16)


def write(path: Path, data: NDArray[np.generic], rate: int = RATE, subtype: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, data, rate, subtype=subtype)


def run_one(folder: Path, data: NDArray[np.generic], rate: int = RATE, **options: Any) -> RunSummary:
    write(folder / "in/a.wav", data, rate, options.pop("subtype", None))
    return segment(folder / "in", folder / "out", options=HERE, **options)


def made(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "out").glob("*.wav"))


def read(path: Path) -> NDArray[np.int16]:
    samples, _ = soundfile.read(path, dtype="int16", always_2d=True)
    return samples


def joined(folder: Path) -> NDArray[np.int16]:
    return np.concatenate([read(folder / "out" / name) for name in made(folder)])


def failure(summary: RunSummary) -> str:
    ((_, error),) = summary.failures
    assert summary.exit_code == 1
    return str(error)


@given(
    lengths=st.lists(st.integers(0, 50), max_size=12),
    length=st.integers(1, 60),
    channels=st.integers(1, 3),
)
@settings(max_examples=100, deadline=None)
def test_cutting_anew_loses_nothing(lengths: list[int], length: int, channels: int) -> None:
    pieces = [noise(n, channels) for n in lengths]
    segments = list(cut(pieces, length))
    assert all(len(part) == length for part in segments[:-1])
    assert all(0 < len(part) <= length for part in segments)
    whole = np.concatenate([*pieces, noise(0, channels)])
    assert np.array_equal(np.concatenate([*segments, noise(0, channels)]), whole)


@given(
    num_samples=st.integers(1, 3_000),
    length=st.integers(10, 1_000),
    channels=st.integers(1, 2),
    tail=st.sampled_from(["drop", "keep", "pad"]),
)
@settings(max_examples=40, deadline=None)
def test_segments_put_together_are_the_recording_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, num_samples: int, length: int, channels: int, tail: str
) -> None:
    folder = tmp_path_factory.mktemp("segment")
    data = noise(num_samples, channels)
    summary = run_one(folder, data, duration=length / RATE, tail=tail)
    assert summary.exit_code == 0
    num_whole, rest = divmod(num_samples, length)
    has_tail = tail != "drop" and rest > 0 and rest >= 0.01 * length
    assert len(made(folder)) == num_whole + has_tail
    assert bool(summary.excluded) == (num_whole + has_tail == 0)
    if summary.excluded:
        return
    out = joined(folder)
    assert out.shape[1] == channels
    num_kept = min(num_whole * length + rest * has_tail, num_samples)
    assert np.array_equal(out[:num_kept], data[:num_kept])
    assert not out[num_kept:].any()
    expected = [length] * num_whole + ([rest if tail == "keep" else length] if has_tail else [])
    assert [len(read(folder / "out" / name)) for name in made(folder)] == expected
    assert num_samples - num_kept < length


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_recording_of_many_pieces_and_every_value(tmp_path: Path, name: str) -> None:
    data = RNG.permutation(np.tile(np.arange(-32768, 32768).astype(np.int16), 5))[:, None]
    write(tmp_path / "in" / name, data, 32_000, "PCM_16")
    segment(tmp_path / "in", tmp_path / "out", duration=1.0, tail="keep", options=HERE)
    assert len(made(tmp_path)) == 11
    assert np.array_equal(joined(tmp_path), data)


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (44_100, 2), (16_000, 3), (32_000, 2)])
def test_resampled_segments_are_the_resampled_recording(tmp_path: Path, rate: int, channels: int) -> None:
    data = 0.1 * RNG.standard_normal((7 * rate, channels))
    run_one(tmp_path, data, rate, subtype="FLOAT", duration=1.5, tail="keep", sample_rate=32_000)
    whole = read_audio(tmp_path / "in/a.wav", sample_rate=32_000).T
    out = joined(tmp_path)
    assert out.shape == whole.shape
    assert {len(read(tmp_path / "out" / name)) for name in made(tmp_path)[:-1]} == {48_000}
    assert np.abs(out / 32767 - whole).max() <= 0.51 / 32767


def test_one_pass_from_mp3_is_what_two_steps_give(tmp_path: Path) -> None:
    time_s = np.arange(5 * 44_100) / 44_100
    stereo = np.stack([0.2 * np.sin(2 * np.pi * hz * time_s) for hz in (440, 1_000)], axis=1)
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in/a.mp3", stereo, 44_100)
    call = ["corpus", "segment", str(tmp_path / "in"), str(tmp_path / "out"), "--workers", "1", "--duration", "1"]
    assert run([*call, "--sample-rate", "32000", "--mono", "mix"]) == 0
    two = str(tmp_path / "wav")
    assert run(["corpus", "convert", str(tmp_path / "in"), two, "--workers", "1"]) == 0
    assert segment(Path(two), tmp_path / "two", duration=1.0, options=HERE).done == 1
    assert len(made(tmp_path)) == 5
    for name in made(tmp_path):
        assert np.array_equal(read(tmp_path / "out" / name), read(tmp_path / "two" / name))


def test_a_tone_keeps_its_pitch(tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 1_000 * np.arange(3 * 44_100) / 44_100)
    run_one(tmp_path, tone, 44_100, duration=1.0, sample_rate=32_000)
    middle = read(tmp_path / "out/a_001.wav")[:, 0] / 32768
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(32_000)))
    assert np.argmax(spectrum) == 1_000
    assert 20 * np.log10(spectrum[1_100:].max() / spectrum.max()) < -80


def test_a_rest_that_is_next_to_nothing_is_no_segment(tmp_path: Path) -> None:
    for tail in ("keep", "pad"):
        run_one(tmp_path, noise(10 * RATE + 3), tail=tail)
        assert made(tmp_path) == ["a_000.wav"]


def test_what_is_too_short_is_excluded_and_no_failure(tmp_path: Path) -> None:
    write(tmp_path / "in/b.wav", noise(2 * RATE))
    summary = run_one(tmp_path, noise(RATE // 2), duration=1.0)
    assert (summary.exit_code, summary.done) == (0, 1)
    assert summary.excluded == [("a.wav", "is shorter than a segment of 1 s: 0.5 s")]
    assert made(tmp_path) == ["b_000.wav", "b_001.wav"]
    again = segment(tmp_path / "in", tmp_path / "out", duration=1.0, options=HERE)
    assert (again.done, again.skipped, len(again.excluded)) == (0, 1, 1)


@pytest.mark.parametrize(
    ("key", "index", "name"),
    [
        ("kick.wav", 0, "kick_000.wav"),
        ("drums/kick.wav", 7, "drums_kick_007.wav"),
        ("a.b/c d.e.mp3", 42, "a.b_c d.e_042.wav"),
        ("a.wav", 1234, "a_1234.wav"),
    ],
)
def test_names(key: str, index: int, name: str) -> None:
    assert segment_name(key, index) == name


def test_the_table_says_where_each_segment_is_from(tmp_path: Path) -> None:
    write(tmp_path / "in/drums/kick.wav", noise(2 * RATE + 2_000))
    write(tmp_path / 'in/a,"b\r\n.wav', noise(RATE))
    write(tmp_path / "in/short.wav", noise(40))
    segment(tmp_path / "in", tmp_path / "out", duration=1.0, tail="keep", options=HERE)
    assert read_segment_table(tmp_path / "out") == [
        SegmentRow('a,"b\r\n_000.wav', 'a,"b\r\n.wav', 0.0, 1.0),
        SegmentRow("drums_kick_000.wav", "drums/kick.wav", 0.0, 1.0),
        SegmentRow("drums_kick_001.wav", "drums/kick.wav", 1.0, 1.0),
        SegmentRow("drums_kick_002.wav", "drums/kick.wav", 2.0, 0.25),
    ]
    segment(tmp_path / "in", tmp_path / "out", duration=2.25, tail="pad", options=HERE)
    rows = read_segment_table(tmp_path / "out")
    assert [(row.file, row.duration_s) for row in rows] == [
        ('a,"b\r\n_000.wav', 2.25),
        ("drums_kick_000.wav", 2.25),
    ]


def test_recordings_that_would_share_names_are_reported(tmp_path: Path) -> None:
    for name in ("drums/kick.wav", "drums_kick.wav", "b.wav"):
        write(tmp_path / "in" / name, noise(RATE))
    summary = segment(tmp_path / "in", tmp_path / "out", duration=1.0, options=HERE)
    assert sorted(key for key, _ in summary.failures) == ["drums/kick.wav", "drums_kick.wav"]
    assert made(tmp_path) == ["b_000.wav"]


def test_a_rerun_does_nothing(tmp_path: Path) -> None:
    run_one(tmp_path, noise(5 * RATE), duration=1.0)
    table = (tmp_path / "out/segments.csv").read_bytes()
    again = segment(tmp_path / "in", tmp_path / "out", duration=1, options=HERE)
    assert (again.done, again.skipped) == (0, 1)
    assert (tmp_path / "out/segments.csv").read_bytes() == table


def test_a_lost_segment_is_made_again(tmp_path: Path) -> None:
    run_one(tmp_path, noise(5 * RATE), duration=1.0)
    before = joined(tmp_path)
    for name in ("a_000.wav", "a_003.wav"):
        (tmp_path / "out" / name).unlink()
        assert segment(tmp_path / "in", tmp_path / "out", duration=1.0, options=HERE).done == 1
        assert np.array_equal(joined(tmp_path), before)


def test_other_settings_remove_old_segments(tmp_path: Path) -> None:
    data = noise(5 * RATE)
    run_one(tmp_path, data, duration=1.0)
    assert segment(tmp_path / "in", tmp_path / "out", duration=2.0, options=HERE).done == 1
    assert made(tmp_path) == ["a_000.wav", "a_001.wav"]
    assert np.array_equal(joined(tmp_path), data[: 4 * RATE])
    assert len(read_segment_table(tmp_path / "out")) == 2
    assert segment(tmp_path / "in", tmp_path / "out", duration=6.0, options=HERE).excluded
    assert made(tmp_path) == []
    assert read_segment_table(tmp_path / "out") == []


class Killed(BaseException):
    """Nobody catches this, and nothing is put in order after it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Ends the run at the writing of a segment."""
    written = 0
    real = files.write_sixteen_bit

    def write_or_die(*arguments: Any, **options: Any) -> int:
        nonlocal written
        written += 1
        if written > number:
            raise Killed
        return real(*arguments, **options)

    monkeypatch.setattr(files, "write_sixteen_bit", write_or_die)


@pytest.mark.parametrize("duration", [1.0, 2.0, 10.0])
def test_after_a_kill_the_folder_is_that_of_an_undisturbed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duration: float
) -> None:
    data = noise(10 * RATE)
    with monkeypatch.context() as patch:
        kill_at(patch, 7)
        with pytest.raises(Killed):
            run_one(tmp_path, data, duration=1.0)
    assert len(made(tmp_path)) == 7
    assert not (tmp_path / "out/segments.csv").exists()
    assert segment(tmp_path / "in", tmp_path / "out", duration=duration, options=HERE).done == 1
    assert len(made(tmp_path)) == 10 / duration
    assert np.array_equal(joined(tmp_path), data)


def test_a_recording_that_turns_out_bad_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    data = 0.1 * RNG.standard_normal(200_000)
    data[190_000] = np.nan
    assert "NaN or infinite" in failure(run_one(tmp_path, data, subtype="FLOAT", duration=1.0))
    assert made(tmp_path) == []
    assert read_segment_table(tmp_path / "out") == []


def test_a_recording_that_became_bad_takes_its_old_segments_along(tmp_path: Path) -> None:
    run_one(tmp_path, noise(40 * RATE), duration=1.0)
    data = 0.1 * RNG.standard_normal(30 * RATE)
    data[25 * RATE] = np.inf
    assert "NaN or infinite" in failure(run_one(tmp_path, data, subtype="FLOAT", duration=1.0))
    assert made(tmp_path) == []


def test_channels_that_cancel_leave_nothing(tmp_path: Path) -> None:
    left = noise(3 * RATE) // 2
    data = np.concatenate([left, -left], axis=1)
    assert "anti-phase" in failure(run_one(tmp_path, data, duration=1.0, mono="mix"))
    assert made(tmp_path) == []
    assert run_one(tmp_path, data, duration=1.0).done == 1


def test_what_exceeds_full_scale_is_told(tmp_path: Path) -> None:
    data = np.zeros(2 * RATE)
    data[5_000] = -2.0
    summary = run_one(tmp_path, data, subtype="FLOAT", duration=1.0)
    assert summary.warnings == [("a.wav", "1 sample exceeds full scale by up to 6 dB; cut off")]


def test_files_of_somebody_else_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "out/a_000.wav", noise(10))
    write(tmp_path / "out/a_001.wav", noise(10))
    assert "exists already" in failure(run_one(tmp_path, noise(RATE), duration=1.0))
    assert [len(read(tmp_path / "out" / name)) for name in made(tmp_path)] == [10, 10]


def test_overwriting_replaces_what_it_must_and_no_more(tmp_path: Path) -> None:
    data, mine = noise(2 * RATE), noise(10)
    for i in range(4):
        write(tmp_path / f"out/a_{i:03d}.wav", mine)
    size = (tmp_path / "out/a_003.wav").stat().st_size
    assert run_one(tmp_path, data, duration=1.0, overwrite=True).done == 1
    assert made(tmp_path) == ["a_000.wav", "a_001.wav", "a_002.wav", "a_003.wav"]
    sizes = [(tmp_path / f"out/a_{i:03d}.wav").stat().st_size for i in range(4)]
    assert [each == size for each in sizes] == [False, False, True, True]


@pytest.mark.parametrize("index", [0, 1])
def test_a_file_of_somebody_else_within_the_series_is_kept(tmp_path: Path, index: int) -> None:
    mine = tmp_path / f"out/a_{index:03d}.wav"
    mine.parent.mkdir()
    mine.write_text("mine")
    summary = run_one(tmp_path, noise(3 * RATE), duration=1.0)
    assert "exists already" in failure(summary)
    assert mine.read_text() == "mine"
    assert made(tmp_path) == [mine.name], "nothing is left of the attempt"


def test_a_file_of_somebody_else_behind_the_series_is_kept(tmp_path: Path) -> None:
    mine = tmp_path / "out/a_003.wav"
    mine.parent.mkdir()
    mine.write_text("mine")
    data = noise(3 * RATE)
    assert run_one(tmp_path, data, duration=1.0).exit_code == 0
    assert run_one(tmp_path, data, duration=1.5).exit_code == 0
    assert made(tmp_path) == ["a_000.wav", "a_001.wav", "a_003.wav"]
    assert mine.read_text() == "mine"


def test_overwriting_with_a_broken_recording_removes_nothing_of_somebody_else(tmp_path: Path) -> None:
    write(tmp_path / "out/a_000.wav", noise(10))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav").write_bytes(b"junk")
    assert failure(segment(tmp_path / "in", tmp_path / "out", overwrite=True, options=HERE))
    assert made(tmp_path) == ["a_000.wav"]


def test_workers_and_shards_change_nothing(tmp_path: Path) -> None:
    for i in range(6):
        write(tmp_path / f"in/{i}.wav", noise(3 * RATE))
    segment(tmp_path / "in", tmp_path / "out", duration=1.0, options=HERE)
    before = {name: (tmp_path / "out" / name).read_bytes() for name in [*made(tmp_path), "segments.csv"]}
    shutil.rmtree(tmp_path / "out")
    for i in range(2):
        shard = RunOptions(workers=2 - i, shard_index=i, shard_count=2)
        assert segment(tmp_path / "in", tmp_path / "out", duration=1.0, options=shard).exit_code == 0
    assert {name: (tmp_path / "out" / name).read_bytes() for name in before} == before


@pytest.mark.parametrize(
    "options", [{"duration": 0}, {"duration": float("inf")}, {"sample_rate": 0}, {"sample_rate": 10**9}]
)
def test_numbers_out_of_range_are_wrong_usage(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="above 0|from 1 to 768000"):
        run_one(tmp_path, noise(RATE), **options)


def test_a_segment_shorter_than_a_sample_is_reported(tmp_path: Path) -> None:
    assert "shorter than one sample" in failure(run_one(tmp_path, noise(RATE), duration=1e-6))


def test_the_output_folder_may_lie_inside_the_input_folder_but_not_be_it(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", noise(RATE))
    for _ in range(2):
        assert segment(tmp_path, tmp_path / "out", duration=1.0, options=HERE).total == 1
    with pytest.raises(UsageError, match="same folder"):
        segment(tmp_path, tmp_path)
