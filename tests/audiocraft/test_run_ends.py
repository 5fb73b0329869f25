"""How a run ends: killed, interrupted, beside another one; and what the same command then makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from played_audiocraft import OVERRIDES, Played, log_lines, notes, train, wrong

from soundwright.audiocraft import run as run_module
from soundwright.core.errors import UsageError


def is_running(pid: int) -> bool:
    """Whether a process works on; one that has ended and that nobody asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def command(played: Played) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts the real command line on a training that hangs in its second epoch, and waits until it does."""
    started: list[subprocess.Popen[str]] = []
    played.switch(hangs_in_epoch=2)

    def start() -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "soundwright", "audiocraft", "run", *OVERRIDES, *played.options]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        eventually(lambda: played.hanging.exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
    if played.hanging.exists():
        for pid in hanging(played):
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)


def hanging(played: Played) -> tuple[int, int]:
    """The training that hangs, and its data loader."""
    training, loader = map(int, played.hanging.read_text().split())
    return training, loader


def test_after_a_kill_the_same_command_goes_on(played: Played) -> None:
    played.switch(killed_in_epoch=3)
    done, _ = train(played)
    assert done.exit_code == 1
    assert "training was killed, most likely by the system, whose memory was full" in str(done.failure)
    assert wrong(done) == ["exit code -9", "history.json has 2 of 3 epochs, 0 before"]
    played.switch("killed_in_epoch")
    done, heard = train(played)
    assert (done.exit_code, wrong(done)) == (0, [])
    assert "it goes on after epoch 2" in notes(heard)
    assert "history.json has 3 of 3 epochs, 2 before" in [check.text for check in done.checks]
    told = log_lines(heard)
    assert told[:2] == ["Train Summary | Epoch 1 | replayed", "Train Summary | Epoch 2 | replayed"]
    assert sum("Epoch 3" in line for line in told) == 2, "what was logged before the kill is not told again"


def test_another_end_by_a_signal_is_named(played: Played) -> None:
    played.switch(killed_in_epoch=1, kill_signal=int(signal.SIGSEGV))
    done, _ = train(played)
    assert "training was ended by SIGSEGV: Dora directory: " in str(done.failure)
    assert wrong(done)[0] == "exit code -11"


def test_ctrl_c_ends_the_training_and_what_it_started(
    played: Played, command: Callable[[], subprocess.Popen[str]]
) -> None:
    process = command()
    training, loader = hanging(played)
    process.send_signal(signal.SIGINT)
    said, told = process.communicate(timeout=60)
    assert process.returncode == 130
    eventually(lambda: not is_running(training) and not is_running(loader))
    assert "Traceback" not in told
    assert "stopped after 1 of 3 epochs; the same command goes on from there" in said
    assert "NOT so" not in said, "of a run that was stopped nothing is to be proven"
    played.go_on()
    done, heard = train(played)
    assert done.exit_code == 0
    assert "it goes on after epoch 1" in notes(heard)


def test_a_second_ctrl_c_ends_a_training_that_does_not_listen(
    played: Played, command: Callable[[], subprocess.Popen[str]]
) -> None:
    played.switch(deaf=True)
    process = command()
    training, loader = hanging(played)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "Ctrl-C again" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 130
    eventually(lambda: not is_running(training) and not is_running(loader))


def test_a_training_that_heeds_no_request_is_ended_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_PATIENCE_S", (0.1, 0.1))
    program = (
        "import signal, time, pathlib\n"
        "for request in (signal.SIGINT, signal.SIGTERM): signal.signal(request, signal.SIG_IGN)\n"
        f"pathlib.Path({str(tmp_path / 'deaf')!r}).touch()\n"
        "time.sleep(300)\n"
    )
    process = subprocess.Popen([sys.executable, "-ISc", program], start_new_session=True)
    eventually((tmp_path / "deaf").exists)
    run_module._end(process)
    assert process.returncode == -signal.SIGKILL
    run_module._end(process)  # of one that has ended it does nothing


def test_one_experiment_is_not_run_twice_at_a_time_and_another_may_be(
    played: Played, command: Callable[[], subprocess.Popen[str]]
) -> None:
    process = command()
    played.switch("hangs_in_epoch")
    with pytest.raises(UsageError, match="experiment .* is being run already -> wait for its end, or stop it"):
        train(played)
    assert train(played, *OVERRIDES, "label=other")[0].exit_code == 0
    played.go_on()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "finished: 3 of 3 epochs" in said


def test_the_lock_is_the_trainings_own_and_outlives_a_kill_of_ours(
    played: Played, command: Callable[[], subprocess.Popen[str]]
) -> None:
    process = command()
    training, _ = hanging(played)
    process.kill()
    process.wait()
    assert is_running(training)
    played.switch("hangs_in_epoch")
    with pytest.raises(UsageError, match=rf"is being run already .*, or stop it: kill -INT -- -{training}$"):
        train(played)
    with pytest.raises(UsageError, match="is being run already"):
        train(played, clear=True)
    played.go_on()
    eventually(lambda: not is_running(training))
    done, heard = train(played)
    assert done.exit_code == 0
    assert any(text.startswith("it is finished") for text in notes(heard))
