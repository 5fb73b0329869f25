"""Tracking observes: it never stops a training, and resumed steps stand once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from soundwright.runs.events import Note
from soundwright.training import tracking
from soundwright.training.tracking import ConsoleTracker, JsonlTracker, Trackers


class Broken:
    def __init__(self, fail_at: int) -> None:
        self.fail_at, self.calls = fail_at, 0

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self.calls += 1
        if step >= self.fail_at:
            raise ConnectionError("no network")

    def close(self) -> None:
        raise AssertionError("a tracker that failed is not closed again")


def test_a_failing_tracker_is_told_once_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = Broken(fail_at=2)
    trackers = Trackers([broken, JsonlTracker(tmp_path / "m.jsonl")])
    for step in range(5):
        trackers.log(step, {"loss": 1.0})
    trackers.close()
    assert broken.calls == 3
    told = capsys.readouterr().err
    assert told.count("Broken") == 1
    assert "step 2" in told
    assert len((tmp_path / "m.jsonl").read_text().splitlines()) == 5


def test_each_number_of_a_line_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Note] = []
    monkeypatch.setattr(tracking, "emit", told.append)
    ConsoleTracker().log(1, {"loss": 2.0, "valid/loss": 3.0, "progress": 0.25})
    assert told == [Note("step 1 (25.0 %): loss 2.000, validation loss 3.000")]


def test_resuming_drops_later_and_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    tracker = JsonlTracker(path)
    for step in (1, 2, 3):
        tracker.log(step, {"loss": step})
    tracker.close()
    path.write_text(path.read_text() + '{"step": 4, "lo')
    resumed = JsonlTracker(path, resume_step=2)
    resumed.log(3, {"loss": 30})
    resumed.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["step"], row["loss"]) for row in rows] == [(1, 1), (2, 2), (3, 30)]
