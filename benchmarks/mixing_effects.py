"""Claim: in one second of CPU time the mixer's tools process many hundred seconds of stereo sound at 44.1 kHz.

    python benchmarks/mixing_effects.py [--rounds 9]

A made song of 20 s; the tools take turns within each round. Asked for: EQ 1,500, limiter 900, reverb 450, compressor
500 stereo seconds per CPU second. The limiter is measured where a mix meets it, with its loudest peaks 1 dB over the
ceiling, and with 6 dB of limiting throughout.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import paired  # first: it sets one thread

import numpy as np

from soundwright.mixing.executor import MixingTools
from soundwright.mixing.song_maker import make_song

RATE, DURATION_S = 44_100, 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    paired.about("numpy", "numba", "scipy")
    tools = MixingTools(RATE)
    mix = np.sum(list(make_song(1, DURATION_S, RATE).values()), axis=0)
    mix *= 0.9 / np.abs(mix).max()
    peak_db = 20 * np.log10(np.abs(mix).max())
    sides: dict[str, tuple[Callable[[], object], float | None]] = {
        "apply_eq, 3 bands": (lambda: tools.apply_eq(mix, low_gain=3.0, mid_gain=-2.0, high_gain=4.0), 1500),
        "apply_limiter, peaks 1 dB over": (lambda: tools.apply_limiter(mix, ceiling_db=peak_db - 1), 900),
        "apply_limiter, 6 dB throughout": (lambda: tools.apply_limiter(mix, ceiling_db=peak_db - 6), None),
        "apply_reverb": (lambda: tools.apply_reverb(mix, amount=0.3), 450),
        "apply_compressor": (lambda: tools.apply_compressor(mix, threshold_db=-30.0, ratio=4.0), 500),
        "apply_expander": (lambda: tools.apply_expander(mix, threshold_db=-30.0, ratio=2.0), None),
        "change_volume": (lambda: tools.change_volume(mix, db=-3.0), None),
        "apply_pan": (lambda: tools.apply_pan(mix, balance=0.3), None),
        "apply_high_pass": (lambda: tools.apply_high_pass(mix, cutoff_hz=80.0), None),
    }
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, (side, _) in sides.items():
            began = paired.cpu_s()
            side()
            if number:  # the first round compiles
                speeds[name].append(DURATION_S / max(paired.cpu_s() - began, 1e-6))
    print(f"\nstereo seconds at {RATE} Hz per CPU second, median of {rounds} rounds, tools in turn")
    for name, values in speeds.items():
        asked, median = sides[name][1], statistics.median(values)
        verdict = "" if asked is None else f"  (asked: {asked:,.0f}, {'met' if median >= asked else 'NOT met'})"
        print(f"  {name:<32} {median:10,.0f}  [{min(values):,.0f} .. {max(values):,.0f}]{verdict}")


if __name__ == "__main__":
    main()
