"""Which files, which samples, in which order: the data of `lm train`, exact to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundwright.core.errors import UsageError
from soundwright.lossless.lm import data_paths
from soundwright.lossless.lm.chunks import Chunks, Source, check_channels, pcm, read_chunks
from soundwright.lossless.lm.control import fixed_predictor_bits
from soundwright.lossless.lm.settings import Settings


def chunks_of(tmp_path: Path, samples: NDArray[Any], subtype: str, num_chunks: int = 1000, **options: Any) -> Chunks:
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype=subtype)
    return read_chunks([Source(tmp_path / "a.wav")], Settings(**options), num_chunks, tmp_path / "cache")


def test_16_bit_samples_go_through_and_come_back(tmp_path: Path) -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    read = chunks_of(tmp_path, every, "PCM_16", use_16bit=True).samples
    assert read.tolist() == list(range(65536))
    assert np.array_equal(pcm(read, 16), every)


def test_8_bit_samples_go_through_and_come_back(tmp_path: Path) -> None:
    every = np.arange(-128, 128).astype(np.int16)
    read = chunks_of(tmp_path, every * 256, "PCM_U8").samples
    assert read.tolist() == list(range(256))
    assert np.array_equal(pcm(read, 8), every)
    # an 8-bit file under a 16-bit model is exact too
    assert np.array_equal(pcm(chunks_of(tmp_path, every * 256, "PCM_U8", use_16bit=True).samples, 16), every * 256)


def test_of_deeper_samples_the_top_bits_are_left(tmp_path: Path) -> None:
    deep = np.array([0, 255, 256, -1, -256, -257, 8388607, -8388608], np.int32)
    read = chunks_of(tmp_path, deep * 256, "PCM_24", use_16bit=True)
    assert pcm(read.samples, 16).tolist() == (deep >> 8).tolist()
    assert read.facts["files"] == [[str(tmp_path / "a.wav"), "PCM_24"]]
    shallow = np.array([0, 255, -1, 32767, -32768], np.int16)
    assert pcm(chunks_of(tmp_path, shallow, "PCM_16").samples, 8).tolist() == (shallow >> 8).tolist()


def test_samples_of_floats_are_clipped_and_counted(tmp_path: Path) -> None:
    read = chunks_of(tmp_path, np.array([0.0, 0.5, 1.5, -2.0]), "FLOAT", use_16bit=True)
    assert pcm(read.samples, 16).tolist() == [0, 16384, 32767, -32768]
    assert read.facts["clipped"] == 2


def test_channels_are_mixed_or_laid_out_in_blocks(tmp_path: Path) -> None:
    left = np.arange(0, 10, dtype=np.int16)
    stereo = np.stack([left, left + 101], axis=1)
    mono = chunks_of(tmp_path, stereo, "PCM_16", use_16bit=True)
    assert pcm(mono.samples, 16).tolist() == [(2 * x + 101) // 2 for x in range(10)]
    kept = chunks_of(tmp_path, stereo, "PCM_16", use_16bit=True, channels="stereo", stereo_blocking_n=4)
    expected = [0, 1, 2, 3, 101, 102, 103, 104, 4, 5, 6, 7, 105, 106, 107, 108, 8, 9, 109, 110]
    assert pcm(kept.samples, 16).tolist() == expected


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=5), st.integers(1, 16))
def test_chunks_cover_every_stream_and_no_two(lengths: list[int], size: int) -> None:
    from soundwright.lossless.lm.chunks import _cut

    starts, counts = _cut(lengths, size)
    covered = [(start + i) for start, count in zip(starts, counts, strict=True) for i in range(count)]
    assert covered == list(range(sum(lengths)))
    ends = np.cumsum([0, *lengths]).tolist()
    for start, count in zip(starts, counts, strict=True):
        assert np.searchsorted(ends, start, "right") == np.searchsorted(ends, start + count, "left")


def test_the_last_chunk_is_shorter_and_num_chunks_ends_the_reading(tmp_path: Path) -> None:
    whole = chunks_of(tmp_path, np.arange(25, dtype=np.int16), "PCM_16", use_16bit=True, chunk_size=20)
    batch, lengths = whole.take([0, 2])
    assert lengths.tolist() == [10, 5]
    assert (batch[1] - 32768)[:5].tolist() == [20, 21, 22, 23, 24]
    assert batch[1][5:].tolist() == [0] * 5
    assert len(whole.spread(2)) == 2
    some = read_chunks(
        [Source(tmp_path / "a.wav"), Source(tmp_path / "a.wav")],
        Settings(use_16bit=True, chunk_size=20),
        2,
        tmp_path / "cache",
    )
    assert (len(some), len(some.samples), some.facts["possible"]) == (2, 20, 6)


def test_a_file_in_two_parts_is_the_file(tmp_path: Path) -> None:
    samples = np.arange(1003, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", np.stack([samples, -samples], axis=1), 8000)
    form = Settings(use_16bit=True, channels="stereo", stereo_blocking_n=16)
    parts = [
        read_chunks([Source(tmp_path / "a.wav", *part)], form, 1000, tmp_path / "cache").samples
        for part in ((0.0, 0.9), (0.9, 1.0), (0.0, 1.0))
    ]
    assert len(parts[0]) == 2 * 896
    assert np.array_equal(np.concatenate(parts[:2]), parts[2])


def test_bad_files_are_left_out_with_their_reason(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "good.wav", np.zeros(50), 8000)
    soundfile.write(tmp_path / "cut.wav", np.zeros(5000), 8000)
    whole = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:-200])
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan]), 8000, subtype="FLOAT")
    (tmp_path / "junk.wav").write_text("junk")
    sources = [Source(tmp_path / f"{name}.wav") for name in ("cut", "good", "nan", "junk")]
    read = read_chunks(sources, Settings(), 100, tmp_path / "cache")
    assert (len(read), len(read.samples)) == (1, 50)
    assert ["cut short" in r or "NaN" in r or "cannot be read" in r for _, r in read.facts["left_out"]] == [True] * 3


def test_reading_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from soundwright.lossless.lm import chunks

    first = chunks_of(tmp_path, np.arange(50, dtype=np.int16), "PCM_16")
    monkeypatch.setattr(chunks, "_read_all", None)
    again = read_chunks([Source(tmp_path / "a.wav")], Settings(), 1000, tmp_path / "cache")
    assert np.array_equal(first.samples, again.samples)


def test_six_channels_are_refused_as_stereo_up_front(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "six.wav", np.zeros((10, 6)), 8000)
    check_channels([tmp_path / "six.wav"], Settings())
    with pytest.raises(UsageError, match="has 6 channels"):
        check_channels([tmp_path / "six.wav"], Settings(channels="stereo"))


def folder_of(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, np.zeros((9, 2 if "stereo" in name else 1)), 8000, format="WAV")
    return tmp_path


def test_files_are_split_the_same_every_time(tmp_path: Path) -> None:
    names = [f"sub/{i}.wav" if i % 2 else f"{i}.WAV" for i in range(60)]
    folder = folder_of(tmp_path, *names)
    train, valid = data_paths.get_train_paths(str(folder)), data_paths.get_valid_paths(str(folder))
    assert sorted(train + valid) == sorted(str(folder / name) for name in names)
    assert 1 <= len(valid) <= 15
    assert train == data_paths.get_train_paths(folder)
    # a file stays on its side when others come or go
    for path in valid[2:]:
        Path(path).unlink()
    assert set(data_paths.get_train_paths(folder)) <= set(train)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_two_files_are_one_on_each_side_and_one_is_on_both(tmp_path: Path, count: int) -> None:
    folder = folder_of(tmp_path, *(f"{i}.wav" for i in range(count)))
    train, valid = data_paths.get_train_paths(folder), data_paths.get_valid_paths(folder)
    assert train
    assert valid
    assert not set(train) & set(valid)
    for path in [*train, *valid][1:]:
        Path(path).unlink()
    assert data_paths.get_train_paths(folder) == data_paths.get_valid_paths(folder) != []


def test_formats_are_told_by_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = folder_of(tmp_path, "mono.wav", "stereo.wav")
    (folder / "bad.wav").write_text("junk")
    monkeypatch.setattr(soundfile.SoundFile, "read", None)  # the sound itself is not touched
    found = data_paths.detect_audio_format(str(folder))
    assert found == {
        "has_stereo": True,
        "has_mono": True,
        "stereo_files": [str(folder / "stereo.wav")],
        "mono_files": [str(folder / "mono.wav")],
        "recommended_format": "mixed",
        "unreadable_files": [str(folder / "bad.wav")],
    }
    assert "Could not read" in caplog.text
    assert "bad.wav" in caplog.text
    assert data_paths.get_audio_files_with_format(str(folder)) == (
        [str(folder / "stereo.wav"), str(folder / "mono.wav")],
        "mono",
    )
    (folder / "stereo.wav").unlink()
    assert data_paths.detect_audio_format(folder)["recommended_format"] == "mono"
    (folder / "mono.wav").rename(folder / "mono.flac")
    with pytest.raises(UsageError, match="Audio directory does not exist: "):
        data_paths.get_train_paths(folder / "missing")
    (folder / "bad.wav").unlink()
    with pytest.raises(UsageError, match="No WAV files found in directory: "):
        data_paths.get_train_paths(folder)


def test_the_control_is_an_ideal_code_of_linear_predictions(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(-32768, 32768, 4000).astype(np.int16)
    assert fixed_predictor_bits(chunks_of(tmp_path, noise, "PCM_16", use_16bit=True)) == pytest.approx(16, abs=0.5)
    ramp = np.arange(4000, dtype=np.int16)
    assert fixed_predictor_bits(chunks_of(tmp_path, ramp, "PCM_16", use_16bit=True)) < 0.01
    small = np.repeat(np.arange(40), 100).astype(np.int16) * 256
    assert fixed_predictor_bits(chunks_of(tmp_path, small, "PCM_16")) < 0.2
