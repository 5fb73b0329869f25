"""`steps.json`: what is written reads back, and what is none is refused on one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from soundwright.core.errors import BadInput
from soundwright.formats.instructions import Call, parse
from soundwright.formats.mixing_steps import Step, Steps, number_steps, read_steps, write_steps

STEP: dict[str, Any] = {"number": 1, "stem": "drums", "tool": "change_volume", "arguments": {"db": -3.0}}


def test_instructions_become_numbered_steps_and_come_back(tmp_path: Path) -> None:
    instructions = parse("drums: change_volume(db=-3.0) apply_reverb()\nbass: apply_pan(balance=0.2)")
    write_steps(tmp_path / "steps.json", number_steps(instructions, notes=["too much reverb on vocals"]))
    steps = read_steps(tmp_path / "steps.json")
    assert [step.number for step in steps.steps] == [1, 2, 3]
    assert steps.notes == ["too much reverb on vocals"]
    assert steps.instructions() == instructions
    assert json.loads((tmp_path / "steps.json").read_text())["schema_version"] == 1


def test_steps_are_refused_by_number() -> None:
    steps = Steps(steps=[Step(**STEP), Step(**STEP | {"number": 3, "tool": "apply_reverb", "arguments": {}})])
    assert steps.instructions(without=[1]) == {"drums": (Call("apply_reverb"),)}
    assert steps.instructions(without=[1, 3]) == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[" * 100_000, "is no JSON: nested too deep"),
        (b"[]", "is no steps.json"),
        (b'{"schema_version": 2, "steps": []}', "schema_version"),
        (b'{"steps": 3}', "steps: "),
        (b'{"steps": [], "more": 1}', "more: "),
        (b" " * 10_000_001, "too large"),
    ],
)
def test_what_is_no_steps_json_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "steps.json").write_bytes(content)
    with pytest.raises(BadInput, match=told) as raised:
        read_steps(tmp_path / "steps.json")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"number": 0}, "steps.0.number"),
        ({"number": True}, "steps.0.number"),
        ({"arguments": {"db": "3"}}, "steps.0.arguments.db"),
        ({"arguments": {"db": float("nan")}}, "steps.0.arguments.db"),
        ({"arguments": {"d b": 3.0}}, "steps.0.arguments"),
        ({"tool": "f(); g"}, "steps.0.tool"),
        ({"stem": None}, "steps.0.stem"),
        ({"stem": "x" * 256}, "steps.0.stem"),
        ({"confidence": 1.5}, "steps.0.confidence"),
    ],
)
def test_a_step_with_a_wrong_value_is_refused(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    (tmp_path / "steps.json").write_text(json.dumps({"schema_version": 1, "steps": [STEP | change]}))
    with pytest.raises(BadInput, match=told) as raised:
        read_steps(tmp_path / "steps.json")
    assert str(raised.value).isprintable()


def test_numbers_rise(tmp_path: Path) -> None:
    (tmp_path / "steps.json").write_text(json.dumps({"steps": [STEP, STEP]}))
    with pytest.raises(BadInput, match="numbers of the steps to rise"):
        read_steps(tmp_path / "steps.json")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_steps(tmp_path / "steps.json")
