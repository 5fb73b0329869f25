"""`soundwright mix train`: prepares songs, then trains a mixer on them (document 004)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.core.threads import takes_threads
from soundwright.runs import atomic
from soundwright.runs.events import Note, emit
from soundwright.runs.locks import lock
from soundwright.runs.summary import INTERRUPTED

if TYPE_CHECKING:
    from soundwright.mixing.bank import Passage
    from soundwright.mixing.distortion import Ranges
    from soundwright.mixing.model.mixer import Mixer

CONFIG = Path("src/tuning/config/mixer_config.yaml")
_FEWEST_TO_CALIBRATE = 24


@dataclass(frozen=True)
class TrainedMixer:
    """What a training came to.

    Attributes:
        folder: of the mixer.
        steps: optimiser steps done.
        done: whether it reached its end; otherwise it was interrupted, and no mixer is written yet.
        segments: trained on.
        loss: at the end, on validation segments; None where there are none.
        failed: songs that could not be prepared.
    """

    folder: Path
    steps: int
    done: bool
    segments: int
    loss: float | None = None
    failed: int = 0

    @property
    def exit_code(self) -> int:
        """0; 1 where songs failed; 130 for an interrupted training."""
        return (1 if self.failed else 0) if self.done else INTERRUPTED

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        if not self.done:
            yield f"mix train: interrupted after step {self.steps} [the same command goes on from here]"
            return
        yield f"mix train: {self.steps} steps on {self.segments} segments -> {show_path(self.folder)}"
        if self.loss is not None:
            yield f"loss on validation segments: {self.loss:.3f}"
        yield f"use it with: soundwright mix fix STEMS... --model {show_path(self.folder)}"


@takes_threads
def train(
    config: Path = CONFIG,
    *,
    data_dir: Path = Path("data"),
    processed_dir: Path = Path("data/processed"),
    dataset_file: Path = Path("data/dataset.json"),
    artist: str | None = None,
    limit: int | None = None,
    num_epochs: int | None = None,
    output: Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
    threads: int | None = None,
) -> TrainedMixer:
    """Prepares songs as `mix prepare` does, then trains a mixer on them and writes it as a folder.

    Run it again and it resumes from its newest checkpoint; where it has finished, only what changed is done again.
    Ctrl-C finishes the step, saves and ends. Numbers are in OUTPUT/training/metrics.jsonl.

    Args:
        config: YAML with the sections default, data, mixer, generators, augmentation; all have defaults.
        data_dir: Folder of the artists' folders; its subfolder raw where there is one.
        processed_dir: Folder for the segments.
        dataset_file: The list of segments.
        artist: Only this artist's songs.
        limit: At most so many songs.
        num_epochs: In place of the config's.
        output: Folder for the mixer; finetuned/mixer in the config's models_dir by default.
        device: auto, cpu or cuda.
        overwrite: Begin again, and replace a training with other settings or songs.
        threads: Threads to compute with. Default: as PyTorch decides, by the cores or OMP_NUM_THREADS.

    Returns:
        The mixer's folder.

    Raises:
        UsageError: the config is missing, or an option cannot be used; OUTPUT holds a training with other settings or
            songs.
        BadInput: the config holds what it cannot; a base model's folder is damaged, or a segment is.
        SoundwrightError: the loss is not finite; with the segment's name.
    """
    need_extras()
    with needs_extra("torch", "training a mixer"):
        import torch

        from soundwright.core.device import resolve_device
        from soundwright.mixing.building import build, by_statistics, sampler, validation_loss
        from soundwright.mixing.config import read_config
        from soundwright.mixing.dataset import read_dataset
        from soundwright.mixing.familiarity import Familiarity
        from soundwright.mixing.material import material, require
        from soundwright.mixing.prepare import prepare
        from soundwright.mixing.training import MixerTask
        from soundwright.training.loop import LoopSettings, fit
        from soundwright.training.tracking import ConsoleTracker, JsonlTracker, Trackers

    settings = read_config(config)
    if num_epochs is not None and num_epochs < 1:
        raise UsageError(f"--num-epochs {num_epochs}", remedy="give a number from 1")
    where = resolve_device(device)
    default, ranges = settings.default, settings.augmentation.ranges()
    if settings.generators:
        emit(Note("the section generators is not used by training"))
    folder = output if output is not None else default.models_dir / "finetuned" / "mixer"
    summary = prepare(
        data_dir=data_dir,
        processed_dir=processed_dir,
        dataset_file=dataset_file,
        artist=artist,
        limit=limit,
        segment_duration=settings.data.segment_duration,
        sample_rate=settings.data.sample_rate,
        validation_split=settings.data.validation_split,
        seed=default.seed,
    )
    if not dataset_file.exists():
        raise SoundwrightError("no song could be prepared", path=data_dir, remedy="see the messages above")
    work = folder / "training"
    with lock(work / "lock", held="another training is working here", remedy="wait for it, or give another --output"):
        if overwrite:
            _begin_again(work)
        cache = work / "statistics"
        passages = material(dataset_file, cache, "train", most=settings.data.max_train_samples, seed=default.seed)
        require(passages, dataset_file)
        held_out = material(dataset_file, cache, "validation", seed=default.seed)
        epochs = num_epochs or default.num_epochs
        per_epoch = max(1, -(-len(passages) // (default.batch_size * default.gradient_accumulation_steps)))
        identity = {
            **settings.model_dump(mode="json", exclude={"generators"}),
            "epochs": epochs,
            "segments": len(passages),
            "dataset": read_dataset(dataset_file).digest(),
        }
        _remember(work / "settings.json", identity)
        autocast = None
        if default.fp16 and where == "cpu":
            emit(Note("fp16: a CPU has none, computing in float32"))
        elif default.fp16:
            # bfloat16 has the range of float32, so nothing has to be scaled.
            autocast = torch.bfloat16
            emit(Note("fp16: computing in bfloat16"))
        make = sampler(settings, dataset_file)
        task = MixerTask(
            lambda: build(settings).to(where),
            passages,
            batch_size=default.batch_size,
            learning_rate=default.learning_rate,
            weight_decay=default.weight_decay,
            accumulate=default.gradient_accumulation_steps,
            seed=default.seed,
            ranges=ranges,
            validation=(lambda mixer: validation_loss(mixer, held_out, make, default.seed)) if held_out else None,
            autocast=autocast,
            sampler=lambda mixer, items, epoch: make(mixer, passages, items, epoch),
        )
        trackers = Trackers([ConsoleTracker(), JsonlTracker(work / "metrics.jsonl", resume_step=_resume_step(work))])
        loop = LoopSettings(
            steps=per_epoch * epochs,
            seed=default.seed,
            accumulate=default.gradient_accumulation_steps,
            checkpoint_every=default.save_steps,
            validate_every=per_epoch,
            log_every=default.logging_steps,
            clip_norm=default.max_grad_norm,
            warmup=default.warmup_ratio,
        )
        numbers = fit(task, loop, work, trackers)
        trackers.close()
        steps, done = int(numbers["step"]), bool(numbers["done"])
        if done:
            mixer = task.model.eval()
            loss = task.validate().get("loss")
            # What tiny knows of other instruments and tools says nothing about what was learned here.
            mixer.familiarity = Familiarity()
            if by_statistics(settings):
                _calibrate(mixer, passages, held_out, default.seed, ranges)
            if not mixer.familiarity.sounds:
                emit(Note("the mixer takes every stem as familiar: too few segments, or not made by statistics"))
            _write(mixer, folder, identity | {"steps_done": steps})
            return TrainedMixer(folder, steps, True, len(passages), loss, len(summary.failures))
    return TrainedMixer(folder, steps, False, len(passages))


def need_extras() -> None:
    """Looks for what training a mixer needs, before any work.

    Raises:
        MissingExtra: a module is not installed.
    """
    with needs_extra("mix,torch", "training a mixer"):
        import numba  # noqa: F401
        import scipy  # noqa: F401
        import torch  # noqa: F401
    with needs_extra("mix,torch", "training a mixer"):  # after it: without it peft can be imported, and is of no use
        import peft  # noqa: F401


def _calibrate(mixer: Mixer, learned: list[Passage], held_out: list[Passage], seed: int, ranges: Ranges) -> None:
    """New thresholds, and what is familiar, where there is enough to find them with."""
    from soundwright.mixing.calibrate import calibrate
    from soundwright.mixing.familiarity import learn

    widest = max((p.stems for p in held_out), key=len, default=())
    passages = [p for p in held_out if len(p.stems) == len(widest)][:128]
    if len(passages) < _FEWEST_TO_CALIBRATE:
        emit(Note(f"thresholds stay as they were: {len(passages)} validation segments are too few to find them with"))
        return
    mixer.use(mixer.settings.model_copy(update={"thresholds": calibrate(mixer, passages, seed=seed, repeats=2)}))
    mixer.familiarity = learn(learned, held_out, seed=seed, ranges=ranges)


def _write(mixer: Mixer, folder: Path, facts: dict[str, Any]) -> None:
    from soundwright.mixing.checkpoint import save_mixer

    save_mixer(mixer, folder, {"training": facts})


def _remember(path: Path, settings: dict[str, Any]) -> None:
    """Writes the settings, or compares with those of the training that is to be resumed.

    Raises:
        UsageError: they differ.
    """
    if not any(path.parent.glob("step-*.ckpt")):  # nothing would go on
        atomic.write_json(path, settings)
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput("is no JSON", path=path, remedy="delete the folder it is in") from error
    changed = sorted(key for key in before.keys() | settings.keys() if before.get(key) != settings.get(key))
    if changed:
        raise UsageError(
            f"holds a training with {'other songs' if 'dataset' in changed else f'another {changed[0]}'}",
            path=path.parent.parent,
            remedy="use the old settings and songs, or another --output, or --overwrite",
        )


def _begin_again(work: Path) -> None:
    """Removes what a training left to go on from; statistics of segments stay."""
    for path in (work / "settings.json", work / "metrics.jsonl", *work.glob("step-*.ckpt")):
        path.unlink(missing_ok=True)


def _resume_step(work: Path) -> int:
    from soundwright.training.checkpoint import latest_checkpoint

    path = latest_checkpoint(work)
    return 0 if path is None else int(path.stem.removeprefix("step-"))
