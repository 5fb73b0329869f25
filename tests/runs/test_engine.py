"""The promises of the engine, on a toy step."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from counting import Cut, Strict, Upper

from soundwright.core.errors import BadInput, UsageError
from soundwright.runs.discover import Found, find_files
from soundwright.runs.engine import run_step
from soundwright.runs.events import Ended, ItemDone, Started, listening
from soundwright.runs.options import RunOptions
from soundwright.runs.summary import RunSummary


def upper(source: Path, output: Path, *, step: type[Upper] = Upper, suffix: str = "!", **options: object) -> RunSummary:
    overwrite = bool(options.pop("overwrite", False))
    run_options = RunOptions(**{"workers": 1, **options})
    return run_step(step(output, suffix), find_files(source, ["txt"]), output, run_options, overwrite=overwrite)


def outputs(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*.out")) + [folder / "table.txt"]}


def worked_on(folder: Path) -> list[str]:
    return sorted((folder / "work.log").read_text().split("\n")[:-1])


@pytest.mark.parametrize("workers", [1, 2])
def test_does_every_item_once(texts: Path, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "out"
    first = upper(texts, out, workers=workers)
    assert (first.done, first.skipped, first.exit_code) == (8, 0, 0)
    assert (out / "sub/t3.out").read_text() == "SUB TEXT 3!"
    assert (out / "table.txt").read_text().count("\n") == 7
    again = upper(texts, out, workers=workers)
    assert (again.done, again.skipped, again.exit_code) == (0, 8, 0)
    assert len(worked_on(out)) == 8


def test_a_changed_input_is_done_again_and_a_touched_one_is_not(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    upper(texts, out)
    (texts / "t0.txt").write_text("new text")
    os.utime(texts / "t1.txt", (1, 1))
    assert upper(texts, out).done == 1
    assert (out / "t0.out").read_text() == "NEW TEXT!"


def test_a_lost_or_damaged_output_is_made_again(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    upper(texts, out)
    whole = outputs(out)
    (out / "t0.out").unlink()
    (out / "t1.out").write_text("TEXT 9!")  # same size, other content
    assert upper(texts, out).done == 2
    assert outputs(out) == whole


def test_a_moved_tree_stays_done(texts: Path, tmp_path: Path) -> None:
    upper(texts, tmp_path / "out")
    shutil.copytree(texts, tmp_path / "elsewhere/in", copy_function=shutil.copyfile)
    shutil.copytree(tmp_path / "out", tmp_path / "elsewhere/out", copy_function=shutil.copyfile)
    assert upper(tmp_path / "elsewhere/in", tmp_path / "elsewhere/out").skipped == 8


def test_other_settings_are_redone_or_refused_as_the_step_says(texts: Path, tmp_path: Path) -> None:
    assert upper(texts, tmp_path / "a").done == 8
    assert upper(texts, tmp_path / "a", suffix="?").done == 8
    assert (tmp_path / "a/t0.out").read_text() == "TEXT 0?"
    upper(texts, tmp_path / "b", step=Strict)
    with pytest.raises(UsageError, match=r"suffix=! \(now \?\).*--overwrite"):
        upper(texts, tmp_path / "b", step=Strict, suffix="?")
    assert upper(texts, tmp_path / "b", step=Strict, suffix="?", overwrite=True).done == 8


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_items_are_listed_and_the_rest_goes_on(texts: Path, tmp_path: Path, workers: int) -> None:
    (texts / "t1.txt").write_text("bad")
    (texts / "t2.txt").write_text("defect")
    out = tmp_path / "out"
    summary = upper(texts, out, workers=workers)
    assert (summary.done, len(summary.failures), summary.exit_code) == (6, 2, 1)
    lines = [json.loads(line) for line in summary.failures_path.read_text().splitlines()]
    by_key = {line["key"]: line for line in lines}
    assert by_key["t1.txt"]["message"] == "is bad"
    assert by_key["t1.txt"]["remedy"] == "mend it"
    assert "ZeroDivisionError" in by_key["t2.txt"]["traceback"]
    (texts / "t1.txt").write_text("good")
    (texts / "t2.txt").write_text("good")
    assert upper(texts, out, workers=workers).exit_code == 0
    assert summary.failures_path.read_text() == ""


def test_a_worker_that_dies_takes_only_its_own_item_along(texts: Path, tmp_path: Path) -> None:
    (texts / "t1.txt").write_text("crash")
    summary = upper(texts, tmp_path / "out", workers=2)
    assert summary.done == 7
    ((key, error),) = summary.failures
    assert key == "t1.txt"
    assert "SIGKILL" in str(error)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_ends_the_run_and_the_same_command_goes_on(texts: Path, tmp_path: Path, workers: int) -> None:
    (texts / "t1.txt").write_text("disk full")
    out = tmp_path / "out"
    with pytest.raises(OSError, match="No space left"):
        upper(texts, out, workers=workers)
    (texts / "t1.txt").write_text("text 1")
    assert upper(texts, out, workers=workers).exit_code == 0
    assert len(worked_on(out)) == 8


@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_cannot_be_set_up_says_so(texts: Path, tmp_path: Path, workers: int) -> None:
    with pytest.raises(BadInput, match="cannot be set up"):
        upper(texts, tmp_path / "out", suffix="no setup", workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_missing_extra_is_said_once_and_not_for_every_item(texts: Path, tmp_path: Path, workers: int) -> None:
    for path in texts.rglob("*.txt"):
        path.write_text("extra")
    with pytest.raises(UsageError, match="not installed"):
        upper(texts, tmp_path / "out", workers=workers)


def test_shards_divide_the_work_and_the_last_one_reduces_all(texts: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    upper(texts, whole)
    done = [upper(texts, parts, shard_index=i, shard_count=3).done for i in range(3)]
    assert sum(done) == 8
    assert outputs(parts) == outputs(whole)
    assert len(worked_on(parts)) == 8
    assert upper(texts, parts).skipped == 8


@pytest.mark.parametrize("options", [{"shard_index": 0}, {"shard_count": 2}, {"shard_index": 2, "shard_count": 2}])
def test_half_a_shard_is_an_error(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="shard"):
        RunOptions(**options)


def test_two_inputs_for_one_output_both_fail_and_nothing_is_written(texts: Path, tmp_path: Path) -> None:
    (texts / "t0.TXT").write_text("other")
    summary = upper(texts, tmp_path / "out")
    assert sorted(key for key, _ in summary.failures) == ["t0.TXT", "t0.txt"]
    assert not (tmp_path / "out/t0.out").exists()
    assert summary.done == 7


def test_a_file_of_somebody_else_is_not_overwritten(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "t0.out").write_text("mine")
    summary = upper(texts, out)
    assert [key for key, _ in summary.failures] == ["t0.txt"]
    assert (out / "t0.out").read_text() == "mine"
    assert upper(texts, out, overwrite=True).done == 8
    assert (out / "t0.out").read_text() == "TEXT 0!"


def test_an_output_without_input_is_reported_and_kept(texts: Path, tmp_path: Path) -> None:
    upper(texts, tmp_path / "out")
    (texts / "t0.txt").unlink()
    (note,) = upper(texts, tmp_path / "out").notes
    assert "t0.out" in note
    assert (tmp_path / "out/t0.out").exists()
    assert "\nt0.txt" not in (tmp_path / "out/table.txt").read_text()


def test_events_tell_the_whole_story(texts: Path, tmp_path: Path) -> None:
    heard: list[object] = []
    with listening(heard.append):
        upper(texts, tmp_path / "out")
    assert isinstance(heard[0], Started)
    assert heard[0].total == 8
    assert sum(isinstance(event, ItemDone) for event in heard) == 8
    assert isinstance(heard[-1], Ended)
    assert heard[-1].status == "finished"


def test_cancel_finishes_the_item_in_hand_and_a_rerun_goes_on(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    heard: list[object] = []

    def enough() -> bool:
        return sum(isinstance(event, ItemDone) for event in heard) >= 3

    with listening(heard.append):
        summary = run_step(Upper(out), find_files(texts, ["txt"]), out, RunOptions(workers=1), cancel=enough)
    assert (summary.done, summary.status, summary.exit_code) == (3, "cancelled", 130)
    assert upper(texts, out).done == 5


def test_two_runs_do_not_meet_in_one_folder(texts: Path, tmp_path: Path) -> None:
    class Nested(Upper):
        def run_one(self, state: str, item: object) -> None:  # type: ignore[override]
            upper(texts, self.output)

    out = tmp_path / "out"
    summary = run_step(Nested(out), find_files(texts, ["txt"]), out, RunOptions(workers=1))
    assert "another run" in str(summary.failures[0][1])


def test_the_record_names_command_settings_versions_and_inputs(texts: Path, tmp_path: Path) -> None:
    upper(texts, tmp_path / "out")
    record = json.loads((tmp_path / "out/.soundwright/upper/run.json").read_text())
    assert record["settings"] == {"suffix": "!"}
    assert record["status"] == "finished"
    assert record["counts"]["done"] == record["inputs"]["count"] == 8
    assert {"python", "soundwright", "numpy"} <= record["versions"].keys()


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from counting import Upper
from soundwright.runs.discover import find_files
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.progress import console_progress
if __name__ == "__main__":
    source, output, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    with console_progress():
        found = find_files(source, ["txt"])
        summary = run_step(Upper(output, delay_s=0.05), found, output, RunOptions(workers=workers))
    sys.exit(summary.exit_code)
"""


def start(tmp_path: Path, texts: Path, workers: int) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(here=str(Path(__file__).parent)))
    command = [sys.executable, str(program), str(texts), str(tmp_path / "out"), str(workers)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_work(tmp_path: Path, lines: int) -> None:
    log = tmp_path / "out/work.log"
    deadline = time.monotonic() + 60
    while not log.exists() or log.read_text().count("\n") < lines:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_and_rerun_gives_the_outputs_of_an_undisturbed_run(texts: Path, tmp_path: Path, workers: int) -> None:
    upper(texts, tmp_path / "undisturbed")
    for lines in (2, 5):
        process = start(tmp_path, texts, workers)
        wait_for_work(tmp_path, lines)
        process.kill()
        process.communicate()
    done = sum('"info"' in line for line in (tmp_path / "out/.soundwright/upper/done.jsonl").read_text().split("\n"))
    process = start(tmp_path, texts, workers)
    process.communicate()
    assert process.returncode == 0
    assert outputs(tmp_path / "out") == outputs(tmp_path / "undisturbed")
    assert not list((tmp_path / "out").rglob("*.tmp*"))
    # What the ledger held at the last kill was not done again; what was in hand may have been.
    record = json.loads((tmp_path / "out/.soundwright/upper/run.json").read_text())
    assert record["counts"]["skipped"] == done


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_finishes_the_items_in_hand(texts: Path, tmp_path: Path, workers: int) -> None:
    process = start(tmp_path, texts, workers)
    wait_for_work(tmp_path, 2)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130
    assert "stopping when what is in hand is finished" in told
    assert "Traceback" not in told
    begun = worked_on(tmp_path / "out")
    assert len(begun) == len(list((tmp_path / "out").rglob("*.out"))) < 8
    assert upper(texts, tmp_path / "out").done == 8 - len(begun)


def test_a_torn_ledger_line_is_one_that_never_happened(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    upper(texts, out)
    ledger = out / ".soundwright/upper/done.jsonl"
    text = ledger.read_bytes()
    last_line = text.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last_line + 1, len(text) - 1, 40):
        ledger.write_bytes(text[:cut])
        assert upper(texts, out).done == 1
        assert upper(texts, out).done == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_an_excluded_item_is_listed_and_is_no_failure(texts: Path, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "out"
    (texts / "t0.txt").write_text("no use")
    first = upper(texts, out, workers=workers)
    assert (first.done, first.excluded, first.exit_code) == (7, [("t0.txt", "is of no use")], 0)
    assert "t0.txt is of no use" in (out / "table.txt").read_text()
    again = upper(texts, out, workers=workers)
    assert (again.done, again.skipped, again.excluded) == (0, 7, first.excluded)
    assert "7 already done, 1 excluded" in next(again.lines())
    assert len(worked_on(out)) == 7
    (texts / "t0.txt").write_text("of use now")
    assert upper(texts, out).excluded == []
    assert (out / "t0.out").read_text() == "OF USE NOW!"
    (texts / "t0.txt").write_text("no use")
    assert upper(texts, out).excluded
    assert not (out / "t0.out").exists()


def test_outputs_that_other_settings_no_longer_give_are_removed(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.txt").write_text("1,2,3;4")

    def cut(at: str) -> RunSummary:
        return upper(source, out, step=Cut, suffix=at)

    assert cut(",").done == 1
    assert sorted(path.name for path in out.glob("*.out")) == ["a-0.out", "a-1.out", "a-2.out"]
    assert cut(",").skipped == 1
    (out / "a-2.out").unlink()
    assert cut(",").done == 1, "any lost output is made again, not only the one known beforehand"
    assert cut(";").done == 1
    assert sorted(path.name for path in out.glob("*.out")) == ["a-0.out", "a-1.out"]
    assert (out / "a-1.out").read_text() == "4"


def test_prune_removes_nothing_when_not_all_could_be_read(texts: Path, tmp_path: Path) -> None:
    """A folder that is denied, or a drive that is away, is not gone."""
    out = tmp_path / "out"
    upper(texts, out)
    found = find_files(texts, ["txt"])
    unread = Found(
        [item for item in found.items if not item.key.startswith("sub/")], [BadInput("denied", path=texts / "sub")]
    )
    pruned = run_step(Upper(out), unread, out, RunOptions(workers=1), prune=True)
    assert "nothing was removed" in pruned.notes[0]
    assert len(list((out / "sub").glob("*.out"))) > 0


def test_prune_removes_outputs_whose_input_is_gone(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    upper(texts, out)
    for name in ("t0.txt", "t1.txt"):
        (texts / name).unlink()
    (out / "t1.out").write_text("the user's own words")
    assert len(upper(texts, out).notes) == 2, "without prune they are told"
    found = find_files(texts, ["txt"])
    pruned = run_step(Upper(out), found, out, RunOptions(workers=1), prune=True)
    assert not (out / "t0.out").exists()
    assert (out / "t1.out").read_text() == "the user's own words"
    assert any("1 files whose input is gone were removed" in note for note in pruned.notes)
    assert any("t1.out" in note for note in pruned.notes)
