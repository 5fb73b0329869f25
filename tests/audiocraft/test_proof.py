"""What proves that a run did what it was to do, on what a real AudioCraft left behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from played_audiocraft import SETTINGS

from soundwright.audiocraft.experiment import list_experiments
from soundwright.audiocraft.proof import NOTHING, Before, before_run, prove
from soundwright.audiocraft.signature import Plan


def plan_of(folder: Path, num_epochs: int, **every: int | None) -> Plan:
    settings = {**SETTINGS, "optim.epochs": num_epochs, **{f"{stage}.every": n for stage, n in every.items()}}
    return Plan(folder.name, folder, settings)


def wrong(plan: Plan, before: Before = NOTHING, exit_code: int = 0) -> list[str]:
    return [check.text for check in prove(plan, before, exit_code) if not check.holds]


@pytest.fixture
def left(recorded: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of what was recorded, to damage."""

    def copy(name: str) -> Path:
        (folder,) = list_experiments(recorded / name)
        return Path(shutil.copytree(folder, tmp_path / name / "xps" / folder.name))

    return copy


def rewrite(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    history = json.loads((folder / "history.json").read_text())
    change(history)
    (folder / "history.json").write_text(json.dumps(history))


def test_a_finished_run_is_proven(left: Callable[[str], Path]) -> None:
    checks = list(prove(plan_of(left("finished"), 2), NOTHING, 0))
    assert [check.text for check in checks] == [
        "exit code 0",
        "history.json has 2 of 2 epochs, 0 before",
        "every epoch has the stages that were due",
        "38 finite metrics",
        "checkpoint.th is new",
    ]
    assert all(check.holds for check in checks)


def test_a_resumed_run_is_proven_against_what_stood_there(left: Callable[[str], Path]) -> None:
    killed = left("killed")
    os.utime(killed / "checkpoint.th", ns=(1, 1))
    before = before_run(killed)
    assert before == Before(num_epochs=1, was_finished=False, checkpoint_ns=1)
    assert wrong(plan_of(left("resumed"), 3), before) == []


def test_a_killed_run_is_not(left: Callable[[str], Path]) -> None:
    assert wrong(plan_of(left("killed"), 3), exit_code=-9) == [
        "exit code -9",
        "history.json has 1 of 3 epochs, 0 before",
    ]


def test_a_crashed_run_leaves_a_folder_and_proves_nothing(left: Callable[[str], Path]) -> None:
    assert wrong(plan_of(left("crashed"), 2), exit_code=1) == [
        "exit code 1",
        "history.json has 0 of 2 epochs, 0 before",
    ]


def test_no_folder_proves_nothing(tmp_path: Path) -> None:
    assert wrong(plan_of(tmp_path / "xps/0", 1)) == ["the experiment has no folder"]
    assert before_run(tmp_path / "xps/0") == NOTHING


def test_the_exit_code_alone_spoils_it(left: Callable[[str], Path]) -> None:
    assert wrong(plan_of(left("finished"), 2), exit_code=1) == ["exit code 1"]


def test_an_older_checkpoint_is_none_of_this_run(left: Callable[[str], Path]) -> None:
    folder = left("resumed")
    before = Before(1, False, (folder / "checkpoint.th").stat().st_mtime_ns)
    assert wrong(plan_of(folder, 3), before) == ["checkpoint.th is older than this run"]


def test_a_history_that_did_not_grow_is_none_of_this_run(left: Callable[[str], Path]) -> None:
    folder = left("resumed")
    assert wrong(plan_of(folder, 3), Before(3, False, 0)) == ["history.json has 3 of 3 epochs, 3 before"]


def test_a_history_that_is_too_short_or_too_long_is_not_what_was_asked(left: Callable[[str], Path]) -> None:
    folder = left("resumed")
    assert wrong(plan_of(folder, 4)) == ["history.json has 3 of 4 epochs, 0 before"]
    assert wrong(plan_of(folder, 2)) == ["history.json has 3 of 2 epochs, 0 before"]


def test_what_was_finished_before_stays_as_it_was(left: Callable[[str], Path]) -> None:
    folder = left("finished")
    before = before_run(folder)
    assert before.was_finished
    checks = list(prove(plan_of(folder, 2), before, 0))
    assert all(check.holds for check in checks)
    assert "history.json has 2 of 2 epochs, as before: the experiment was finished" in [check.text for check in checks]
    rewrite(folder, lambda history: history.pop())
    os.utime(folder / "checkpoint.th", ns=(1, 1))
    assert wrong(plan_of(folder, 2), before) == [
        "history.json has 1 of 2 epochs, as before: the experiment was finished",
        "checkpoint.th is not as before: something was trained",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "0.2"])
def test_a_metric_that_is_no_number_is_named(left: Callable[[str], Path], value: object) -> None:
    folder = left("finished")
    rewrite(folder, lambda history: history[1]["valid"].update(l1=value))
    assert wrong(plan_of(folder, 2)) == ["not finite: epoch 2: valid.l1"]


@pytest.mark.parametrize("stage", ["train", "valid", "evaluate", "generate"])
def test_a_stage_that_was_due_is_missed(left: Callable[[str], Path], stage: str) -> None:
    folder = left("finished")
    rewrite(folder, lambda history: history[0].pop(stage))
    assert wrong(plan_of(folder, 2)) == [f"lacks {stage} in epoch 1"]
    rewrite(folder, lambda history: history[0].update({stage: {}}))
    assert wrong(plan_of(folder, 2)) == [f"lacks {stage} in epoch 1"], "an empty one is none"


def test_evaluation_is_due_every_few_epochs_and_in_the_last(left: Callable[[str], Path]) -> None:
    folder = left("resumed")
    plan = plan_of(folder, 3, evaluate=2, generate=None)
    assert [plan.stages_of(epoch)[2:] for epoch in (1, 2, 3)] == [[], ["evaluate"], ["evaluate", "generate"]]
    rewrite(
        folder, lambda history: [history[0].pop("evaluate"), history[0].pop("generate"), history[1].pop("generate")]
    )
    assert wrong(plan) == []
    rewrite(folder, lambda history: history[2].pop("generate"))
    assert wrong(plan) == ["lacks generate in epoch 3"]


def test_epochs_from_before_are_not_asked_for_todays_stages(left: Callable[[str], Path]) -> None:
    folder = left("resumed")
    rewrite(folder, lambda history: history[0].pop("generate"))
    assert wrong(plan_of(folder, 3), Before(1, False, 1)) == []


def test_a_damaged_history_is_a_point_of_the_proof(left: Callable[[str], Path]) -> None:
    folder = left("finished")
    (folder / "history.json").write_text("[{")
    (told,) = wrong(plan_of(folder, 2))
    assert f"{folder}/history.json: cannot be read" in told
