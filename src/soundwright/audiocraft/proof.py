"""Whether a run did what it was to do. That a folder was made, or that a loss was printed, does not prove it.

Proof is: exit code 0; a history with as many epochs as asked for, longer than before; every stage that was due in every
one of them, with finite numbers; weights that are newer than the start. For an experiment that was finished before,
dora replays its metrics and trains nothing: then nothing may have changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soundwright.audiocraft.experiment import Experiment, non_finite, read_experiment
from soundwright.audiocraft.signature import Plan
from soundwright.core.errors import BadInput


@dataclass(frozen=True)
class Before:
    """What stood in the experiment's folder before a run.

    Attributes:
        num_epochs: finished ones.
        was_finished: nothing was left to train.
        checkpoint_ns: modification time of the weights; 0 without any.
    """

    num_epochs: int
    was_finished: bool
    checkpoint_ns: int


#: Before the first run.
NOTHING = Before(0, False, 0)


@dataclass(frozen=True)
class Check:
    """One point of the proof."""

    holds: bool
    text: str


def before_run(folder: Path, clear: bool = False) -> Before:
    """Remembers what stands in an experiment's folder, which may not exist yet.

    Args:
        folder: of the experiment.
        clear: it is to be thrown away. Where dora fails to, it only says so and goes on: the age of the weights tells.
    """
    if not folder.is_dir():
        return NOTHING
    if clear:
        return Before(0, False, _modified(folder / "checkpoint.th"))
    experiment = read_experiment(folder)
    return Before(len(experiment.history), experiment.is_finished, _modified(experiment.checkpoint))


def prove(plan: Plan, before: Before, exit_code: int) -> Iterator[Check]:
    """Looks at what a run left behind.

    Args:
        plan: what was to be run.
        before: what stood there.
        exit_code: of the process.
    """
    yield Check(exit_code == 0, f"exit code {exit_code}")
    if not plan.folder.is_dir():
        yield Check(False, "the experiment has no folder")
        return
    try:
        experiment = read_experiment(plan.folder)
    except BadInput as error:
        yield Check(False, str(error))
        return
    yield _grown(experiment, plan, before)
    if not experiment.history:  # of nothing there is no more to say
        return
    yield _stages(experiment, plan, before)
    broken = [f"epoch {n}: {name}" for n, epoch in enumerate(experiment.history, 1) for name in non_finite(epoch)]
    count = sum(len(metrics) for epoch in experiment.history for metrics in epoch.values())
    yield Check(
        not broken and count > 0, f"not finite: {', '.join(broken[:5])}" if broken else f"{count} finite metrics"
    )
    yield _weights(experiment, before)


def _grown(experiment: Experiment, plan: Plan, before: Before) -> Check:
    done = len(experiment.history)
    text = f"history.json has {done} of {plan.num_epochs} epochs"
    if before.was_finished:
        return Check(done == before.num_epochs, f"{text}, as before: the experiment was finished")
    return Check(done == plan.num_epochs and done > before.num_epochs, f"{text}, {before.num_epochs} before")


def _stages(experiment: Experiment, plan: Plan, before: Before) -> Check:
    # Of the epochs of this run: how often to evaluate or generate may have been another setting before.
    missing = [
        f"{stage} in epoch {number}"
        for number, epoch in enumerate(experiment.history, start=1)
        for stage in plan.stages_of(number)
        if number > before.num_epochs and not epoch.get(stage)
    ]
    if missing:
        return Check(False, f"lacks {', '.join(missing[:5])}")
    return Check(True, "every epoch has the stages that were due")


def _weights(experiment: Experiment, before: Before) -> Check:
    modified = _modified(experiment.checkpoint)
    if before.was_finished:
        same = modified == before.checkpoint_ns
        return Check(same, f"checkpoint.th is {'as before' if same else 'not as before: something was trained'}")
    if not modified:
        return Check(False, "checkpoint.th is not there")
    new = modified > before.checkpoint_ns
    return Check(new, f"checkpoint.th is {'new' if new else 'older than this run'}")


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
