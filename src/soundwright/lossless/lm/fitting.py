"""From files and settings to trained weights: what the verb and the Python entry have in common."""

from __future__ import annotations

import hashlib
import json
import logging
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.device import resolve_device
from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.lossless.lm.chunks import DEPTHS, Chunks, Source, check_channels, read_chunks
from soundwright.lossless.lm.control import fixed_predictor_bits
from soundwright.lossless.lm.log import LOG, LogTracker
from soundwright.lossless.lm.settings import Settings
from soundwright.runs import atomic
from soundwright.runs.events import Ended, Started, emit

if TYPE_CHECKING:
    from soundwright.lossless.lm.task import Machine

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
            f"holds a training with other settings: {told}",
            path=path.parent,
            remedy="use the old settings, another --output_dir or --model_name, or --overwrite",
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
    tensorboard: bool = False,
) -> Outcome:
    """Reads, trains, validates; leaves `final.npz` in `state` when the last step is done."""
    with needs_extra("torch", "training an audio transformer"):
        from soundwright.lossless.lm.task import LanguageTask
        from soundwright.lossless.lm.weights import read_weights
        from soundwright.training.checkpoint import latest_checkpoint
        from soundwright.training.loop import LoopSettings, fit
        from soundwright.training.tracking import JsonlTracker, TensorBoardTracker, Trackers, WandbTracker

    machine = _machine(device, precision, torch_compile)
    training, held_out = _read(settings, train_files, valid_files, state)
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
    task.save(state / "final.npz", facts)
    kept_config, params = read_weights(state / "final.npz")
    return Outcome(params, kept_config, loss, steps, True)


def _machine(device: str, precision: str, torch_compile: bool) -> Machine:
    import torch

    from soundwright.lossless.lm.task import Machine

    name = resolve_device(device)
    if precision not in ("auto", "float32", "bfloat16"):
        raise UsageError(f"unknown precision {precision!r}", remedy="use auto, float32 or bfloat16")
    bfloat16 = precision == "bfloat16"
    if precision == "auto" and torch.device(name).type == "cuda":
        bfloat16 = torch.cuda.is_bf16_supported()
    return Machine(name, bfloat16, torch_compile)


def _read(
    settings: Settings, train_files: Sequence[str | Path], valid_files: Sequence[str | Path], state: Path
) -> tuple[Chunks, Chunks]:
    """The chunks of both sides, and what is to be said about them."""
    train_paths, valid_paths = [Path(path) for path in train_files], [Path(path) for path in valid_files]
    if not train_paths:
        raise UsageError("there are no files to train on", remedy="give at least one")
    check_channels([*train_paths, *valid_paths], settings)
    both = set(train_paths) & set(valid_paths)
    sources = [Source(path, 0.0, _TRAINED_PART if path in both else 1.0) for path in train_paths]
    others = [Source(path, _TRAINED_PART if path in both else 0.0, 1.0) for path in valid_paths]
    for path in sorted(both):
        LOG.info("%s is split in time: its last tenth is held out", show_path(path))
    training = read_chunks(sources, settings, settings.num_chunks, state / "cache")
    held_out = read_chunks(others, settings, settings.num_chunks, state / "cache")
    _tell([training, held_out], settings)
    if not len(training):
        reasons = training.facts["left_out"]
        raise BadInput(
            f"none of the {len(train_paths)} files to train on can be used" + (f": {reasons[0][1]}" if reasons else ""),
            path=train_paths[0].parent,
            remedy="give WAV files that are whole and not empty",
        )
    if not len(held_out):
        LOG.warning("Nothing is held out: the weights of the last step are kept, whatever they cost elsewhere")
    LOG.info(
        "Training on %d of %d chunks of %d bytes (%d samples); %d chunks are held out",
        len(training), training.facts["possible"], settings.chunk_size, settings.sequence_length, len(held_out),
    )  # fmt: skip
    # Paths may change (a folder is moved); which files in which order, and how long each is, may not.
    content = [[Path(path).name for path, _ in training.facts["files"]], training.lengths.tolist()]
    audio = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    remember(state / "audio.json", {"recordings": audio})
    return training, held_out


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
