"""The tools that people have lying around agree with us about the same files.

Each test skips by the name of its tool where that is not installed; CI installs all of them (`.ci/run`).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundwright.audio.containers import what_is_missing
from soundwright.audio.files import probe, read_audio
from soundwright.audio.loudness import peak_windowed_rms
from soundwright.corpus.normalize import normalize
from soundwright.runs.options import RunOptions

HERE = RunOptions(workers=1)
RATE = 44_100


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def call(*command: str | Path) -> bytes:
    done = subprocess.run([*map(str, command)], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout + (done.stderr if "stat" in command else b"")


def music(num_samples: int = 2 * RATE, channels: int = 2) -> NDArray[np.float64]:
    """Harmonics that swell, and a little noise, `[N, C]`; the channels differ."""
    rng = np.random.default_rng(7)
    t = np.arange(num_samples)[:, None] / RATE
    tone = sum(
        np.sin(2 * np.pi * f * t + phase) / (i + 1) for i, (f, phase) in enumerate([(220, 0), (440, 1), (1870, 2)])
    )
    swell = 0.2 + 0.8 * np.sin(np.pi * t / t[-1]) ** 2
    return 0.2 * swell * tone * np.linspace(1, 0.6, channels) + 0.01 * rng.standard_normal((num_samples, channels))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in/music.wav", music(), RATE, subtype="PCM_16")
    return tmp_path / "in/music.wav"


def test_what_flac_encodes_is_read_sample_for_sample(wav: Path, tmp_path: Path) -> None:
    (tmp_path / "flac").mkdir()
    call(tool("flac"), "--silent", "-o", tmp_path / "flac/music.flac", wav)
    np.testing.assert_array_equal(read_audio(tmp_path / "flac/music.flac"), read_audio(wav))
    for folder in ("in", "flac"):
        assert normalize(tmp_path / folder, tmp_path / f"{folder}-out", options=HERE).exit_code == 0
    assert (tmp_path / "flac-out/music.wav").read_bytes() == (tmp_path / "in-out/music.wav").read_bytes()


def test_flac_decodes_what_it_encoded_of_our_output(wav: Path, tmp_path: Path) -> None:
    flac = tool("flac")
    normalize(wav.parent, tmp_path / "out", options=HERE)
    ours = tmp_path / "out/music.wav"
    call(flac, "--silent", "-o", tmp_path / "a.flac", ours)
    call(flac, "--silent", "-d", "-o", tmp_path / "back.wav", tmp_path / "a.flac")
    np.testing.assert_array_equal(read_audio(tmp_path / "back.wav"), read_audio(ours))


def test_a_wav_out_of_a_pipe_has_no_length_and_is_whole(wav: Path, tmp_path: Path) -> None:
    """A program that writes to a pipe cannot go back and fill in the length."""
    (tmp_path / "piped").mkdir()
    piped = tmp_path / "piped/music.wav"
    piped.write_bytes(call(tool("ffmpeg"), "-v", "error", "-i", wav, "-f", "wav", "-"))
    head = piped.read_bytes()[:200]
    assert head[head.index(b"data") + 4 :][:4] == b"\xff\xff\xff\xff"
    assert what_is_missing(piped) is None
    np.testing.assert_array_equal(read_audio(piped), read_audio(wav))
    assert normalize(piped.parent, tmp_path / "out", options=HERE).exit_code == 0


@pytest.mark.parametrize(
    ("ending", "codec", "most_off_s"),
    # How much of its padding a decoder of a lossy format counts is its own affair: two frames of MP3, one of Vorbis.
    [("wav", "pcm_s24le", 0), ("flac", "flac", 0), ("ogg", "libvorbis", 0.03), ("mp3", "libmp3lame", 0.06)],
)
def test_ffprobe_and_we_say_the_same(wav: Path, tmp_path: Path, ending: str, codec: str, most_off_s: float) -> None:
    path = tmp_path / f"x.{ending}"
    call(tool("ffmpeg"), "-v", "error", "-i", wav, "-c:a", codec, path)
    shown = "stream=sample_rate,channels:format=duration"
    told = json.loads(call(tool("ffprobe"), "-v", "error", "-of", "json", "-show_entries", shown, path))
    info = probe(path)
    [stream] = told["streams"]
    assert (info.sample_rate, info.channels) == (int(stream["sample_rate"]), stream["channels"])
    assert info.duration_s == pytest.approx(float(told["format"]["duration"]), abs=most_off_s + 1e-6)
    assert read_audio(path).shape == (2, info.num_samples)


@pytest.mark.parametrize("channels", [1, 2])
def test_opus_is_read(tmp_path: Path, channels: int) -> None:
    soundfile.write(tmp_path / "x.wav", music(channels=channels), RATE)
    call(tool("opusenc"), "--quiet", tmp_path / "x.wav", tmp_path / "x.opus")
    info = probe(tmp_path / "x.opus")
    assert (info.sample_rate, info.channels) == (48_000, channels)  # whatever went in: Opus knows no other rate
    assert info.num_samples == pytest.approx(2 * 48_000, abs=960)  # one Opus frame
    heard = read_audio(tmp_path / "x.opus", sample_rate=24_000, mono=True)
    meant = read_audio(tmp_path / "x.wav", sample_rate=24_000, mono=True)
    length = min(len(heard), len(meant))
    assert np.corrcoef(heard[:length], meant[:length])[0, 1] > 0.98


def test_sox_resamples_and_mixes_to_the_same(wav: Path, tmp_path: Path) -> None:
    call(tool("sox"), "-D", wav, "-r", "24000", "-c", "1", tmp_path / "sox.wav")
    assert normalize(wav.parent, tmp_path / "out", target_rms=0.1, options=HERE).exit_code == 0
    ours = read_audio(tmp_path / "out/music.wav", mono=True).astype(np.float64)
    theirs = read_audio(tmp_path / "sox.wav", mono=True).astype(np.float64)
    assert len(ours) == len(theirs)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9999
    # At equal gain what is left is the rounding of two 16-bit files and the edges of two filters.
    rest = ours - theirs * (ours @ theirs) / (theirs @ theirs)
    assert np.sqrt(np.mean(rest**2)) < 10 ** (-60 / 20) * np.sqrt(np.mean(ours**2))


@pytest.mark.parametrize("level", [0.5, 0.02])
def test_sox_measures_the_same_rms(tmp_path: Path, level: float) -> None:
    tone = level * np.sin(2 * np.pi * 440 * np.arange(2 * 24_000) / 24_000)
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in/tone.wav", tone, 24_000)

    def rms_of(path: Path) -> float:
        found = re.search(r"RMS\s+amplitude:\s+([\d.]+)", call(tool("sox"), path, "-n", "stat").decode())
        assert found
        return float(found[1])

    samples = read_audio(tmp_path / "in/tone.wav", mono=True)
    assert peak_windowed_rms(samples, 6000) == pytest.approx(rms_of(tmp_path / "in/tone.wav"), rel=1e-3)
    normalize(tmp_path / "in", tmp_path / "out", target_rms=0.1, options=HERE)
    assert rms_of(tmp_path / "out/tone.wav") == pytest.approx(0.1, rel=1e-3)
