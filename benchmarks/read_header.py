"""Claim: reading the header of an audio file in process costs 1000x less CPU than one `ffprobe` process per file.

    python benchmarks/read_header.py

100 short WAV files; both sides give sample rate, channels and length.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import paired  # first: it sets one thread

import numpy as np
import soundfile

from soundwright.audio.files import probe

FILES = 100


def by_ffprobe(paths: list[Path]) -> None:
    for path in paths:
        entries = "stream=sample_rate,channels,duration_ts"
        subprocess.run(["ffprobe", "-v", "error", "-show_entries", entries, path], check=True, capture_output=True)


def main() -> None:
    if not shutil.which("ffprobe"):
        sys.exit("ffprobe is not installed (Debian: ffmpeg)")
    paired.about("soundfile")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.wav" for i in range(FILES)]
        for path in paths:
            soundfile.write(path, np.zeros((24_000, 2)), 24_000)
        # Ours is repeated, since one pass is shorter than the clock's step.
        sides = {
            "soundwright, 100 passes": lambda: [probe(path) for _ in range(100) for path in paths],
            "ffprobe per file, 1 pass": lambda: by_ffprobe(paths),
        }
        medians = list(paired.compare(f"headers of {FILES} files", sides, at_least={}, runs=5).values())
        ratio = medians[1] / (medians[0] / 100)
        print(f"per file: {1e6 * medians[0] / 100 / FILES:.1f} µs against {1e3 * medians[1] / FILES:.1f} ms", end="")
        print(f" = {ratio:.0f}x  (asked: 1000x, {'met' if ratio >= 1000 else 'NOT met'})")


if __name__ == "__main__":
    main()
