"""`soundwright codec train`: trains a small codec on a folder of recordings."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.files import audio_extensions, read_audio
from soundwright.codec.validation import loudest_excerpt
from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.core.threads import takes_threads
from soundwright.runs import atomic
from soundwright.runs.events import Note, emit
from soundwright.runs.summary import INTERRUPTED

if TYPE_CHECKING:
    from soundwright.codec.pocket.training.task import PocketTask
    from soundwright.codec.train_encodec import EncodecTask

_SAMPLE_RATE = 24_000


@dataclass(frozen=True)
class TrainedCodec:
    """What a training came to.

    Attributes:
        folder: the codec's folder.
        steps: optimiser steps done.
        done: whether it reached its end; otherwise it was interrupted, and no codec is written yet.
    """

    folder: Path
    steps: int
    done: bool

    @property
    def exit_code(self) -> int:
        """0, or 130 for an interrupted training."""
        return 0 if self.done else INTERRUPTED

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        if self.done:
            yield f"codec train: {self.steps} steps; use it with --codec {show_path(self.folder)}"
        else:
            yield f"codec train: interrupted after step {self.steps} [the same command goes on from here]"


@takes_threads
def train(
    audio: Path,
    output: Path,
    *,
    architecture: Literal["pocket", "encodec"] = "pocket",
    steps: int = 20_000,
    minutes: float | None = None,
    batch_size: int = 8,
    crop_s: float = 1.7,
    learning_rate: float = 2e-3,
    accumulate: int = 1,
    held_out: float = 0.05,
    seed: int = 0,
    num_codebooks: int = 8,
    checkpoint_every: int = 500,
    validate_every: int = 1_000,
    log_every: int = 20,
    tensorboard: bool = False,
    licence: str = "unknown",
    num_filters: int = 16,
    hidden_size: int = 32,
    upsampling_ratios: tuple[int, ...] = (8, 8, 5),
    num_lstm_layers: int = 1,
    threads: int | None = None,
) -> TrainedCodec:
    """Trains a codec and writes it as a folder of `config.json` and `model.safetensors`.

    Recordings that cannot be read are said and left out. Run it again and it resumes from its newest checkpoint; where
    it has finished it does nothing. Ctrl-C finishes the step, saves and ends. Metrics are in
    `output/training/metrics.jsonl`. Under torchrun every process takes its share of each batch.

    Args:
        audio: Folder of recordings, read recursively; any rate, mixed to mono, resampled to 24 kHz.
        output: Folder for the codec.
        architecture: pocket is fast and live (look-ahead 53 ms); encodec is the shape of Meta's EnCodec and loads in
            transformers as EncodecModel.
        steps: Optimiser steps; the learning rate reaches zero at the last.
        minutes: Ends after this many minutes of training instead, the learning rate following time. Such a run cannot
            be repeated to the bit.
        batch_size: Crops per step and process.
        crop_s: Seconds per crop, rounded to whole frames.
        learning_rate: Peak learning rate.
        accumulate: Batches per optimiser step.
        held_out: Fraction of the files that validate instead of training, chosen by file name.
        seed: Of initial weights, crops and everything else that is random.
        num_codebooks: Codebooks of 1024; 8 are 6 kbps.
        checkpoint_every: Steps between checkpoints.
        validate_every: Steps between validations; 0 for never.
        log_every: Steps between lines of metrics.
        tensorboard: Also write metrics for TensorBoard.
        licence: Licence of the weights, written into the folder.
        num_filters: encodec only: channels after the first convolution.
        hidden_size: encodec only: size of the latent.
        upsampling_ratios: encodec only: strides, whose product is the hop.
        num_lstm_layers: encodec only: at least 1.
        threads: Threads to compute with. Default: as PyTorch decides, by the cores or OMP_NUM_THREADS.

    Returns:
        The codec folder.

    Raises:
        UsageError: options or folders that do not go together; `output` holds a training with other settings.
        SoundwrightError: the loss is not finite.
    """
    with needs_extra("torch", "training a codec"):
        from soundwright.codec.crops import pack_recordings
        from soundwright.training.loop import LoopSettings, fit
        from soundwright.training.ranks import launched_ranks
        from soundwright.training.tracking import ConsoleTracker, JsonlTracker, TensorBoardTracker, Tracker, Trackers

    settings: dict[str, Any] = {
        "architecture": architecture,
        "steps": steps,
        "minutes": minutes,
        "batch_size": batch_size,
        "crop_s": crop_s,
        "learning_rate": learning_rate,
        "accumulate": accumulate,
        "held_out": held_out,
        "seed": seed,
        "num_codebooks": num_codebooks,
        "licence": licence,
    }
    if architecture == "encodec":
        settings |= {
            "num_filters": num_filters,
            "hidden_size": hidden_size,
            "upsampling_ratios": list(upsampling_ratios),
            "num_lstm_layers": num_lstm_layers,
        }
    _check(settings)
    training_paths, held_out_paths = split_files(audio, held_out)
    work = output / "training"
    work.mkdir(parents=True, exist_ok=True)
    _remember(work / "settings.json", settings)

    with launched_ranks() as place:
        for turn in range(2):  # the first rank reads the recordings, then the others find them read
            if turn == min(place.rank, 1):
                crops = pack_recordings(training_paths, work / "cache", read_recording, f"{_SAMPLE_RATE} Hz mono")
            place.wait()
        excerpts = _excerpts(held_out_paths)
        task: PocketTask | EncodecTask
        if architecture == "pocket":
            from soundwright.codec.pocket.training.task import pocket_task

            task = pocket_task(crops, excerpts, settings)
        else:
            from soundwright.codec.train_encodec import encodec_task

            task = encodec_task(crops, excerpts, settings)

        first = place.rank == 0
        trackers: list[Tracker] = []
        if first:
            trackers.append(ConsoleTracker())
            trackers.append(JsonlTracker(work / "metrics.jsonl", resume_step=_resume_step(work)))
            if tensorboard:
                trackers.append(TensorBoardTracker(work / "tensorboard"))
        observed = Trackers(trackers)
        loop = LoopSettings(
            steps=steps,
            seed=seed,
            max_duration_s=math.inf if minutes is None else 60 * minutes,
            accumulate=accumulate,
            checkpoint_every=checkpoint_every,
            validate_every=validate_every,
            log_every=log_every,
            clip_norm=5.0,
        )
        numbers = fit(task, loop, work, observed)
        observed.close()
        if first and numbers["done"]:
            task.export(output, {"training": settings | {"steps_done": int(numbers["step"])}, "licence": licence})
    return TrainedCodec(output, int(numbers["step"]), bool(numbers["done"]))


def _excerpts(paths: list[Path]) -> list[NDArray[np.float32]]:
    """The loudest moments of the first eight of these recordings that can be read."""
    excerpts: list[NDArray[np.float32]] = []
    for path in paths:
        if len(excerpts) == 8:
            break
        try:
            excerpts.append(loudest_excerpt(read_recording(path)))
        except BadInput as error:
            emit(Note(f"left out: {error}"))
    return excerpts


def split_files(audio: Path, held_out: float) -> tuple[list[Path], list[Path]]:
    """Recordings below `audio` for training and for validation, each sorted.

    A file's side is a function of its path below `audio` only, so it stays where it is when files are added.

    Raises:
        UsageError: there is no recording, or none is left for training.
    """
    endings = audio_extensions()
    paths = sorted(p for p in audio.rglob("*") if p.suffix.lower().removeprefix(".") in endings and p.is_file())
    if not paths:
        raise UsageError("no recordings found", path=audio, remedy=f"give a folder with {', '.join(endings)} files")

    def is_held_out(path: Path) -> bool:
        digest = hashlib.sha1(path.relative_to(audio).as_posix().encode(), usedforsecurity=False).digest()
        return int.from_bytes(digest[:4], "big") / 2**32 < held_out

    training = [p for p in paths if not is_held_out(p)]
    if not training:
        raise UsageError("every recording is held out", path=audio, remedy="lower --held-out")
    return training, [p for p in paths if is_held_out(p)]


def read_recording(path: Path) -> NDArray[np.float32]:
    """A recording as mono float32 `[N]` at 24 kHz."""
    return read_audio(path, sample_rate=_SAMPLE_RATE, mono=True)


def _check(settings: dict[str, Any]) -> None:
    for name in ("steps", "batch_size", "accumulate", "crop_s", "learning_rate"):
        if settings[name] <= 0:
            raise UsageError(f"expected {name} above 0, found {settings[name]}")
    if settings["minutes"] is not None and settings["minutes"] <= 0:
        raise UsageError(f"expected minutes above 0, found {settings['minutes']}")
    if settings["crop_s"] < 0.4:
        raise UsageError(f"expected crops of at least 0.4 s, found {settings['crop_s']} s")
    if not 0 <= settings["held_out"] < 1:
        raise UsageError(f"expected held_out from 0 to below 1, found {settings['held_out']}")
    if not 1 <= settings["num_codebooks"] <= 32:
        raise UsageError(f"expected 1 to 32 codebooks, found {settings['num_codebooks']}")
    if settings["architecture"] not in ("pocket", "encodec"):
        raise UsageError(f"unknown architecture {settings['architecture']!r}", remedy="use pocket or encodec")
    if settings["architecture"] == "encodec":
        if settings["num_lstm_layers"] < 1:
            raise UsageError("transformers' EncodecModel needs num_lstm_layers of at least 1")
        if math.prod(settings["upsampling_ratios"]) != 320:
            raise UsageError(f"the strides must multiply to 320 (75 frames/s), found {settings['upsampling_ratios']}")


def _remember(path: Path, settings: dict[str, Any]) -> None:
    """Writes the settings, or compares with those that an earlier run wrote."""
    if path.exists():
        before = json.loads(path.read_text())
        changed = sorted(k for k in before.keys() | settings.keys() if before.get(k) != settings.get(k))
        if changed:
            told = ", ".join(f"{k} was {before.get(k)} and is {settings.get(k)}" for k in changed)
            raise UsageError(
                f"holds a training with other settings: {told}",
                path=path.parent.parent,
                remedy="use the old settings, or another output folder",
            )
        return
    atomic.write_json(path, settings)


def _resume_step(work: Path) -> int:
    from soundwright.training.checkpoint import latest_checkpoint

    path = latest_checkpoint(work)
    return 0 if path is None else int(path.stem.removeprefix("step-"))
