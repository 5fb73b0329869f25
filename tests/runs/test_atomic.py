from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from soundwright.runs import atomic


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep/a.json"
    atomic.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        atomic.write_json(path, {"a": float("nan")})

    def fails_half_way() -> None:
        with atomic.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_half_way()
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert list(path.parent.iterdir()) == [path]


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from soundwright.runs import atomic\n"
        "with atomic.atomic_path(Path(sys.argv[1])) as t: t.write_text('half'); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.wav")], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with atomic.atomic_path(tmp_path / "b.wav") as mine:
        mine.write_text("whole")
        assert atomic.remove_leftovers(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["b.wav"]


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".wav")
    atomic.write_bytes(path, b"1")
    assert path.read_bytes() == b"1"
