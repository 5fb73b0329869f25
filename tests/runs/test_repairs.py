"""Defects that were found in the engine, each with what it did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from counting import Strict, Upper
from test_engine import outputs, start, upper, wait_for_work, worked_on

from soundwright.core.errors import BadInput
from soundwright.runs.discover import Found, find_files
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Item


def test_a_failed_redo_does_not_leave_the_old_output(texts: Path, tmp_path: Path) -> None:
    """The output of the earlier input stood there for the next step to use."""
    out = tmp_path / "out"
    upper(texts, out)
    (texts / "t0.txt").write_text("bad")
    assert upper(texts, out).exit_code == 1
    assert not (out / "t0.out").exists()
    (texts / "t0.txt").write_text("text 0")
    assert upper(texts, out).done == 1
    assert (out / "t0.out").read_text() == "TEXT 0!"


def test_a_failed_redo_leaves_what_the_user_put_in_the_outputs_place(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    upper(texts, out)
    (texts / "t0.txt").write_text("bad")
    (out / "t0.out").write_text("mine")
    assert upper(texts, out).exit_code == 1
    assert (out / "t0.out").read_text() == "mine"


def test_shards_do_not_bring_back_what_a_later_whole_run_replaced(texts: Path, tmp_path: Path) -> None:
    """`reduce` saw the older entries of the shards instead of this run's."""
    out = tmp_path / "out"
    for index in range(2):
        upper(texts, out, shard_index=index, shard_count=2)
    for path in texts.rglob("*.txt"):
        path.write_text(path.read_text() + " longer")
    upper(texts, out)
    assert all(row.endswith(("13", "17")) for row in (out / "table.txt").read_text().split("\n"))


def test_an_interrupted_overwrite_goes_on(texts: Path, tmp_path: Path) -> None:
    """Everything was done once more."""
    out = tmp_path / "out"
    upper(texts, out)
    count = [0]

    def enough() -> bool:
        count[0] += 1
        return count[0] > 3

    found = find_files(texts, ["txt"])
    first = run_step(Upper(out), found, out, RunOptions(workers=1), overwrite=True, cancel=enough)
    assert first.status == "cancelled"
    second = upper(texts, out, overwrite=True)
    assert (first.done + second.done, second.skipped) == (8, first.done)
    assert upper(texts, out, overwrite=True).done == 8


def test_leftovers_of_a_killed_shard_go(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    upper(texts, out, shard_index=0, shard_count=2)
    program = "import os, pathlib, sys; from soundwright.runs import atomic\n"
    program += "with atomic.atomic_path(pathlib.Path(sys.argv[1])) as t: t.write_text('half'); os._exit(1)"
    subprocess.run(["python", "-c", program, str(out / "a.out")], check=False)
    upper(texts, out, shard_index=0, shard_count=2)
    assert not list(out.rglob("*.tmp*"))


def test_an_unreadable_folder_does_not_hide_an_interruption(texts: Path, tmp_path: Path) -> None:
    found = find_files(texts, ["txt"])
    found.problems.append(BadInput("cannot be read", path="locked"))
    count = [0]

    def before_the_last() -> bool:
        count[0] += 1
        return count[0] > len(found.items) - 1

    out = tmp_path / "out"
    summary = run_step(Upper(out), found, out, RunOptions(workers=1), cancel=before_the_last)
    assert summary.status == "cancelled"
    assert not (out / "table.txt").exists()


def test_one_file_of_the_same_name_does_not_take_anothers_output(texts: Path, tmp_path: Path) -> None:
    """Encoding x/s.wav and then y/s.wav, each alone, replaced the tokens of the first without a word."""
    out = tmp_path / "out"

    def one(path: Path) -> int:
        found = Found([Item(path.name, (path,))], partial=True)
        return run_step(Upper(out), found, out, RunOptions(workers=1)).exit_code

    assert one(texts / "t0.txt") == 0
    assert one(texts / "t0.txt") == 0
    assert one(texts / "t1.txt") == 0
    assert one(texts / "sub/t0.txt") == 1
    assert (out / "t0.out").read_text() == "TEXT 0!"


def test_a_ledger_line_of_another_release_is_passed_over(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    upper(texts, out, step=Strict)
    ledger = out / ".soundwright/strict/done.jsonl"
    ledger.write_text(ledger.read_text() + json.dumps({"key": "t0.txt", "other": 1}) + "\n[1]\n")
    assert upper(texts, out, step=Strict).skipped == 8


def test_a_signal_to_the_whole_group_lets_workers_finish(texts: Path, tmp_path: Path) -> None:
    """`timeout` sends SIGTERM to all; the workers died over their items."""
    process = start(tmp_path, texts, workers=2)
    wait_for_work(tmp_path, 2)
    os.killpg(process.pid, signal.SIGTERM)
    _, told = process.communicate()
    assert process.returncode == 130
    assert "died" not in told
    begun = worked_on(tmp_path / "out")
    assert len(begun) == len(list((tmp_path / "out").rglob("*.out"))) < 8


def test_a_link_to_itself_and_a_pipe_are_said(texts: Path, tmp_path: Path) -> None:
    """The one ended the run with a traceback, the other hung it."""
    (texts / "self.txt").symlink_to("self.txt")
    os.mkfifo(texts / "pipe.txt")
    found = find_files(texts, ["txt"])
    assert any("no regular file" in note for note in found.notes)
    summary = upper(texts, tmp_path / "out")
    assert summary.done == 8
    assert len(summary.failures) == 1
    assert "self.txt" in str(summary.failures[0][1])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_shard_goes_on(texts: Path, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "out"
    upper(texts, tmp_path / "whole")
    for index in (0, 0, 1):
        upper(texts, out, shard_index=index, shard_count=2, workers=workers)
    assert outputs(out) == outputs(tmp_path / "whole")
