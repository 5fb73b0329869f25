"""The recipe of the released `pocket` weights: render the corpus, train, refine the decoder.

    python -m soundwright.recipes.pocket_codec --output DIR

Needs FluidSynth with FluidR3 GM and espeak-ng; an hour and a quarter on two cores. It resumes where it stopped. On
glibc the environment variables in `docs/pocket.md` (malloc, OpenMP) made training twice as fast.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundwright.codec.crops import pack_recordings
from soundwright.codec.losses import LossWeights
from soundwright.codec.pocket.training.export import pack_weights, read_network
from soundwright.codec.pocket.training.task import RefineTask
from soundwright.codec.train import read_recording, split_files, train
from soundwright.core.errors import SoundwrightError
from soundwright.recipes.pocket_corpus import SAMPLE_RATE, render_corpus
from soundwright.runs import atomic
from soundwright.training.checkpoint import latest_checkpoint
from soundwright.training.loop import LoopSettings, fit
from soundwright.training.tracking import JsonlTracker, Trackers

#: What `codec train` was given for revision 1.
SETTINGS: dict[str, Any] = {
    "architecture": "pocket",
    "steps": 1_000_000,
    "minutes": 51.0,
    "batch_size": 8,
    "crop_s": 1.7,
    "learning_rate": 2e-3,
    "held_out": 0.03,
    "seed": 1,
    "licence": "Apache-2.0",
}

#: How far the steadying is opened before the decoder is refined. On 54 notes of training instruments 0.8 brought the
#: clean ones from 11.6 to 10.2 dB below the recording's harmonic-to-rest ratio, for 0.1 dB of SI-SDR on music.
GATE_POWER = 0.8

#: The second stage of revision 1: only the decoder is trained, so the tokens stay what they are.
REFINE: dict[str, Any] = {
    "minutes": 7.0,
    "batch_size": 8,
    "crop_frames": 128,
    "learning_rate": 1e-3,
    "seed": 2,
}
REFINE_LOSS = LossWeights(valleys=1.0, rest=1.5, wave=3.0)


def make_pocket(output: Path, *, corpus_seed: int = 1, **changes: Any) -> Path:
    """Renders the corpus to `output/corpus`, trains on it and returns the codec folder `output/codec`.

    Args:
        output: folder.
        corpus_seed: of the rendered audio.
        changes: arguments of `soundwright.codec.train.train` that differ from `SETTINGS`.
    """
    render_corpus(output / "corpus", seed=corpus_seed)
    return train(output / "corpus", output / "codec", **(SETTINGS | changes)).folder


def refine(corpus: Path, folder: Path, path: Path, **changes: Any) -> str:
    """Trains the decoder of a trained codec folder once more, for held tones, and writes the weights to release.

    Args:
        corpus: the recordings that the codec was trained on; those of single notes are `note-*`.
        folder: codec folder of `codec train`; checkpoints go to `folder/refining`.
        path: of the file of weights.
        changes: values that differ from `REFINE`.

    Returns:
        The file's SHA-256.

    Raises:
        SoundwrightError: it was interrupted; the same command goes on from there.
    """
    settings = REFINE | changes
    paths, _ = split_files(corpus, SETTINGS["held_out"])
    cache, work = folder / "training" / "cache", folder / "refining"
    crops, notes = (
        pack_recordings(some, cache, read_recording, f"{SAMPLE_RATE} Hz mono")
        for some in (paths, [p for p in paths if p.name.startswith("note-")])
    )
    trained = read_network(folder / "model.safetensors")
    task = RefineTask(
        trained,
        replace(trained.config, gate_power=GATE_POWER, steady_passes=2),
        crops,
        notes,
        batch_size=settings["batch_size"],
        crop_frames=settings["crop_frames"],
        learning_rate=settings["learning_rate"],
        seed=settings["seed"],
        weights=REFINE_LOSS,
    )
    loop = LoopSettings(
        steps=1_000_000, seed=settings["seed"], max_duration_s=60 * settings["minutes"], clip_norm=5.0, warmup=0.02
    )
    work.mkdir(parents=True, exist_ok=True)
    latest = latest_checkpoint(work)
    resume_step = 0 if latest is None else int(latest.stem.removeprefix("step-"))
    numbers = fit(task, loop, work, Trackers([JsonlTracker(work / "metrics.jsonl", resume_step=resume_step)]))
    if not numbers["done"]:
        raise SoundwrightError("interrupted while refining", remedy="run the same command again")
    atomic.write_bytes(path, pack_weights(task.model, {"licence": str(SETTINGS["licence"])}))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--corpus-seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="another value for a setting")
    arguments = parser.parse_args()
    changes = {name: json.loads(value) for name, value in (item.split("=", 1) for item in arguments.set)}
    folder = make_pocket(arguments.output, corpus_seed=arguments.corpus_seed, **changes)
    print(refine(arguments.output / "corpus", folder, arguments.output / "pocket.safetensors"))


if __name__ == "__main__":
    main()
