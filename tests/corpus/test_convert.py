"""Converting keeps pitch, length and loudness; what is lost is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundwright.audio import files
from soundwright.audio.files import read_audio
from soundwright.cli.root import run
from soundwright.core.errors import UsageError
from soundwright.corpus.convert import convert
from soundwright.runs.options import RunOptions
from soundwright.runs.summary import RunSummary

HERE = RunOptions(workers=1)
RNG = np.random.default_rng(0)


def tone(hz: float, duration_s: float = 1.0, rate: int = 44_100, level: float = 0.3) -> NDArray[np.float64]:
    return level * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate)


def write(path: Path, data: NDArray[np.generic], rate: int = 44_100, subtype: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, data, rate, subtype=subtype)


def run_one(folder: Path, data: NDArray[np.generic], rate: int = 44_100, **options: object) -> RunSummary:
    write(folder / "in/a.wav", data, rate, str(options.pop("subtype", "FLOAT")))
    return convert(folder / "in", folder / "out", options=HERE, **options)  # type: ignore[arg-type]


def result(folder: Path, dtype: str = "float64") -> NDArray[np.generic]:
    samples, _ = soundfile.read(folder / "out/a.wav", dtype=dtype)
    return samples


def failure(summary: RunSummary) -> str:
    ((_, error),) = summary.failures
    assert summary.exit_code == 1
    return str(error)


@pytest.mark.parametrize("rate", [8_000, 32_000, 44_100, 192_000])
@pytest.mark.parametrize("wanted", [24_000, 32_000])
def test_a_tone_keeps_pitch_length_and_loudness(tmp_path: Path, rate: int, wanted: int) -> None:
    assert run_one(tmp_path, tone(1_000, 2.5, rate), rate, sample_rate=wanted).exit_code == 0
    info = soundfile.info(tmp_path / "out/a.wav")
    assert (info.samplerate, info.channels, info.subtype) == (wanted, 1, "PCM_16")
    out = result(tmp_path)
    assert abs(len(out) - 2.5 * wanted) <= 1
    middle = out[wanted // 2 : wanted // 2 + wanted]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(wanted)))
    assert np.argmax(spectrum) == 1_000
    assert 20 * np.log10(spectrum[1_100:].max() / spectrum.max()) < -80
    level_db = 20 * np.log10(np.sqrt(2 * np.mean(middle**2)) / 0.3)
    assert abs(level_db) < 0.01


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
def test_sixteen_bit_mono_of_that_rate_passes_bit_for_bit(tmp_path: Path, name: str) -> None:
    every_value = np.arange(-32768, 32768).astype(np.int16)
    data = RNG.permutation(np.tile(every_value, 5))  # more than one piece
    write(tmp_path / "in" / name, data, 32_000, "PCM_16")
    assert convert(tmp_path / "in", tmp_path / "out", options=HERE).warnings == []
    assert np.array_equal(result(tmp_path, "int16"), data)


def test_a_chosen_channel_passes_bit_for_bit(tmp_path: Path) -> None:
    data = RNG.integers(-32768, 32768, (200_000, 2), np.int16)
    for number, mono in enumerate(["left", "right"]):
        run_one(tmp_path, data, 32_000, subtype="PCM_16", mono=mono)
        assert np.array_equal(result(tmp_path, "int16"), data[:, number])


def test_pieces_give_what_the_whole_gives(tmp_path: Path) -> None:
    data = 0.1 * RNG.standard_normal((400_001, 3))
    assert run_one(tmp_path, data).exit_code == 0
    whole = read_audio(tmp_path / "in/a.wav", sample_rate=32_000, mono=True)
    out = result(tmp_path)
    assert len(out) == len(whole)
    assert np.abs(out * 32768 / 32767 - whole).max() <= 0.51 / 32767


def test_folders_and_compressed_files(tmp_path: Path) -> None:
    for name in ("drums/kick.mp3", "b.ogg", "sub dir/é.FLAC"):
        write(tmp_path / "in" / name, tone(440))
    (tmp_path / "in/b.ogg").rename(tmp_path / "in/\udcff.ogg")  # a name that is not UTF-8
    assert run(["corpus", "convert", str(tmp_path / "in"), str(tmp_path / "out"), "--workers", "1"]) == 0
    made = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.wav"))
    assert made == ["drums/kick.wav", "sub dir/é.wav", "\udcff.wav"]


def test_what_exceeds_full_scale_is_cut_off_and_told(tmp_path: Path) -> None:
    data = tone(440)
    data[1_000], data[2_000] = 1.5, -1.25
    summary = run_one(tmp_path, data, sample_rate=44_100)
    assert summary.exit_code == 0
    assert summary.warnings == [("a.wav", "2 samples exceed full scale by up to 3.5 dB; cut off")]
    out = result(tmp_path, "int16")
    assert (out[1_000], out[2_000]) == (32767, -32768)
    assert convert(tmp_path / "in", tmp_path / "out", sample_rate=44_100, options=HERE).warnings == summary.warnings


def test_full_scale_is_nothing_to_warn_of(tmp_path: Path) -> None:
    data = tone(440)
    data[1_000], data[2_000] = 1.0, -1.0
    assert run_one(tmp_path, data, sample_rate=44_100).warnings == []


def test_silence_stays_silence(tmp_path: Path) -> None:
    assert run_one(tmp_path, np.zeros((44_100, 2))).exit_code == 0
    assert not result(tmp_path).any()


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16"])
def test_channels_that_cancel_are_excluded_and_can_be_had_one_by_one(tmp_path: Path, subtype: str) -> None:
    data = np.stack([tone(440), -tone(440)], axis=1)
    summary = run_one(tmp_path, data, subtype=subtype)
    assert summary.exit_code == 0
    ((_, told),) = summary.excluded
    assert "anti-phase" in told
    assert "--mono left" in told
    assert not (tmp_path / "out/a.wav").exists()
    assert run_one(tmp_path, data, subtype=subtype, mono="left").exit_code == 0
    assert np.abs(result(tmp_path)).max() == pytest.approx(0.3, rel=1e-2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("wanted", [32_000, 44_100])
def test_nan_and_infinity_are_reported(tmp_path: Path, value: float, wanted: int) -> None:
    assert "NaN or infinite" in failure(run_one(tmp_path, np.insert(tone(440), 9_000, value), sample_rate=wanted))
    assert not (tmp_path / "out/a.wav").exists()


def test_a_truncated_file_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "in/a.wav", tone(440))
    path = tmp_path / "in/a.wav"
    path.write_bytes(path.read_bytes()[:-100])
    assert "cut short" in failure(convert(tmp_path / "in", tmp_path / "out", options=HERE))
    assert list((tmp_path / "out").glob("*.wav")) == []


def test_more_than_a_wav_file_holds_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LARGEST_WAV", 60_000)
    assert "more than 4 GB" in failure(run_one(tmp_path, tone(440)))
    assert not (tmp_path / "out/a.wav").exists()


def test_a_rerun_does_nothing_and_other_settings_do_it_again(tmp_path: Path) -> None:
    assert run_one(tmp_path, tone(440)).done == 1
    again = convert(tmp_path / "in", tmp_path / "out", options=HERE)
    assert (again.done, again.skipped) == (0, 1)
    assert convert(tmp_path / "in", tmp_path / "out", sample_rate=16_000, options=HERE).done == 1
    assert soundfile.info(tmp_path / "out/a.wav").samplerate == 16_000


def test_a_file_of_somebody_else_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "out/a.wav", tone(100), 8_000)
    before = (tmp_path / "out/a.wav").read_bytes()
    assert "exists already" in failure(run_one(tmp_path, tone(440)))
    assert (tmp_path / "out/a.wav").read_bytes() == before
    assert run_one(tmp_path, tone(440), overwrite=True).done == 1


def test_wrong_usage(tmp_path: Path) -> None:
    write(tmp_path / "in/a.wav", tone(440))
    with pytest.raises(UsageError, match="from 1 to 768000"):
        convert(tmp_path / "in", tmp_path / "out", sample_rate=0)
    with pytest.raises(UsageError, match="same folder"):
        convert(tmp_path / "in", tmp_path / "in")
    with pytest.raises(UsageError, match="does not exist"):
        convert(tmp_path / "missing", tmp_path / "out")
