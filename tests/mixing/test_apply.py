"""`mix apply`: exactly these steps, the same as `mix fix`, and one line for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soundwright.cli.root import run
from soundwright.core.errors import BadInput, UsageError
from soundwright.mixing.apply import apply
from soundwright.mixing.fix import fix

TEXT = "drums: change_volume(db=-6.0) apply_pan(balance=0.2)\nbass: apply_reverb()\n"
STEP: dict[str, Any] = {"number": 1, "stem": "drums", "tool": "change_volume", "arguments": {"db": -3.0}}

Says = Callable[[str], list[dict[str, Any]]]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".soundwright" not in path.parts
    }


def write_steps(path: Path, *steps: dict[str, Any], **more: Any) -> Path:
    path.write_text(json.dumps({"schema_version": 1, "steps": list(steps), **more}))
    return path


def test_the_same_files_as_fix(stems: Path, tmp_path: Path, says: Says) -> None:
    says(TEXT)
    fix([stems], output=tmp_path / "fixed", refuse=[2], loudness=-18, prompt="x")
    applied = apply(tmp_path / "fixed/steps.json", [stems], output=tmp_path / "applied")
    assert contents(tmp_path / "applied") == contents(tmp_path / "fixed")
    assert applied.exit_code == 0
    assert applied.notes == ()


def test_text_gives_the_same_sound(stems: Path, tmp_path: Path, says: Says) -> None:
    says(TEXT)
    fix([stems], output=tmp_path / "fixed")
    apply(tmp_path / "fixed/instructions.txt", [stems], output=tmp_path / "applied")
    one, other = contents(tmp_path / "fixed"), contents(tmp_path / "applied")
    different = {name for name in one if one[name] != other[name]}
    assert different == {"steps.json", "report.html"}


def test_steps_changed_by_hand_say_what_they_do_and_are_no_longer_sure(stems: Path, tmp_path: Path, says: Says) -> None:
    says(TEXT)
    fix([stems], output=tmp_path / "fixed")
    before = json.loads((tmp_path / "fixed/steps.json").read_text())
    assert [step["confidence"] for step in before["steps"]] == [0.9] * 3
    edited = json.loads(json.dumps(before))
    edited["steps"][0]["arguments"]["db"] = 2.0
    edited["steps"][2]["note"] = ""
    (tmp_path / "edited.json").write_text(json.dumps(edited))
    volume, pan, reverb = apply(tmp_path / "edited.json", [stems], output=tmp_path / "one").steps.steps
    assert (volume.note, volume.confidence) == ("louder by 2 dB; changed by hand", None)
    assert (pan.note, pan.confidence) == (before["steps"][1]["note"], 0.9)
    assert reverb.note == before["steps"][2]["note"].partition("; ")[0] != ""
    again = apply(tmp_path / "one/steps.json", [stems], output=tmp_path / "two").steps.steps
    assert again == [volume, pan, reverb]


def test_steps_of_a_text_say_what_they_do(stems: Path, tmp_path: Path) -> None:
    (tmp_path / "i.txt").write_text(TEXT)
    mixed = apply(tmp_path / "i.txt", [stems], output=tmp_path / "out")
    assert [step.note for step in mixed.steps.steps][:2] == [
        "softer by 6 dB",
        "to the right: 3.6 dB between the channels",
    ]
    assert {step.confidence for step in mixed.steps.steps} == {None}


def test_a_refused_step_may_be_of_a_tool_that_nobody_knows(stems: Path, tmp_path: Path) -> None:
    steps = write_steps(tmp_path / "steps.json", STEP | {"tool": "f", "note": "mine", "refused": True})
    [step] = apply(steps, [stems], output=tmp_path / "out").steps.steps
    assert step.note == "mine"


def test_the_example_of_the_document(stems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "i.txt").write_text(
        "change_volume(db=-3.0) apply_eq(low_gain=2.0, mid_gain=-1.0, high_gain=1.5) apply_reverb()\n"
    )
    code = run(["mix", "apply", f"{tmp_path}/i.txt", f"{stems}/vocals.wav", "--output", f"{tmp_path}/out"])
    assert code == 0
    assert "mix apply: 3 steps" in capsys.readouterr().out
    with pytest.raises(BadInput, match=r"i\.txt: line 1, column 1: these calls say no stem, and there are 4"):
        apply(tmp_path / "i.txt", [stems], output=tmp_path / "out2")
    assert not (tmp_path / "out2").exists()


def test_a_step_can_be_refused_and_the_loudness_chosen(stems: Path, tmp_path: Path) -> None:
    (tmp_path / "i.txt").write_text(TEXT)
    mixed = apply(tmp_path / "i.txt", [stems], output=tmp_path / "out", refuse=[1, 2], loudness=-20)
    assert [step.refused for step in mixed.steps.steps] == [True, True, False]
    assert (tmp_path / "out/stems/drums.wav").read_bytes() == (stems / "drums.wav").read_bytes()
    assert mixed.rendered is not None
    assert mixed.rendered.mix.loudness_lufs == pytest.approx(-20, abs=0.1)


def test_stems_that_changed_are_told(stems: Path, tmp_path: Path, says: Says, write: Callable[..., Path]) -> None:
    says(TEXT)
    fix([stems], output=tmp_path / "fixed")
    write(stems / "drums.wav", 0.1 * np.ones((2, 2 * 44_100)), 44_100)
    (stems / "vocals.wav").unlink()
    write(stems / "new.wav", 0.1 * np.ones((2, 22_050)), 22_050)
    mixed = apply(tmp_path / "fixed/steps.json", [stems], output=tmp_path / "applied")
    told = set(mixed.notes)
    assert {
        "drums: has changed since the steps were made",
        "vocals: the steps were made with this stem, and it is not in the mix",
        "new: the steps were made without this stem",
        "the steps were made at 22050 Hz, and are carried out at 44100",
    } <= told


@pytest.mark.parametrize(
    ("step", "code", "told"),
    [
        ({"tool": "aply_eq"}, 1, "steps.json: step 1: there is no tool 'aply_eq' -> did you mean apply_eq?"),
        ({"stem": "drumz", "number": 7}, 1, "steps.json: step 7: there is no stem 'drumz' -> did you mean drums?"),
        ({"stem": "d\n\x1b[31m"}, 1, "there is no stem"),
        ({"arguments": {"dB": 1.0}}, 1, "there is no argument of change_volume 'dB' -> did you mean db?"),
        ({"arguments": {"db": 99.0}}, 1, "steps.json: step 1: change_volume(db=99): expected -24 to 24"),
        ({"arguments": {"db": "-3"}}, 1, "is no steps.json: steps.0.arguments.db: expected a number, found '-3'"),
        ({"number": 0}, 1, "steps.0.number: expected a number of at least 1, found 0"),
        ({"refusd": True}, 1, "steps.0.refusd: there is no such key"),
        ({"tool": "__import__('os')"}, 1, "is no steps.json"),
    ],
)
def test_steps_that_cannot_be_are_one_line(
    stems: Path, tmp_path: Path, step: dict[str, Any], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = write_steps(tmp_path / "steps.json", STEP | step)
    assert run(["mix", "apply", str(steps), str(stems), "--output", str(tmp_path / "out")]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert told in err
    assert err.removesuffix("\n").isprintable()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"drums: change_volume(db=nan)", "line 1, column 25: expected a decimal number"),
        (b"drums: __import__('os').system('x')", "line 1, column 19"),
        (b"\xff\xfe", "is no text"),
        (b"x" * 4_000_001, "is too large"),
        (b"a: f()\n" * 2, "line 2, column 1: expected one line for each stem"),
    ],
)
def test_hostile_text_is_one_line(stems: Path, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "i.txt").write_bytes(content)
    with pytest.raises(BadInput, match=r"i\.txt: ") as raised:
        apply(tmp_path / "i.txt", [stems], output=tmp_path / "out")
    assert told in str(raised.value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300
    assert not (tmp_path / "out").exists()


def test_a_tool_that_stands_twice_in_a_text_is_told_by_line_and_column(stems: Path, tmp_path: Path) -> None:
    (tmp_path / "i.txt").write_text("bass: apply_reverb()\ndrums: apply_pan(balance=1) apply_pan(balance=0)\n")
    with pytest.raises(BadInput, match=r"i\.txt: line 2, column 29: apply_pan stands twice for one stem"):
        apply(tmp_path / "i.txt", [stems], output=tmp_path / "out")


def test_a_loudness_of_the_file_is_not_called_an_option(stems: Path, tmp_path: Path) -> None:
    steps = write_steps(tmp_path / "steps.json", STEP, loudness_lufs=3.0)
    with pytest.raises(BadInput, match=r"steps\.json: loudness_lufs 3 is not between"):
        apply(steps, [stems], output=tmp_path / "out")
    with pytest.raises(UsageError, match=r"^--loudness 3 is not between"):
        apply(steps, [stems], output=tmp_path / "out", loudness=3.0)


def test_steps_that_are_not_there(stems: Path, tmp_path: Path) -> None:
    for name in ("no.json", "no.txt"):
        with pytest.raises(UsageError, match="does not exist"):
            apply(tmp_path / name, [stems], output=tmp_path / "out")


def test_files_of_others_and_the_steps_themselves_stay(stems: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    steps = write_steps(tmp_path / "out/steps.json", STEP)
    before = contents(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="would be written over, and is an input"):
            apply(steps, [stems], output=tmp_path / "out", overwrite=overwrite)
    assert contents(tmp_path) == before
