"""Claim: on 2 cores, two workers encode 1.8x as fast as one (wall clock; the load of the machine is stated).

    python benchmarks/two_workers.py [--minutes 8] [--runs 3]

Real EnCodec 24 kHz shape, random weights. The claim is about throughput: from the moment when every worker has
finished its first clip to the end of the last. What starting costs (importing torch and transformers and loading the
codec takes each process some seconds) is printed beside it: it is the same for ten minutes of audio and for ten hours.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import paired  # first: it sets one thread

import numpy as np
import soundfile

from soundwright.codec.encode import encode
from soundwright.codec.encodec_random import save_random_encodec
from soundwright.runs.events import ItemDone, listening
from soundwright.runs.options import RunOptions

ASKED = 1.8
CLIPS = 48


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    paired.about("torch", "transformers")
    clip_s = arguments.minutes * 60 / CLIPS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        rng = np.random.default_rng(0)
        for i in range(CLIPS):
            soundfile.write(folder / f"in/{i:02}.wav", 0.1 * rng.standard_normal(int(clip_s * 24_000)), 24_000)
        save_random_encodec(folder / "codec")

        def run(workers: int) -> tuple[float, float]:
            """Seconds of audio per second once all workers are at work, and seconds until then."""
            shutil.rmtree(folder / "out", ignore_errors=True)
            times: list[float] = []
            began = time.perf_counter()
            with listening(lambda event: times.append(time.perf_counter()) if isinstance(event, ItemDone) else None):
                options = RunOptions(workers=workers)
                summary = encode(folder / "in", folder / "out", codec=str(folder / "codec"), options=options)
            assert summary.exit_code == 0
            at_work = times[workers - 1]
            return (CLIPS - workers) * clip_s / (times[-1] - at_work), at_work - began

        run(1)  # loads the codec in this process
        results: dict[int, list[tuple[float, float]]] = {2: [], 1: []}
        for _ in range(arguments.runs):
            for workers, found in results.items():
                found.append(run(workers))
    rates = {workers: [rate for rate, _ in found] for workers, found in results.items()}
    for workers, found in results.items():
        start_s = statistics.median(start for _, start in found)
        rate = statistics.median(rates[workers])
        spread = f"[{min(rates[workers]):.1f} .. {max(rates[workers]):.1f}]"
        print(f"  {workers} worker(s)  {rate:6.1f} x real time {spread}, first clips after {start_s:.1f} s")
    ratio = statistics.median(rates[2]) / statistics.median(rates[1])
    met = "met" if ratio >= ASKED else "NOT met"
    print(f"two workers over one: {ratio:.2f}x  (asked: {ASKED}x, {met}); load now {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
