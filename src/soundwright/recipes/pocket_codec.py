"""The recipe of the released `pocket` weights: render the corpus, train, measure.

    python -m soundwright.recipes.pocket_codec --output DIR

Needs FluidSynth with FluidR3 GM and espeak-ng; an hour on two cores. It resumes where it stopped. On glibc the
environment variables in `docs/pocket.md` (malloc, OpenMP) made training twice as fast.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundwright.codec.pocket.weights import pack_weights, read_weights
from soundwright.codec.train import train
from soundwright.recipes.pocket_corpus import render_corpus
from soundwright.runs import atomic

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

#: How far the steadying is opened after training. On 54 notes of training instruments 0.8 brought the clean ones from
#: 11.6 to 10.2 dB below the recording's harmonic-to-rest ratio, for 0.1 dB of SI-SDR on music.
GATE_POWER = 0.8


def make_pocket(output: Path, *, corpus_seed: int = 1, **changes: Any) -> Path:
    """Renders the corpus to `output/corpus`, trains on it and returns the codec folder `output/codec`.

    Args:
        output: folder.
        corpus_seed: of the rendered audio.
        changes: arguments of `soundwright.codec.train.train` that differ from `SETTINGS`.
    """
    render_corpus(output / "corpus", seed=corpus_seed)
    return train(output / "corpus", output / "codec", **(SETTINGS | changes))


def finish(folder: Path, path: Path) -> str:
    """Writes the network of a trained codec folder as a file of weights to release; returns its SHA-256."""
    model = read_weights(folder / "model.safetensors")
    model.config = replace(model.config, gate_power=GATE_POWER)
    atomic.write_bytes(path, pack_weights(model, {"licence": str(SETTINGS["licence"])}))
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
    print(finish(folder, arguments.output / "pocket.safetensors"))


if __name__ == "__main__":
    main()
