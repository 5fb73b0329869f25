"""What the tests of `mix fix` have in common: what the mixer is made to say, and what lies in the folder afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from soundwright.cli.root import run

RATE = 22_050
FAULTS = "drums: change_volume(db=-6.0)\nbass: apply_eq(low_gain=-3.0, mid_gain=0.0, high_gain=2.0)\n"
ALWAYS = {
    "instructions.txt", "steps.json", "mix.wav", "report.html", "session.rpp", "listen/before.wav", "listen/after.wav",
}  # fmt: skip

Write = Callable[..., Path]
Says = Callable[[str], list[dict[str, Any]]]


def files(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(".soundwright/")}


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = run([str(word) for word in words])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err
