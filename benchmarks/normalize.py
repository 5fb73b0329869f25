"""Claim: `corpus normalize` takes 2.5x less CPU than librosa (load + resample + windowed RMS), 4.5x less than sox.

    python benchmarks/normalize.py [--minutes 6]

12 synthetic stereo files, 44.1 kHz, 16 bit. Ours is the whole verb: engine, digests, ledger, synced 16-bit output.
The sox side is the workflow that document 002 describes: one pass to 24 kHz mono, a Python RMS loop, one pass of gain.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import paired  # first: it sets one thread

import librosa
import numpy as np
import soundfile

from soundwright.corpus.normalize import normalize
from soundwright.runs.options import RunOptions

TARGET, WINDOW, HOP, RATE = 0.1, 6_000, 1_500, 24_000


def loudest(samples: np.ndarray) -> float:
    """The loop of the workflow: every window at 75 % overlap."""
    peak = 0.0
    for start in range(0, len(samples) - WINDOW + 1, HOP):
        window = samples[start : start + WINDOW]
        peak = max(peak, float(np.sqrt(np.mean(window * window))))
    return peak


def by_librosa(source: Path, output: Path) -> None:
    for path in sorted(source.glob("*.wav")):
        samples, _ = librosa.load(path, sr=RATE, mono=True)
        soundfile.write(output / path.name, samples * (TARGET / loudest(samples)), RATE, subtype="PCM_16")


def by_sox(source: Path, output: Path) -> None:
    for path in sorted(source.glob("*.wav")):
        temporary = output / f"{path.stem}.24k.wav"
        subprocess.run(["sox", path, "-r", str(RATE), "-c", "1", temporary], check=True, capture_output=True)
        samples, _ = soundfile.read(temporary, dtype="float32")
        gain = 20 * np.log10(TARGET / loudest(samples))
        subprocess.run(["sox", temporary, output / path.name, "gain", f"{gain:.3f}"], check=True, capture_output=True)
        temporary.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=6.0, help="audio in the corpus")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    paired.about("numpy", "soundfile", "soxr", "librosa")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, ours, theirs = folder / "in", folder / "ours", folder / "theirs"
        source.mkdir()
        theirs.mkdir()
        rng = np.random.default_rng(0)
        num_samples = int(arguments.minutes * 60 / 12 * 44_100)
        for i in range(12):
            envelope = 0.05 + 0.1 * np.abs(np.sin(np.arange(num_samples) / 44_100))
            soundfile.write(source / f"{i}.wav", rng.standard_normal((num_samples, 2)) * envelope[:, None], 44_100)

        def by_soundwright() -> None:
            shutil.rmtree(ours, ignore_errors=True)
            assert normalize(source, ours, options=RunOptions(workers=1)).done == 12

        sides = {"soundwright": by_soundwright, "librosa": lambda: by_librosa(source, theirs)}
        if shutil.which("sox"):
            sides["sox, two passes"] = lambda: by_sox(source, theirs)
        at_least = {"librosa": 2.5, "sox, two passes": 4.5}
        paired.compare(f"normalise {arguments.minutes:g} min", sides, at_least=at_least, runs=arguments.runs)
        for path in sorted(theirs.glob("*.wav")):
            (a, _), (b, _) = soundfile.read(path), soundfile.read(ours / path.name)
            assert abs(loudest(a) / loudest(b) - 1) < 2e-3, path


if __name__ == "__main__":
    main()
