"""Speed of `pocket` on one thread: encode and decode against real time, one frame at a time too, and loading.

    python benchmarks/pocket_speed.py [--seconds 60] [--rounds 5]

Times are process CPU seconds, the best of the rounds, so that a busy machine matters little.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from soundwright.codec import pocket

LOADING = (
    "import time, numpy; from soundwright.codec.pocket import weights; t = time.process_time(); weights.load(); "
    "import sys; print(time.process_time() - t, 'torch' in sys.modules)"
)


def main() -> None:
    """Prints the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    codec = pocket.load()
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(round(arguments.seconds * 24_000))).astype(np.float32)
    codes = codec.encode(samples, 8)

    def live() -> None:
        encoder, decoder = codec.encoder(8), codec.decoder()
        for start in range(0, len(samples) // 10, codec.info.hop):
            decoder.push(encoder.push(samples[start : start + codec.info.hop]))

    encoding = best(lambda: codec.encode(samples, 8), arguments.rounds)
    decoding = best(lambda: codec.decode(codes), arguments.rounds)
    frame_by_frame = best(live, arguments.rounds) * 10
    print(f"encode   {arguments.seconds / encoding:7.0f} x real time")
    print(f"decode   {arguments.seconds / decoding:7.0f} x real time")
    print(f"live, both, one frame at a time {arguments.seconds / frame_by_frame:7.1f} x real time")
    out = subprocess.run([sys.executable, "-c", LOADING], check=True, capture_output=True, text=True).stdout.split()
    print(f"load     {float(out[0]):7.3f} s CPU; torch imported: {out[1]}")


def best(call: Callable[[], object], rounds: int) -> float:
    """CPU seconds of the fastest of `rounds` calls."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


if __name__ == "__main__":
    main()
