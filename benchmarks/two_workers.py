"""Claim: on 2 cores, two workers encode 1.8x as fast as one (wall clock; the load of the machine is stated).

    python benchmarks/two_workers.py [--codec encodec|pocket] [--minutes 4]

Both sides start worker processes anew and load the codec in them; the corpus is large enough for that to be small.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import paired  # first: it sets one thread

import numpy as np
import soundfile

from soundwright.codec.encode import encode
from soundwright.runs.options import RunOptions

ASKED = 1.8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codec", choices=["encodec", "pocket"], default="encodec")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    paired.about("torch", "transformers")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        rng = np.random.default_rng(0)
        for i in range(24):
            samples = 0.1 * rng.standard_normal(int(arguments.minutes * 60 / 24 * 24_000))
            soundfile.write(folder / f"in/{i:02}.wav", samples, 24_000)
        codec = "pocket"
        if arguments.codec == "encodec":
            from soundwright.codec.encodec_random import save_random_encodec

            codec = str(folder / "codec")
            save_random_encodec(Path(codec))

        def with_workers(count: int) -> None:
            shutil.rmtree(folder / "out", ignore_errors=True)
            assert encode(folder / "in", folder / "out", codec=codec, options=RunOptions(workers=count)).done == 24

        sides = {"two workers": lambda: with_workers(2), "one worker": lambda: with_workers(1)}
        claim = f"encode {arguments.minutes:g} min with {arguments.codec}, {os.cpu_count()} cores"
        paired.compare(claim, sides, at_least={"one worker": ASKED}, runs=arguments.runs, clock=paired.wall_s)
        print(f"load at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
