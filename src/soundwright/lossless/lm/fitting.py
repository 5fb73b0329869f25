"""From files and settings to trained weights: what the verb and the Python entry have in common."""

from __future__ import annotations

import json
import logging
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.device import resolve_device
from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.lossless.lm.chunks import (
    DEPTHS,
    Chunks,
    Source,
    check_channels,
    content_digest,
    drop_samples,
    read_chunks,
)
from soundwright.lossless.lm.control import fixed_predictor_bits
from soundwright.lossless.lm.log import LOG, LogTracker
from soundwright.lossless.lm.settings import Settings
from soundwright.runs import atomic
from soundwright.runs.events import Ended, Started, emit
from soundwright.runs.locks import lock

if TYPE_CHECKING:
    from soundwright.lossless.lm.task import Machine

LOCK = "lock"
#: The weights of a training that has come to its end.
FINAL = "final.npz"
_LEFT_BY_A_TRAINING = (
    FINAL, "best.npz", "step-*.ckpt", "audio.json", "metrics.jsonl", "wandb_id", "cache", "tensorboard", "wandb",
)  # fmt: skip
#: Of a single file the end is held out: it trains up to this fraction of its time.
_TRAINED_PART = 0.9
_CHECKPOINT_EVERY_S = 60.0


@dataclass(frozen=True)
class Outcome:
    """What `fit_files` gives: the weights to keep, what they cost in bits per byte, and the run's numbers."""

    params: dict[str, NDArray[np.float32]]
    config: dict[str, Any]
    loss: float
    steps: int
    done: bool


@contextmanager
def only_training(state: Path) -> Iterator[None]:
    """Within the block no other process trains with this state.

    Raises:
        UsageError: one does already.
    """
    with lock(
        state / LOCK,
        held="another training with this name is working here",
        remedy="wait for it, or use another --model_name",
    ):
        yield


def clear(state: Path) -> None:
    """Removes what a training left, but for the lock."""
    for name in (*_LEFT_BY_A_TRAINING, "settings.json"):  # the settings last: a state without them is no training's
        for entry in state.glob(name):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def remember(path: Path, facts: dict[str, Any]) -> None:
    """Writes the facts, or compares with those of an earlier run that has trained something.

    Raises:
        UsageError: they differ.
    """
    before = json.loads(path.read_text()) if path.exists() else {}
    changed = sorted(k for k in before.keys() | facts.keys() if before.get(k) != facts.get(k))
    if not any(path.parent.glob("step-*.ckpt")):
        if changed:
            (path.parent / "best.npz").unlink(missing_ok=True)
            atomic.write_json(path, facts)
    elif changed:
        told = ", ".join(f"{k} was {before.get(k)} and is {facts.get(k)}" for k in changed)
        raise UsageError(
            f"holds a training of something else: {told}",
            path=path.parent,
            remedy="use what it began with, another --output_dir or --model_name, or --overwrite",
        )


def fit_files(
    settings: Settings,
    train_files: Sequence[str | Path],
    valid_files: Sequence[str | Path],
    state: Path,
    *,
    wandb: tuple[str, str, dict[str, Any]] | None,
    device: str,
    precision: str = "auto",
    torch_compile: bool = False,
    tensorboard: bool = True,
) -> Outcome:
    """Reads, trains, validates; leaves `FINAL` in `state` when the last step is done."""
    with needs_extra("torch", "training an audio transformer"):
        from soundwright.lossless.lm.task import LanguageTask
        from soundwright.lossless.lm.weights import read_weights
        from soundwright.training.checkpoint import latest_checkpoint
        from soundwright.training.loop import LoopSettings, fit
        from soundwright.training.tracking import JsonlTracker, TensorBoardTracker, Trackers, WandbTracker

    machine = machine_for(device, precision, torch_compile)
    training, held_out = read_recordings(settings, train_files, valid_files, state)
    control = fixed_predictor_bits(held_out.spread(64)) if len(held_out) else None
    task = LanguageTask(settings, training, held_out, state / "best.npz", machine)
    resumed = latest_checkpoint(state)
    step = 0 if resumed is None else int(resumed.stem.removeprefix("step-"))
    if step:
        LOG.info("Resuming after step %d", step)
    LOG.info(
        "%d weights on %s; batches of %d chunks in %d parts", task.num_weights(), machine.device, settings.batch_size,
        task.accumulate,
    )  # fmt: skip
    trackers = Trackers([LogTracker(settings.training_steps), JsonlTracker(state / "metrics.jsonl", resume_step=step)])
    if tensorboard:
        trackers.add(lambda: TensorBoardTracker(state / "tensorboard"))
    if wandb is not None:
        project, run_name, config = wandb
        # Settings come last: what is recorded is what was used, whatever the caller wrote down.
        recorded = {**config, **settings.identity()}
        trackers.add(lambda: WandbTracker(project, run_name, recorded, state, _run_id(state)))
    loop = LoopSettings(
        steps=settings.training_steps,
        seed=settings.seed,
        accumulate=task.accumulate,
        checkpoint_every=settings.log_every,
        checkpoint_every_s=_CHECKPOINT_EVERY_S,
        validate_every=settings.log_every,
        log_every=settings.log_every,
        warmup=0.01 if settings.schedule == "cosine" else 0.0,
        schedule=settings.schedule,
    )
    began, done = time.monotonic(), False
    emit(Started("lm train", settings.training_steps, step, 1))
    try:
        numbers = fit(task, loop, state, trackers)
        done = bool(numbers["done"])
        if done and settings.training_steps % settings.log_every and (last := task.validate()):
            trackers.log(settings.training_steps, {f"valid/{name}": value for name, value in last.items()})
    finally:
        trackers.close()
        emit(Ended("lm train", "finished" if done else "interrupted", time.monotonic() - began))
    steps = int(numbers["step"])
    if not done:
        return Outcome({}, {}, np.nan, steps, False)
    facts = {
        "training": settings.identity(),
        "steps_done": steps,
        "input": Counter(name for _, name in training.facts["files"]),
        "held_out_bits_per_sample": None,
        "fixed_predictors_bits_per_sample": control,
    }
    loss = task.last_bits_per_byte()
    if task.best.exists():
        task.restore_best()
        facts["held_out_bits_per_sample"] = task.best_bits
        loss = task.best_bits * 8 / settings.sample_bits
    task.save(state / FINAL, facts)
    drop_samples(state / "cache")
    kept_config, params = read_weights(state / FINAL)
    return Outcome(params, kept_config, loss, steps, True)


def machine_for(device: str, precision: str, torch_compile: bool) -> Machine:
    """The machine that these options ask for.

    Raises:
        UsageError: it is not there, or an option is unknown.
    """
    with needs_extra("torch", "training an audio transformer"):
        import torch

        from soundwright.lossless.lm.task import Machine

    name = resolve_device(device)
    if precision not in ("auto", "float32", "bfloat16"):
        raise UsageError(f"unknown precision {precision!r}", remedy="use auto, float32 or bfloat16")
    bfloat16 = precision == "bfloat16"
    if precision == "auto" and torch.device(name).type == "cuda":
        bfloat16 = torch.cuda.is_bf16_supported()
    return Machine(name, bfloat16, torch_compile)


def read_recordings(
    settings: Settings, train_files: Sequence[str | Path], valid_files: Sequence[str | Path], state: Path
) -> tuple[Chunks, Chunks]:
    """The chunks of both sides; tells what is to be said about them.

    Raises:
        UsageError: they are not those that the training in `state` began with, or cannot be laid out as asked.
        BadInput: there is nothing to train on.
    """
    if not train_files:
        raise UsageError("there are no files to train on", remedy="give at least one")
    sources, others = _sides(train_files, valid_files)
    check_channels([source.path for source in (*sources, *others)], settings)
    for source in others:
        if source.start:
            LOG.info("%s is split in time: its last tenth is held out", show_path(source.path))
    training = read_chunks(sources, settings, settings.num_chunks, state / "cache")
    held_out = read_chunks(others, settings, settings.num_chunks, state / "cache")
    _tell([training, held_out], settings)
    if not len(training):
        reasons = training.facts["left_out"]
        raise BadInput(
            f"none of the {len(sources)} files to train on can be used" + (f": {reasons[0][1]}" if reasons else ""),
            path=sources[0].path.parent,
            remedy="give WAV files that are whole and not empty",
        )
    if not len(held_out):
        LOG.warning("Nothing is held out: the weights of the last step are kept, whatever they cost elsewhere")
    LOG.info(
        "Training on %d of %d chunks of %d bytes (%d samples); %d chunks are held out",
        len(training), training.facts["possible"], settings.chunk_size, settings.sequence_length, len(held_out),
    )  # fmt: skip
    _remember_recordings(state, training.facts["digest"], held_out.facts["digest"])
    return training, held_out


def check_recordings(
    settings: Settings, train_files: Sequence[str | Path], valid_files: Sequence[str | Path], state: Path
) -> None:
    """Looks whether these are the recordings that the training in `state` was made from; reads only what changed.

    Raises:
        UsageError: they are others.
    """
    digests = [
        content_digest(side, settings, settings.num_chunks, state / "cache")
        for side in _sides(train_files, valid_files)
    ]
    _remember_recordings(state, *digests)
    drop_samples(state / "cache")


def _remember_recordings(state: Path, training: str, held_out: str) -> None:
    # Names may change (a folder is moved); what is trained on, in which order, and what it is judged by, may not.
    remember(state / "audio.json", {"recordings": training[:16], "held-out recordings": held_out[:16]})


def _sides(train_files: Sequence[str | Path], valid_files: Sequence[str | Path]) -> tuple[list[Source], list[Source]]:
    """What is trained on and what is held out; a file on both sides is split in time."""
    train_paths, valid_paths = [Path(path) for path in train_files], [Path(path) for path in valid_files]
    both = set(train_paths) & set(valid_paths)
    return (
        [Source(path, 0.0, _TRAINED_PART if path in both else 1.0) for path in train_paths],
        [Source(path, _TRAINED_PART if path in both else 0.0, 1.0) for path in valid_paths],
    )


def _tell(sides: list[Chunks], settings: Settings) -> None:
    """What was left out, and what the model does not see of what was read."""
    read = {path: name for chunks in sides for path, name in chunks.facts["files"]}
    for chunks in sides:
        for _, reason in chunks.facts["left_out"]:
            LOG.warning("left out: %s", reason)
    for name, count in sorted(Counter(read.values()).items()):
        depth = DEPTHS.get(name)
        if depth is None:
            LOG.warning("Samples that are no PCM (%s, files: %d) become %d bits", name, count, settings.sample_bits)
        elif depth > settings.sample_bits:
            # 16-bit files under an 8-bit model are the document's ordinary case; deeper ones lose what was asked for.
            level = logging.INFO if depth == 16 else logging.WARNING
            LOG.log(
                level, "Of %d-bit samples (files: %d) the model sees the top %d", depth, count, settings.sample_bits
            )
    if clipped := sum(chunks.facts["clipped"] for chunks in sides):
        LOG.warning("%d samples exceed full scale and are clipped", clipped)


def _run_id(state: Path) -> str:
    """The name of this training for Weights & Biases, the same after a restart."""
    path = state / "wandb_id"
    if not path.exists():
        atomic.write_text(path, uuid.uuid4().hex[:12])
    return path.read_text()
