"""Claims: decoding tokens in pieces takes 4x less extra memory than in one go for 20 s, and is not slower; the extra
memory of decode, finishing and file at 180 s is within 5 percent of that at 30 s.

    python benchmarks/music_decode.py [--seconds 20] [--long 180] [--runs 3]

EnCodec in the shape of MusicGen's codec (32 kHz, 57.6 M parameters) with random weights, mono, float32, one thread.
Every figure is of a fresh process: peak of its resident memory over what it held with the model loaded, and the CPU
seconds of the work.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import paired  # first: it sets one thread

RATE, FRAMES_PER_SECOND = 32_000, 50
_EXACT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def build():
    """A model of the real shape whose sound is neither silence nor noise without bounds."""
    import torch
    from transformers import EncodecConfig, EncodecModel

    torch.manual_seed(0)
    model = EncodecModel(
        EncodecConfig(
            sampling_rate=RATE,
            audio_channels=1,
            normalize=False,
            num_filters=64,
            hidden_size=128,
            upsampling_ratios=[8, 5, 4, 4],
            codebook_size=2048,
            codebook_dim=128,
            target_bandwidths=[2.2],
            norm_type="weight_norm",
            use_causal_conv=False,
            num_lstm_layers=2,
            pad_mode="reflect",
            chunk_length_s=None,
        )
    ).eval()
    for layer in model.quantizer.layers:
        layer.codebook.embed.normal_()
    return model


def measure(kind: str, seconds: int) -> None:
    """Prints extra memory in MB and CPU seconds of one way, in this process."""
    import ctypes
    import gc

    import numpy as np
    import torch

    from soundwright.musicgen.finishing import FinishOptions, Shape, finish
    from soundwright.musicgen.sound import SoundDecoder

    torch.set_num_threads(1)
    model = build()
    codes = np.random.default_rng(0).integers(0, 2048, (4, seconds * FRAMES_PER_SECOND)).astype(np.int16)
    decoder = SoundDecoder(model, 1) if kind != "whole" else None
    if kind == "pipeline":
        import scipy.ndimage
        import scipy.signal  # noqa: F401

        from soundwright.audio.tags import Tags
    gc.collect()
    # What building the model left on the heap would be taken for what decoding needs, or hide it.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before, cpu = peak_mb(), paired.cpu_s()
    if decoder is None:
        with torch.inference_mode():
            sound = model.decode(torch.from_numpy(codes.astype(np.int64))[None, None], [None]).audio_values
        num_samples = sound.shape[-1]
    elif kind == "pieces":
        num_samples = sum(piece.shape[1] for piece in decoder.pieces(codes))
    else:
        with tempfile.TemporaryDirectory() as folder:
            shape = Shape(codes.shape[1] * decoder.hop, RATE, 1)
            options = FinishOptions(loudness=-14.0, fade_in=1.0, fade_out=3.0)
            done = finish(
                Path(folder) / "a.wav", decoder.pieces(codes), shape, options, format="wav", tags=lambda _: Tags("a")
            )
        num_samples = done.num_samples
    assert num_samples == seconds * RATE
    print(json.dumps([peak_mb() - before, paired.cpu_s() - cpu]))


def peak_mb() -> float:
    """Peak of resident memory since the last reset, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


def fresh(kind: str, seconds: int, *, exact: bool = False) -> tuple[float, float]:
    """Extra MB and CPU seconds, of a process of its own; `exact` for what is held, without the heap's own holes.

    Left to itself, glibc keeps freed pieces of up to 32 MB, and in which of them the next fits is a matter of chance:
    the same work then shows 70 to 180 MB.
    """
    command = [sys.executable, __file__, "--measure", kind, "--seconds", str(seconds)]
    environment = {**os.environ, **(_EXACT if exact else {})}
    out = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    memory, cpu = json.loads(out.splitlines()[-1])
    return memory, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--long", type=int, default=180)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--measure", choices=["whole", "pieces", "pipeline"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, arguments.seconds)
        return
    paired.about("torch", "transformers", "numpy", "scipy")
    kinds = ("whole", "pieces")
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    heap: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(arguments.runs):
        for kind in kinds:
            mb, used = fresh(kind, arguments.seconds)
            times[kind].append(used)
            heap[kind].append(mb)
    held = {kind: fresh(kind, arguments.seconds, exact=True)[0] for kind in kinds}
    cpu = {kind: statistics.median(values) for kind, values in times.items()}
    print(f"\ndecode of {arguments.seconds} s (fresh processes in turn; CPU: median of {arguments.runs})")
    for kind in kinds:
        with_heap = f"{min(heap[kind]):.0f} to {max(heap[kind]):.0f}"
        print(
            f"  {kind:<8} extra memory {held[kind]:6.0f} MB ({with_heap} with the heap's holes) {cpu[kind]:8.2f} CPU s"
        )
    told(held["whole"] / held["pieces"], 4.0, "x less memory")
    told(cpu["whole"] / cpu["pieces"], 1.0, "x the speed")
    extra = {seconds: fresh("pipeline", seconds, exact=True) for seconds in (30, arguments.long)}
    print("\ndecode, fades, loudness -14 LUFS with limiter, tagged WAV")
    for seconds, (mb, used) in extra.items():
        print(f"  {seconds:>4} s     extra memory {mb:8.1f} MB   {used:7.2f} CPU s")
    more = 100 * (extra[arguments.long][0] / extra[30][0] - 1)
    print(f"  {more:+.1f} percent (asked: within 5, {'met' if abs(more) <= 5 else 'NOT met'})")


def told(ratio: float, asked: float, what: str) -> None:
    """Prints a ratio and whether it is what was asked."""
    print(f"  {ratio:.2f} {what} (asked: {asked:g}, {'met' if ratio >= asked else 'NOT met'})")


if __name__ == "__main__":
    main()
