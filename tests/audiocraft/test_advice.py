"""What a user is told before a run: each line exactly when it is due."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from played_audiocraft import SETTINGS

from soundwright.audiocraft.advice import advice
from soundwright.audiocraft.proof import NOTHING, Before
from soundwright.audiocraft.signature import Plan
from soundwright.formats.file_lists import SoundFile, write_sound_files

FINE = {"sample_rate": 32000, "dataset.segment_duration": 5}


def told(changes: dict[str, Any], before: Before = NOTHING, clear: bool = False) -> list[str]:
    """All but the first line, which is always there."""
    plan = Plan("0a1b2c3d", Path("xps/0a1b2c3d"), {**SETTINGS, **FINE, **changes})
    first, *rest = advice(plan, before, clear)
    assert first.startswith("experiment 0a1b2c3d: 2 epochs of 50 updates, batches of 8 x ")
    return rest


@pytest.fixture
def train(tmp_path: Path) -> str:
    """Ten seconds at 32 kHz."""
    files = [SoundFile(tmp_path / f"{i}.wav", 10.0, 32000, 1) for i in range(3)]
    write_sound_files(tmp_path / "data.jsonl", files)
    return str(tmp_path)


def test_nothing_is_said_where_nothing_is_to_be_said(train: str) -> None:
    assert told({"datasource.train": train, "dataset.min_segment_ratio": 0.5}) == []


def test_the_first_line_is_the_run() -> None:
    plan = Plan("0a1b2c3d", Path("x"), SETTINGS)
    (line,) = advice(plan, NOTHING, clear=False)
    assert line == "experiment 0a1b2c3d: 2 epochs of 50 updates, batches of 8 x 1 s at 16000 Hz on cuda"


def test_what_stands_there_already() -> None:
    finished, half = Before(2, True, 1), Before(1, False, 1)
    assert told({}, half) == ["it goes on after epoch 1"]
    (line,) = told({}, finished)
    assert line.startswith("it is finished: dora shows it again and trains nothing -> ")
    assert told({}, NOTHING, clear=True) == ["what it had so far is thrown away"]


def test_a_lower_rate_than_the_files_have(train: str) -> None:
    (line,) = told({"datasource.train": train, "sample_rate": 16000})
    assert line == "the files have 32000 Hz and are trained on at 16000 Hz -> give sample_rate=32000"
    assert told({"datasource.train": train, "sample_rate": 48000}) == []


def test_segments_as_long_as_the_files(train: str) -> None:
    long = {"datasource.train": train, "dataset.segment_duration": 10}
    (line,) = told({**long, "dataset.min_segment_ratio": 0.5})
    assert line == (
        "files are as short as a segment (10 s): up to 50% of a segment will be silence "
        "-> give dataset.min_segment_ratio=1.0"
    )
    assert told({**long, "dataset.min_segment_ratio": 1.0}) == []
    assert told({**long, "dataset.min_segment_ratio": None}) == []
    assert told({**long, "dataset.segment_duration": None, "dataset.min_segment_ratio": 0.5}) == []


def test_a_long_evaluation() -> None:
    (line,) = told({"dataset.segment_duration": 10, "dataset.evaluate.num_samples": 10000})
    assert line == "every evaluation listens to 27.8 hours of audio -> give dataset.evaluate.num_samples=30"
    assert told({"dataset.segment_duration": 10, "dataset.evaluate.num_samples": 360}) == []
    assert told({"dataset.evaluate.num_samples": None}) == []


@pytest.mark.parametrize("source", [None, "", "/nowhere/at/all"])
def test_no_list_is_no_reason_to_stop(source: str | None) -> None:
    assert told({"datasource.train": source}) == []


def test_a_damaged_list_is_told_and_the_rest_goes_on(train: str) -> None:
    Path(train, "data.jsonl").write_text('{"path": "/a.wav"}\n')
    line, other = told({"datasource.train": train, "dataset.evaluate.num_samples": 10000})
    assert line.startswith(f"the list of training files: {train}/data.jsonl: line 1: expected a duration")
    assert "every evaluation" in other
