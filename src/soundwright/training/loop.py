"""The one training loop of the project: what a training is, apart from what it trains.

A `Task` says what is trained: model, optimiser, batches, loss, validation. The loop says how: gradient accumulation,
several ranks (`torch.distributed`, gloo or nccl), learning rate by progress, checkpoints from which the same command
resumes exactly, and Ctrl-C, which finishes the step, saves and ends.

A batch is a pure function of (seed, step, rank, world size), see `ranks.item_indices`: nothing about data order has
to be saved, and two ranks with batch 4 see what one process with batch 8 sees.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

from soundwright.core.errors import BadInput, SoundwrightError
from soundwright.runs.interrupt import catch_interrupts
from soundwright.training.checkpoint import (
    latest_checkpoint,
    load_checkpoint,
    random_states,
    save_checkpoint,
    set_random_states,
)
from soundwright.training.ranks import Place, agree, average_gradients
from soundwright.training.tracking import Trackers


@dataclass(frozen=True)
class LoopSettings:
    """How long and how often.

    Attributes:
        steps: optimiser steps.
        seed: seeds the model's initial values and everything random inside a step.
        max_duration_s: ends the run after this much training time, however many steps that makes: the learning rate
            then follows time instead of steps. Such a run cannot be repeated to the bit.
        accumulate: micro-batches per optimiser step.
        checkpoint_every: steps between checkpoints.
        checkpoint_every_s: a process that trains alone also saves after so much time; what it saves and when it does
            so changes nothing of the run.
        validate_every: steps between validations; 0 for never.
        log_every: steps between lines of metrics.
        clip_norm: the most that the gradient norm may be.
        warmup: fraction of the run over which the learning rate rises to its peak.
        schedule: what it does then: half a cosine to zero, or nothing.
    """

    steps: int
    seed: int = 0
    max_duration_s: float = math.inf
    accumulate: int = 1
    checkpoint_every: int = 500
    checkpoint_every_s: float = math.inf
    validate_every: int = 0
    log_every: int = 20
    clip_norm: float = 1.0
    warmup: float = 0.01
    schedule: Literal["cosine", "constant"] = "cosine"


class Task(ABC):
    """What is trained. `setup` is called once, after seeding, before anything else."""

    model: nn.Module
    optimiser: torch.optim.Optimizer

    @abstractmethod
    def setup(self, place: Place) -> None:
        """Builds `model` and `optimiser`; every rank must build the same."""

    @abstractmethod
    def batch(self, step: int, micro_step: int, place: Place) -> Any:
        """The batch of one micro-step: a pure function of its arguments and the task's seed."""

    @abstractmethod
    def loss(self, batch: Any, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The loss (a scalar) and numbers to track; `progress` runs from 0 to 1 over the training."""

    def before_step(self, step: int) -> None:  # noqa: B027 (most tasks need nothing here)
        """Called before each step on every rank (data-dependent initialisation, schedules)."""

    def validate(self) -> dict[str, float]:
        """Numbers on held-out data; none by default."""
        return {}


def learning_rate_factor(progress: float, warmup: float, schedule: Literal["cosine", "constant"] = "cosine") -> float:
    """Linear rise over `warmup`, then half a cosine to zero, or 1 if constant; 0 to 1.

    Source: Loshchilov and Hutter, SGDR (2017), without restarts.
    """
    if progress < warmup:
        return progress / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / max(1e-9, 1 - warmup))))


def fit(task: Task, settings: LoopSettings, folder: Path, trackers: Trackers) -> dict[str, float]:
    """Trains `task`, resuming from the newest checkpoint in `folder` if there is one.

    Args:
        task: what is trained; afterwards `task.model` holds the result.
        settings: how long and how often.
        folder: for checkpoints.
        trackers: where numbers go (used on rank 0 only).

    Returns:
        The last numbers: `step`, `done` (1.0 if the run reached its end, 0.0 if it was interrupted), training and
        validation numbers.

    Raises:
        SoundwrightError: the loss is not finite.
        BadInput: the checkpoint does not belong to this model.
    """
    place = Place.current()
    torch.manual_seed(settings.seed)
    task.setup(place)
    peaks = [float(group["lr"]) for group in task.optimiser.param_groups]
    step, elapsed_s = _resume(task, folder, place)
    last: dict[str, float] = {}
    saved = time.monotonic()
    with catch_interrupts() as interrupt:
        while True:
            progress = max(step / settings.steps, elapsed_s / settings.max_duration_s)
            progress, stopped = agree(progress, interrupt.requested, place)
            if progress >= 1 or stopped:
                break
            began = time.perf_counter()
            for group, peak in zip(task.optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * learning_rate_factor(progress, settings.warmup, settings.schedule)
            task.before_step(step)
            numbers = train_step(task, settings, step, progress, place)
            step += 1
            elapsed_s += time.perf_counter() - began
            if settings.validate_every and step % settings.validate_every == 0:
                numbers |= {f"valid/{name}": value for name, value in task.validate().items()}
            if place.rank == 0 and (step % settings.log_every == 0 or any(n.startswith("valid/") for n in numbers)):
                last |= numbers
                trackers.log(
                    step,
                    numbers
                    | {
                        "learning_rate": task.optimiser.param_groups[0]["lr"],
                        "elapsed_s": elapsed_s,
                        "progress": min(1.0, max(step / settings.steps, elapsed_s / settings.max_duration_s)),
                    },
                )
            late = place.world_size == 1 and time.monotonic() - saved >= settings.checkpoint_every_s
            if step % settings.checkpoint_every == 0 or late:
                _save(task, folder, step, elapsed_s, place)
                saved = time.monotonic()
    _save(task, folder, step, elapsed_s, place)
    return last | {"step": float(step), "done": float(progress >= 1), "elapsed_s": elapsed_s}


def train_step(task: Task, settings: LoopSettings, step: int, progress: float, place: Place) -> dict[str, float]:
    """One optimiser step over all micro-batches and ranks; returns its numbers, among them `loss`, `gradient_norm`."""
    task.model.train()
    task.optimiser.zero_grad(set_to_none=True)
    total: dict[str, float] = {}
    for micro_step in range(settings.accumulate):
        loss, numbers = task.loss(task.batch(step, micro_step, place), progress)
        if not torch.isfinite(loss):
            raise SoundwrightError(f"the loss is {loss.item()} at step {step}", remedy="lower the learning rate")
        (loss / settings.accumulate).backward()  # type: ignore[no-untyped-call]
        for name, value in {"loss": float(loss.detach()), **numbers}.items():
            total[name] = total.get(name, 0.0) + value / settings.accumulate
    parameters = [p for p in task.model.parameters() if p.grad is not None]
    average_gradients(parameters, place)
    total["gradient_norm"] = float(nn.utils.clip_grad_norm_(parameters, settings.clip_norm))
    task.optimiser.step()
    return total


def _save(task: Task, folder: Path, step: int, elapsed_s: float, place: Place) -> None:
    """Rank 0 writes the one checkpoint; it holds the random states of every rank."""
    states: list[Any] = [random_states()]
    if place.world_size > 1:
        states = [None] * place.world_size
        dist.all_gather_object(states, random_states())
    if place.rank == 0:
        save_checkpoint(
            folder,
            step,
            {
                "model": task.model.state_dict(),
                "optimiser": task.optimiser.state_dict(),
                "random": states,
                "elapsed_s": elapsed_s,
            },
        )
    place.wait()


def _resume(task: Task, folder: Path, place: Place) -> tuple[int, float]:
    path = latest_checkpoint(folder)
    if path is None:
        return 0, 0.0
    state = load_checkpoint(path)
    try:
        task.model.load_state_dict(state["model"])
        task.optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise BadInput(
            "the checkpoint belongs to a model of another shape",
            path=path,
            remedy="use the old settings, or a new output folder",
        ) from error
    if place.rank < len(state["random"]):
        set_random_states(state["random"][place.rank])
    return int(state["step"]), float(state["elapsed_s"])
