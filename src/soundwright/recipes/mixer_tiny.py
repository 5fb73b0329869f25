"""The recipe of the shipped mixer `tiny`: render songs, measure them, train, find thresholds and limits.

    python -m soundwright.recipes.mixer_tiny OUT

Needs FluidSynth with FluidR3 GM; about an hour on one core, a third of it for rendering. It resumes where it stopped.
Training, validation and test songs come from other seeds, and so have other artists. The audio is not kept, but for
that of validation and test songs, on which `mix evaluate --songs OUT/songs/test` runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from soundwright.audio.files import read_audio
from soundwright.core.errors import SoundwrightError
from soundwright.mixing.bank import Passage, measure_passages, read_bank, write_bank
from soundwright.mixing.baselines import SmallNetwork, small_loss
from soundwright.mixing.calibrate import calibrate
from soundwright.mixing.checkpoint import save_mixer
from soundwright.mixing.familiarity import learn
from soundwright.mixing.model.mixer import Mixer
from soundwright.mixing.presets import TINY
from soundwright.mixing.sampling import sample
from soundwright.mixing.training import MixerTask
from soundwright.recipes.rendered_songs import SONGS_PER_ARTIST, render_songs
from soundwright.training.checkpoint import latest_checkpoint
from soundwright.training.loop import LoopSettings, fit
from soundwright.training.tracking import ConsoleTracker, JsonlTracker, Trackers

SAMPLE_RATE = 44_100
#: Side -> seed of its songs, how many, lengths of segments in seconds.
SONGS: dict[str, tuple[int, int, tuple[float, ...]]] = {
    "train": (1, 432, (5, 7.4, 14.8)),
    "valid": (2, 64, (5, 7.4, 14.8)),
    "test": (3, 40, (7.4,)),
}
BATCH_SIZE = 64
TRAINING: dict[str, Any] = {"steps": 9000, "rate": 2e-3, "listening": 0.5, "warmup": 0.02, "seed": 1}
SMALL: dict[str, Any] = {"steps": 800, "batch_size": 128, "learning_rate": 2e-3, "hidden": 128, "seed": 1}
LICENCE = "Apache-2.0"


def make_tiny(output: Path, destination: Path, *, steps: float = 1.0) -> Path:
    """Makes the mixer, and writes what is shipped.

    Args:
        output: folder for songs, statistics and the training.
        destination: folder for the mixer.
        steps: as many times the steps of the recipe.

    Raises:
        SoundwrightError: it was interrupted; the same command goes on from there.
    """
    for side in SONGS:
        render_and_measure(output, side)
    mixer = _train(output, max(1, round(steps * TRAINING["steps"])))
    finish(mixer, passages_of(output, "train"), passages_of(output, "valid"), destination)
    return destination


def _train(output: Path, steps: int) -> Mixer:
    task = MixerTask(
        lambda: Mixer(TINY),
        passages_of(output, "train"),
        batch_size=BATCH_SIZE,
        learning_rate=TRAINING["rate"],
        seed=TRAINING["seed"],
        listening=TRAINING["listening"],
    )
    loop = LoopSettings(
        steps=steps, seed=TRAINING["seed"], warmup=TRAINING["warmup"], checkpoint_every=steps, checkpoint_every_s=300
    )
    work = output / "training"
    latest = latest_checkpoint(work)
    resume_step = 0 if latest is None else int(latest.stem.removeprefix("step-"))
    trackers = Trackers([ConsoleTracker(), JsonlTracker(work / "metrics.jsonl", resume_step=resume_step)])
    if not fit(task, loop, work, trackers)["done"]:
        raise SoundwrightError("interrupted while training", remedy="run the same command again")
    return task.model


def finish(mixer: Mixer, train: list[Passage], valid: list[Passage], destination: Path) -> None:
    """Finds thresholds and what is familiar, trains the small network beside it, and writes all in float16."""
    from safetensors.torch import save

    mixer.eval()
    mixer.use(mixer.settings.model_copy(update={"thresholds": calibrate(mixer, valid, seed=11, repeats=2)}))
    mixer.familiarity = learn(train, valid, seed=13)
    facts = {
        "name": "tiny",
        "licence": LICENCE,
        "trained_on": f"{SONGS['train'][1]} songs rendered from random scores with FluidSynth and FluidR3 GM (MIT)",
        "training": {"batch_size": BATCH_SIZE, **TRAINING},
    }
    small = train_small(train)
    tensors = {name: tensor.half().contiguous() for name, tensor in small.state_dict().items()}
    save_mixer(mixer, destination, facts, half=True, beside={"small.safetensors": save(tensors)})


def train_small(passages: list[Passage]) -> SmallNetwork:
    """The small network that the mixer is compared with, on the same kind of examples."""
    import torch

    torch.manual_seed(SMALL["seed"])
    network = SmallNetwork(SMALL["hidden"])
    optimiser = torch.optim.AdamW(network.parameters(), lr=SMALL["learning_rate"], weight_decay=0.02)
    for step in range(SMALL["steps"]):
        for group in optimiser.param_groups:
            group["lr"] = SMALL["learning_rate"] * min(1, step / 50) * (1 - step / SMALL["steps"])
        items = np.random.default_rng([SMALL["seed"], step]).integers(len(passages), size=SMALL["batch_size"])
        batch = sample(passages, [int(item) for item in items], seed=SMALL["seed"], epoch=10**6 + step, recolour=0.0)
        arrays = (batch.stem_features, batch.mix_features, batch.presence, batch.values)
        loss = small_loss(network, *(torch.from_numpy(array) for array in arrays))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return network.eval()


def render_and_measure(output: Path, side: str) -> None:
    """Renders the songs of one side, an artist at a time, and measures them; what stands is kept."""
    seed, songs, windows_s = SONGS[side]
    for count in range(SONGS_PER_ARTIST, songs + 1, SONGS_PER_ARTIST):
        path = output / "bank" / f"{side}-{count:03d}.npz"
        if path.exists():
            continue
        folders = render_songs(output / "songs" / side, songs=count, seed=seed)[-SONGS_PER_ARTIST:]
        passages = [passage for folder in folders for passage in _measure(folder, side, windows_s)]
        write_bank(path, passages)
        if side == "train":
            for folder in folders:
                shutil.rmtree(folder / "stems")


def passages_of(output: Path, side: str) -> list[Passage]:
    """What was measured of the songs of one side."""
    return [p for path in sorted((output / "bank").glob(f"{side}-*.npz")) for p in read_bank(path)]


def _measure(folder: Path, side: str, windows_s: tuple[float, ...]) -> list[Passage]:
    stems = {path.stem: read_audio(path) for path in sorted((folder / "stems").glob("*.wav"))}
    return measure_passages(f"{side}/{folder.parent.name}/{folder.name}", stems, SAMPLE_RATE, windows_s)


def main() -> None:
    """The command line."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--destination", type=Path, help="folder for the mixer; OUT/tiny by default")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=float, default=1.0, help="as many times the steps of the recipe")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(make_tiny(options.output, options.destination or options.output / "tiny", steps=options.steps))


if __name__ == "__main__":
    main()
