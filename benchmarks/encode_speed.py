"""Claim: EnCodec tokens in 1.8x less CPU than transformers on mixed clips, 2x on a minute, none of them different.

    python benchmarks/encode_speed.py [--rounds 3] [--hour]

Weights are random in the real 24 kHz shape: arithmetic takes as long whatever it multiplies. Each round runs both sides
on each file in turn, the order alternating, so that a busy machine slows both; the table has medians over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import paired  # first: it sets one thread

import numpy as np
import torch
from transformers import EncodecModel
from transformers.utils import logging

from soundwright.codec import encodec
from soundwright.codec.encodec_random import save_random_encodec, synthesize

SAMPLE_RATE = 24_000
#: Seconds, 2 to 30, as a folder of clips has them; a bit over three minutes.
MIXED = (2.0, 30.0, 2.7, 3.3, 24.1, 4.6, 5.0, 18.7, 6.4, 8.2, 29.0, 9.9, 11.3, 12.0, 14.5, 3.0)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hour", action="store_true", help="also one hour in one file, with its peak memory")
    parser.add_argument("--model", type=Path, help="folder of an EnCodec (default: random weights)")
    parser.add_argument("--hour-child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    if args.hour_child:
        encode_hour(args.model)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.model or save_random_encodec(Path(scratch))
        ours = encodec.load_folder(folder)
        theirs = EncodecModel.from_pretrained(folder, dtype=torch.float32).train(False)
        paired.about("torch", "transformers")
        print(f"{'corpus':24} {'transformers':>14} {'soundwright':>14} {'ratio':>7}   tokens")
        clips = [clip(seconds, index) for index, seconds in enumerate(MIXED)]
        compare("mixed 2-30 s", clips, ours, theirs, args.rounds)
        minute = compare("one file of 60 s", [clip(60.0, 99)], ours, theirs, args.rounds)
        compare("files of 10 s", [clip(10.0, 50 + i) for i in range(3)], ours, theirs, args.rounds)
        compare("files of 2 s", [clip(2.0, 60 + i) for i in range(6)], ours, theirs, args.rounds)
        if args.hour:
            command = [sys.executable, __file__, "--hour-child", "--model", str(folder)]
            seconds, peak_mb = map(float, subprocess.run(command, check=True, capture_output=True).stdout.split())
            print(
                f"one file of an hour: {seconds / 60:.2f} s CPU per minute, {minute * 60 / seconds:.2f}x faster than "
                f"transformers on the minute; peak memory {peak_mb:.0f} MB (a whole-file pass would need over 20 GB)"
            )


def clip(duration_s: float, seed: int) -> np.ndarray:
    """Speech-like and music-like sound in turn."""
    return synthesize(("speech", "music")[seed % 2], round(duration_s * SAMPLE_RATE) + seed, seed)


def compare(name: str, clips: list[np.ndarray], ours: encodec.EncodecCodec, theirs: EncodecModel, rounds: int) -> float:
    """Prints a row of the table; returns transformers' CPU seconds for the corpus."""
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    different = total = 0
    for turn in range(rounds):
        spent = {"ours": 0.0, "theirs": 0.0}
        for index, samples in enumerate(clips):
            tokens = {}
            for side in ("ours", "theirs") if (turn + index) % 2 else ("theirs", "ours"):
                began = time.process_time()
                tokens[side] = ours.encode(samples, 8) if side == "ours" else whole_file(theirs, samples)
                spent[side] += time.process_time() - began
            total += tokens["ours"].size
            different += int((tokens["ours"] != tokens["theirs"]).sum())
        for side, seconds in spent.items():
            times[side].append(seconds)
    minutes = sum(map(len, clips)) / SAMPLE_RATE / 60
    mine, other = (statistics.median(times[side]) for side in ("ours", "theirs"))
    ratio = statistics.median(b / a for a, b in zip(times["ours"], times["theirs"], strict=True))
    print(
        f"{name:24} {other / minutes:10.2f} s/min {mine / minutes:10.2f} s/min {ratio:6.2f}x   "
        f"{different} of {total} differ",
        flush=True,
    )
    return other


@torch.inference_mode()
def whole_file(model: EncodecModel, samples: np.ndarray) -> np.ndarray:
    """Transformers as its documentation uses it, one file at a time."""
    codes = model.encode(torch.from_numpy(samples)[None, None], bandwidth=6.0).audio_codes
    return codes[0, 0].numpy().astype(np.uint16)


def encode_hour(folder: Path) -> None:
    """Streams an hour; prints CPU seconds and peak memory in MB."""
    codec = encodec.load_folder(folder)
    minute = clip(60.0, 7)[: 60 * SAMPLE_RATE]
    encoder, num_frames = codec.encoder(8), 0
    began = time.process_time()
    for start in range(0, 60 * len(minute), codec.piece):
        at = start % len(minute)
        num_frames += encoder.push(minute[at : at + codec.piece]).shape[1]
    num_frames += encoder.finish().shape[1]
    seconds = time.process_time() - began
    if num_frames != 3600 * 75:
        raise RuntimeError(f"{num_frames} frames in an hour")
    # Not ru_maxrss, which a new process inherits from the one that started it.
    status = Path("/proc/self/status").read_text()
    print(seconds, int(status.split("VmHWM:")[1].split()[0]) / 1000)


if __name__ == "__main__":
    main()
