from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundwright.audio.files import mix_to_mono, probe, read_audio, write_wav
from soundwright.core.errors import BadInput

RNG = np.random.default_rng(0)


def test_sixteen_bit_round_trip_is_within_half_a_step(tmp_path: Path) -> None:
    audio = RNG.uniform(-1, 1, (2, 5_000)).astype(np.float32)
    write_wav(tmp_path / "a.wav", audio, 24_000)
    back = read_audio(tmp_path / "a.wav")
    assert back.shape == (2, 5_000)
    # Written on a scale of 32767 and read on one of 32768.
    assert np.abs(back * 32768 / 32767 - audio).max() <= 0.5 / 32767 + 1e-6


def test_what_exceeds_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([1.5, -1.5], np.float32), 24_000)
    back, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert back.tolist() == [32767, -32768]


def test_float_round_trip_is_exact(tmp_path: Path) -> None:
    audio = RNG.standard_normal(1_000).astype(np.float32)
    write_wav(tmp_path / "a.wav", audio, 24_000, subtype="FLOAT")
    assert np.array_equal(read_audio(tmp_path / "a.wav", mono=True), audio)


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_mono_is_the_mean_of_the_channels(channels: int) -> None:
    piece = RNG.standard_normal((100, channels)).astype(np.float32)
    assert np.allclose(mix_to_mono(piece), piece.mean(axis=1), atol=1e-6)


def test_probe_reads_the_header(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros((480, 2)), 48_000)
    info = probe(tmp_path / "a.flac")
    assert (info.sample_rate, info.channels, info.num_samples, info.duration_s) == (48_000, 2, 480, 0.01)


def test_what_is_no_audio_is_one_line_with_path_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello")
    with pytest.raises(BadInput, match=r"a\.wav: cannot be read as audio: .* -> check"):
        probe(tmp_path / "a.wav")
    with pytest.raises(BadInput, match="cannot be read"):
        read_audio(tmp_path / "missing.wav")


def test_resampling_on_reading(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((44_100, 2)), 44_100)
    assert read_audio(tmp_path / "a.wav", sample_rate=24_000, mono=True).shape == (24_000,)
    assert read_audio(tmp_path / "a.wav", sample_rate=24_000).shape == (2, 24_000)
