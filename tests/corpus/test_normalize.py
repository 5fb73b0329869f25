"""Step 1: the loudest window of every output has the target RMS, and what has no loudness is reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundwright.audio.loudness import peak_windowed_rms
from soundwright.core.errors import UsageError
from soundwright.corpus.normalize import normalize
from soundwright.runs.options import RunOptions
from soundwright.runs.summary import RunSummary

HERE = RunOptions(workers=1)
RNG = np.random.default_rng(0)


def tone(hz: float, duration_s: float = 1.0, rate: int = 44_100, level: float = 0.3) -> NDArray[np.float64]:
    return level * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate)


def loudest(samples: NDArray[np.floating], window: int) -> float:
    """An independent slow definition: every start on the grid, and the last window."""
    starts = [*range(0, len(samples) - window + 1, window // 4), len(samples) - window]
    return max(float(np.sqrt(np.mean(samples[s : s + window].astype(np.float64) ** 2))) for s in starts)


def run_one(folder: Path, name: str, data: NDArray[np.floating], rate: int = 44_100, **options: object) -> RunSummary:
    (folder / "in").mkdir(exist_ok=True)
    subtype = str(options.pop("subtype", "PCM_16"))
    soundfile.write(folder / "in" / name, data, rate, subtype=subtype)
    return normalize(folder / "in", folder / "out", options=HERE, **options)  # type: ignore[arg-type]


def failure(summary: RunSummary) -> str:
    ((_, error),) = summary.failures
    return str(error)


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 192_000])
@pytest.mark.parametrize("target", [0.05, 0.15])
def test_the_loudest_window_has_the_target_rms(tmp_path: Path, rate: int, target: float) -> None:
    quiet_then_loud = np.concatenate([tone(440, 1, rate, 0.01), tone(660, 0.5, rate, 0.2), tone(440, 1, rate, 0.01)])
    assert run_one(tmp_path, "a.wav", quiet_then_loud, rate, target_rms=target).exit_code == 0
    out, out_rate = soundfile.read(tmp_path / "out/a.wav")
    assert out_rate == 24_000
    assert out.ndim == 1
    assert abs(len(out) - round(2.5 * 24_000)) <= 1
    assert loudest(out, 6_000) == pytest.approx(target, rel=1e-3)


def test_a_tone_keeps_its_pitch_through_resampling(tmp_path: Path) -> None:
    run_one(tmp_path, "a.wav", tone(1_000, 2))
    out, rate = soundfile.read(tmp_path / "out/a.wav")
    spectrum = np.abs(np.fft.rfft(out[:24_000] * np.hanning(24_000)))
    assert np.argmax(spectrum) == 1_000
    assert 20 * np.log10(spectrum[1_100:].max() / spectrum.max()) < -80


@given(st.integers(40, 4_000), st.integers(0, 5_000), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_block_sums_equal_the_slow_definition(window: int, extra: int, seed: int) -> None:
    samples = np.random.default_rng(seed).standard_normal(window + extra).astype(np.float32)
    assert peak_windowed_rms(samples, window) == pytest.approx(loudest(samples, window), rel=1e-5)


def test_channels_are_mixed_or_chosen(tmp_path: Path) -> None:
    stereo = np.stack([tone(440), tone(1_000)], axis=1)
    for mono, peaks in {"mix": [440, 1_000], "left": [440], "right": [1_000]}.items():
        run_one(tmp_path, "a.wav", stereo, mono=mono, overwrite=True)
        out, _ = soundfile.read(tmp_path / "out/a.wav")
        spectrum = np.abs(np.fft.rfft(out[:24_000] * np.hanning(24_000)))
        local = np.flatnonzero((spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])) + 1
        assert [int(k) for k in local if spectrum[k] > spectrum.max() / 10] == peaks


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_every_sample_format_and_channel_count(tmp_path: Path, subtype: str, channels: int) -> None:
    data = np.stack([tone(440)] * channels, axis=1)
    assert run_one(tmp_path, "a.wav", data, subtype=subtype).exit_code == 0
    out, _ = soundfile.read(tmp_path / "out/a.wav")
    assert loudest(out, 6_000) == pytest.approx(0.1, rel=2e-3)


@pytest.mark.parametrize("name", ["a.flac", "b.ogg", "c.mp3", "d.aiff", "e.FLAC"])
def test_other_containers(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / name, tone(440), 44_100)
    assert normalize(tmp_path / "in", tmp_path / "out", options=HERE).done == 1
    assert (tmp_path / "out" / name).with_suffix(".wav").exists()


@pytest.mark.parametrize(
    ("data", "rate", "told"),
    [
        (np.zeros(44_100), 44_100, "is silent"),
        (tone(440, level=5e-5), 44_100, "is silent"),
        (np.stack([tone(440), -tone(440)], axis=1), 44_100, "anti-phase"),
        (tone(440, 0.1), 44_100, "too short: 100 ms"),
        (tone(440, 1)[:1], 44_100, "too short"),
        (np.zeros(0), 44_100, "holds no samples"),
        (np.append(tone(440), np.nan), 44_100, "NaN or infinite"),
        (np.insert(tone(440), 9_000, np.inf), 44_100, "NaN or infinite"),
    ],
)
def test_what_has_no_loudness_is_reported_and_gives_no_output(
    tmp_path: Path, data: NDArray[np.floating], rate: int, told: str
) -> None:
    summary = run_one(tmp_path, "a.wav", data, rate, subtype="FLOAT")
    assert told in failure(summary)
    assert "a.wav" in failure(summary)
    assert summary.exit_code == 1
    assert not (tmp_path / "out/a.wav").exists()


def test_anti_phase_channels_can_be_had_one_by_one(tmp_path: Path) -> None:
    data = np.stack([tone(440), -tone(440)], axis=1)
    assert "--mono left" in failure(run_one(tmp_path, "a.wav", data))
    assert run_one(tmp_path, "a.wav", data, mono="left").exit_code == 0


def test_what_would_clip_is_handled_as_chosen(tmp_path: Path) -> None:
    click = np.zeros(44_100)
    click[20_000] = 0.9
    click += 0.001 * tone(440, 1)
    scaled = run_one(tmp_path, "a.wav", click)
    assert "exceed full scale" in scaled.warnings[0][1]
    out, _ = soundfile.read(tmp_path / "out/a.wav")
    assert 0.98 < np.abs(out).max() < 1.0
    clipped = run_one(tmp_path, "a.wav", click, on_clip="clip")
    assert "cut off" in clipped.warnings[0][1]
    assert "exceed full scale" in failure(run_one(tmp_path, "a.wav", click, on_clip="error"))


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.flac"])
def test_a_truncated_file_is_reported_wherever_it_is_cut(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / name
    soundfile.write(path, 0.1 * RNG.standard_normal(44_100), 44_100)
    whole = path.read_bytes()
    for keep in (10, 60, 500, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:keep])
        summary = normalize(tmp_path / "in", tmp_path / "out", options=HERE)
        assert summary.done == 0, keep
        assert (
            "cut short" in failure(summary) or "cannot be read" in failure(summary) or "no samples" in failure(summary)
        )


def test_a_stream_header_of_unknown_length_is_no_truncation(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in/a.wav"
    soundfile.write(path, tone(440), 44_100)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert normalize(tmp_path / "in", tmp_path / "out", options=HERE).done == 1


def test_same_stem_side_by_side_is_reported_for_both(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.wav", "a.flac", "b.wav"):
        soundfile.write(tmp_path / "in" / name, tone(440), 44_100)
    summary = normalize(tmp_path / "in", tmp_path / "out", options=HERE)
    assert sorted(key for key, _ in summary.failures) == ["a.flac", "a.wav"]
    assert summary.done == 1
    assert normalize(tmp_path / "in", tmp_path / "out", extensions=["flac"], options=HERE).done == 1


def test_names_with_unicode_spaces_and_newlines(tmp_path: Path) -> None:
    (tmp_path / "in/sub dir").mkdir(parents=True)
    for name in ("stéréo ü.wav", "sub dir/a b.wav", "new\nline.wav"):
        soundfile.write(tmp_path / "in" / name, tone(440), 44_100)
    assert normalize(tmp_path / "in", tmp_path / "out", options=HERE).done == 3
    assert (tmp_path / "out/new\nline.wav").exists()
    (tmp_path / "in/new\nline.wav").write_bytes(b"junk")
    assert "new\\nline.wav" in failure(normalize(tmp_path / "in", tmp_path / "out", options=HERE))


def test_the_output_folder_may_lie_inside_the_input_folder_but_not_be_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(440), 44_100)
    assert normalize(tmp_path, tmp_path / "out", options=HERE).done == 1
    assert normalize(tmp_path, tmp_path / "out", options=HERE).total == 1
    with pytest.raises(UsageError, match="same folder"):
        normalize(tmp_path, tmp_path / ".", options=HERE)


@pytest.mark.parametrize("options", [{"target_rms": 0}, {"window_ms": -1}, {"sample_rate": 0}])
def test_numbers_out_of_range_are_wrong_usage(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="above 0"):
        run_one(tmp_path, "a.wav", tone(440), **options)
