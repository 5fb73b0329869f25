"""docs/mixing.md: its example as written, with the mixer that is shipped, and its table beside that of the tools."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from soundwright.cli.root import run
from soundwright.formats.instructions import parse
from soundwright.formats.mixing_steps import read_steps
from soundwright.mixing.tools import TOOLS

PAGE = (Path(__file__).parents[2] / "docs/mixing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def test_the_example_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    told: list[str] = []
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, "docs/mixing.md", "exec"), {})
        for command in text.splitlines() if language == "bash" else []:
            plain = command.startswith("soundwright ")
            code = run(shlex.split(command)[1:]) if plain else subprocess.run(["bash", "-euc", command]).returncode
            out, err = capsys.readouterr()
            assert code == 0, f"{command}\n{out}\n{err}"
            told.append(out)
    steps = read_steps(tmp_path / "fixed/steps.json").instructions()
    (volume,) = (call for call in steps["drums"] if call.tool == "change_volume")
    assert volume.arguments["db"] == -9.0
    assert "nothing is written (--dry-run)" in told[0]
    (words,) = (out for out in told if "drums: change_volume(db=-2.0)" in out)
    assert "other: apply_reverb(amount=0.25)" in words
    assert (tmp_path / "fixed/report.html").is_file()
    assert parse((tmp_path / "mine/instructions.txt").read_text()) == parse((tmp_path / "mine.txt").read_text())


def test_the_table_of_the_page_is_that_of_the_tools() -> None:
    rows = []
    for tool in TOOLS.values():
        for place, p in enumerate(tool.parameters):
            name, doc = ("", "") if place else (f"`{tool.name}`", tool.doc)
            range_ = f"{p.low:g} to {p.high:g}, step {p.step:g}"
            rows.append(f"| {name} | {doc} | `{p.name}` | {p.doc} ({p.unit}) | {range_} | {p.default:g} |")
    assert "\n".join(rows) in PAGE


def test_the_lines_of_text_can_be_read() -> None:
    (text,) = (block for language, block in BLOCKS if language == "text")
    assert list(parse(text)) == ["drums", "Lead: take 2"]


def test_the_commands_that_train_have_options_that_there_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(
        tmp_path
    )  # there is no data: each command ends with one line that says so, and not with its usage
    (text,) = (block for language, block in BLOCKS if language == "sh")
    for command in text.splitlines():
        assert run(shlex.split(command)[1:]) in (1, 2)
        assert capsys.readouterr().err.startswith("error: ")
