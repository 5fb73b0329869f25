"""Claim: MP3 to 32 kHz mono segments takes 4x less CPU than ffmpeg: one process to convert, one to cut each segment.

    python benchmarks/mp3_to_segments.py [--tracks 40]

40 stereo tracks of 30 s, 44.1 kHz, 256 kb/s (20 minutes). Ours are the commands as they are typed, with the start of
Python, digests, ledger and synced outputs: once as two steps that leave the converted recordings too, as the other side
does, once in one pass from MP3 to segments. Outputs are compared: how many, how long, and how alike.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import paired  # first: it sets one thread

import numpy as np
import soundfile

TRACK_S, SEGMENT_S, RATE = 30, 10, 32_000


def ffmpeg(*arguments: object) -> None:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


def make_tracks(folder: Path, count: int) -> None:
    """Music-like sound: falling spectrum, a beat, chords, and another thing on each side."""
    rng = np.random.default_rng(0)
    time_s = np.arange(TRACK_S * 44_100) / 44_100
    for i in range(count):
        noise = rng.standard_normal((len(time_s), 2))
        beat = 0.1 * noise * np.exp(-8 * (time_s * 2 % 1))[:, None]
        notes = 55 * 2 ** (rng.integers(0, 48, 6) / 12)
        chord = sum(0.05 * np.sin(2 * np.pi * hz * k * time_s) / k for hz in notes for k in (1, 2, 3, 5))
        wav = folder / f"{i:03d}.wav"
        soundfile.write(wav, chord[:, None] * [1.0, 0.7] + beat, 44_100)
        ffmpeg("-i", wav, "-b:a", "256k", wav.with_suffix(".mp3"))
        wav.unlink()


def by_ffmpeg(source: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wav").mkdir(parents=True)
    (folder / "segments").mkdir()
    for path in sorted(source.glob("*.mp3")):
        wav = folder / "wav" / f"{path.stem}.wav"
        ffmpeg("-i", path, "-ac", 1, "-ar", RATE, "-c:a", "pcm_s16le", wav)
        for k in range(TRACK_S // SEGMENT_S):
            cut = folder / "segments" / f"{path.stem}_{k:03d}.wav"
            # Not `-c copy`: that cuts between packets, and no segment has its exact length.
            ffmpeg("-ss", k * SEGMENT_S, "-t", SEGMENT_S, "-i", wav, "-c:a", "pcm_s16le", cut)


def soundwright(*arguments: object) -> None:
    command = [sys.executable, "-m", "soundwright", "corpus", *map(str, arguments), "--workers", "1"]
    subprocess.run(command, check=True, capture_output=True)


def in_two_steps(source: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    soundwright("convert", source, folder / "wav")
    soundwright("segment", folder / "wav", folder / "segments")


def in_one_pass(source: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    soundwright("segment", source, folder / "segments", "--sample-rate", RATE, "--mono", "mix")


def read(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path)
    assert (rate, samples.shape) == (RATE, (SEGMENT_S * RATE,)), path
    return samples


def difference_db(ours: Path, theirs: Path) -> list[float]:
    """Level of the difference, relative to the sound, of each segment.

    Below 14 kHz, since the resamplers differ in where their band ends, and after a gain that fits best.
    """
    names = [path.name for path in sorted(ours.glob("*.wav"))]
    assert names == [path.name for path in sorted(theirs.glob("*.wav"))]
    levels = []
    for name in names:
        a, b = (np.fft.rfft(read(folder / name))[: 14_000 * SEGMENT_S] for folder in (ours, theirs))
        gain = float(np.vdot(b, a).real / np.vdot(b, b).real)
        levels.append(10 * np.log10(np.sum(np.abs(a - gain * b) ** 2) / np.sum(np.abs(a) ** 2)))
    return levels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if not shutil.which("ffmpeg"):
        sys.exit("ffmpeg is not installed (Debian: ffmpeg)")
    paired.about("numpy", "soundfile", "soxr")
    with tempfile.TemporaryDirectory() as name:
        source, two, one, theirs = (Path(name) / part for part in ("mp3", "two steps", "one pass", "ffmpeg"))
        source.mkdir()
        make_tracks(source, arguments.tracks)
        sides = {
            "soundwright, convert + segment": lambda: in_two_steps(source, two),
            "soundwright, segment straight from MP3": lambda: in_one_pass(source, one),
            "ffmpeg, convert + cut each segment": lambda: by_ffmpeg(source, theirs),
        }
        minutes = arguments.tracks * TRACK_S / 60
        at_least = {"ffmpeg, convert + cut each segment": 4.0}
        medians = paired.compare(f"{minutes:g} min of MP3 to segments", sides, at_least=at_least, runs=arguments.runs)
        _, one_pass, reference = medians.values()
        print(f"  straight from MP3 against ffmpeg: {reference / one_pass:.2f}x")
        for folder in (two, one):
            levels = difference_db(folder / "segments", theirs / "segments")
            print(f"  {len(levels)} segments each; they differ by {max(levels):.1f} dB at most ({folder.name})")
            assert max(levels) < -50


if __name__ == "__main__":
    main()
