"""soundwright audiocraft run: `python -m dora run` in AudioCraft's environment, followed live, then proven."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from soundwright.audiocraft.advice import advice
from soundwright.audiocraft.experiment import Experiment, plain, read_experiment
from soundwright.audiocraft.failures import ProcessFailed, process_failed
from soundwright.audiocraft.installation import Installation
from soundwright.audiocraft.look import look_at_modules, require_whole
from soundwright.audiocraft.proof import Check, before_run, prove
from soundwright.audiocraft.signature import Plan, ask_dora, check_experiments, check_overrides
from soundwright.core.errors import BadInput, show_path
from soundwright.runs import atomic
from soundwright.runs.events import LogLine, Note, emit
from soundwright.runs.interrupt import catch_interrupts
from soundwright.runs.locks import lock
from soundwright.runs.output_file import make_room
from soundwright.runs.state import state_folder
from soundwright.runs.summary import INTERRUPTED

_STOPPING = "stopping; the epoch in hand is lost, those before it are kept; Ctrl-C again stops at once"
_POLL_S = 0.2
#: How long a training gets to end by itself, first after Ctrl-C, then after a firmer request.
_PATIENCE_S = (20.0, 5.0)
#: So many bytes tell a log from another one: its lines begin with the time.
_BEGINNING = 200


@dataclass(frozen=True)
class Run:
    """What came of a run.

    Attributes:
        experiment: as it stands afterwards; nothing where it has no folder, or a damaged one.
        checks: the proof, point by point; empty where the run was stopped.
        failure: what the process said, if it ended badly.
        interrupted: stopped by Ctrl-C.
        duration_s: wall time of the training process.
        output: all that the process said.
    """

    experiment: Experiment | None
    checks: tuple[Check, ...]
    failure: ProcessFailed | None
    interrupted: bool
    duration_s: float
    output: Path

    @property
    def exit_code(self) -> int:
        """0 proven, 1 not, 130 interrupted."""
        if self.interrupted:
            return INTERRUPTED
        return 0 if all(check.holds for check in self.checks) else 1

    def lines(self) -> Iterator[str]:
        """The proof, and where things are."""
        if self.failure:
            yield f"error: {self.failure}"
        for check in self.checks:
            yield f"{'ok      ' if check.holds else 'NOT so  '} {check.text}"
        if self.experiment:
            yield f"experiment {self.experiment.sig}: {self.experiment.status}"
            yield f"folder: {show_path(self.experiment.folder)}"
        yield f"everything it said: {show_path(self.output)}"

    def facts(self) -> dict[str, Any]:
        """The result as JSON values."""
        experiment = self.experiment
        return {
            "sig": experiment.sig if experiment else None,
            "folder": str(experiment.folder) if experiment else None,
            "status": experiment.status if experiment else "no experiment that can be read",
            "exit_code": self.exit_code,
            "checks": [asdict(check) for check in self.checks],
            "error": str(self.failure) if self.failure else None,
            "output": str(self.output),
            "duration_s": round(self.duration_s, 3),
        }


def run(
    *overrides: str,
    experiments: Path,
    repo: Path | None = None,
    python: Path | None = None,
    clear: bool = False,
    result: Path | None = None,
) -> Run:
    """Trains with AudioCraft: `python -m dora run`, in an environment in which that works, and proves that it did.

    The experiment is asked of dora before it begins, and shown with what a user should know of it. AudioCraft's own log
    is passed on while it grows. Run the same command again, and a stopped experiment goes on after its last epoch,
    while a finished one is only shown again.

    Args:
        overrides: AudioCraft's settings, as dora takes them, e.g. solver=compression/debug dset=audio/fma_small_mini.
        experiments: Dora's folder; the experiment is in xps/ below it, under its signature.
        repo: AudioCraft's checkout. Default: the variable AUDIOCRAFT_REPO_DIR.
        python: The interpreter of AudioCraft's environment. Default: that of AUDIOCRAFT_VENV.
        clear: Throw away what the experiment has so far, and begin again.
        result: Write what came of it to this JSON file too; a file left by an earlier run is removed first.

    Returns:
        The experiment and the proof, point by point.

    Raises:
        UsageError: AudioCraft is not where it is said to be, lacks something, or the experiment is being run already.
        ProcessFailed: the settings are none of AudioCraft's.
    """
    if result:
        make_room(result)
    check_overrides(overrides)
    check_experiments(experiments)
    installation = Installation.locate(repo, python)
    installation.require_checkout()
    found = look_at_modules(installation)
    require_whole(found, installation)
    state = state_folder(experiments, "audiocraft")
    plan = ask_dora(installation, overrides, experiments, found.stand_ins)
    command = [str(installation.python), "-m", "dora", "run", *(["--clear"] if clear else []), *overrides]
    locked = state / f"lock-{plan.sig}"
    busy, remedy = f"experiment {plan.sig} is being run already", f"wait for its end, or stop it{_how_to_stop(locked)}"
    with lock(locked, held=busy, remedy=remedy) as held:
        os.ftruncate(held, 0)
        before = before_run(plan.folder, clear)
        for text in advice(plan, before, clear):
            emit(Note(text))
        with open(state / f"{plan.sig}.log", "w+", encoding="utf-8", errors="replace") as output:
            training = _Training(command, installation, installation.variables(found.stand_ins, experiments), output)
            code, interrupted, duration_s = training.follow(plan, held)
            output.seek(0)
            failure = None if code == 0 or interrupted else _failure(code, output.read(), Path(output.name))
        checks = () if interrupted else tuple(prove(plan, before, code))
    try:
        experiment = read_experiment(plan.folder) if plan.folder.is_dir() else None
    except BadInput:  # the proof says so
        experiment = None
    done = Run(experiment, checks, failure, interrupted, duration_s, Path(output.name))
    if result:
        atomic.write_json(result, done.facts())
    return done


def _how_to_stop(locked: Path) -> str:
    """Who holds the lock of a training writes its group into it: it may be all that is left of a killed run."""
    group = locked.read_text(encoding="utf-8") if locked.exists() else ""
    return f": kill -INT -- -{group}" if group else ""


def _failure(code: int, output: str, path: Path) -> ProcessFailed:
    if code != -signal.SIGKILL:
        how = f"training was ended by {signal.Signals(-code).name}" if code < 0 else "training failed"
        return process_failed(output, how, path)
    return ProcessFailed(  # it had no time to say anything
        "training was killed, most likely by the system, whose memory was full",
        path=path,
        remedy="give a smaller dataset.num_workers or dataset.batch_size, or the same command again to go on",
    )


@dataclass(frozen=True)
class _Training:
    command: list[str]
    installation: Installation
    environment: dict[str, str]
    output: IO[str]

    def follow(self, plan: Plan, held: int) -> tuple[int, bool, float]:
        """Runs the process to its end and tells its log; exit code, whether it was interrupted, wall time."""
        began = time.monotonic()
        log = _Follower(plan.folder / "solver.log.0")
        with catch_interrupts(_STOPPING) as interrupt:
            process = subprocess.Popen(
                self.command,
                cwd=self.installation.repo,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C reaches it through us, once, and its data loaders with it.
                start_new_session=True,
                # It holds the lock as long as it lives, even if this process is killed.
                pass_fds=(held,),
            )
            try:
                os.write(held, str(process.pid).encode())
                while process.poll() is None and not interrupt.requested:
                    log.tell()
                    time.sleep(_POLL_S)
            except KeyboardInterrupt:  # the second Ctrl-C, before the patience with the first began
                _kill(process)
                raise
            finally:
                _end(process)
            log.tell()
            return process.returncode, interrupt.requested, time.monotonic() - began


def _end(process: subprocess.Popen[Any]) -> None:
    """Ends the process and what it started, as gently as it allows; does nothing to one that has ended."""
    try:
        for request, patience_s in zip((signal.SIGINT, signal.SIGTERM), _PATIENCE_S, strict=True):
            if process.poll() is not None:
                return
            os.killpg(process.pid, request)
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)
    finally:  # also where a second Ctrl-C ends the patience
        _kill(process)


def _kill(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class _Follower:
    """Tells what is added to a log from now on."""

    def __init__(self, path: Path, tell: Callable[[LogLine], object] = emit) -> None:
        self._path, self._tell = path, tell
        before = path.read_bytes() if path.exists() else b""
        self._beginning, self._position, self._rest = before[:_BEGINNING], len(before), b""

    def tell(self) -> None:
        """Tells the whole lines that were added since the last call."""
        try:
            with open(self._path, "rb") as file:
                beginning = file.read(_BEGINNING)
                if not beginning.startswith(self._beginning):  # --clear removes it, seconds after the start
                    self._position, self._rest = 0, b""
                self._beginning = beginning
                file.seek(self._position)
                added = file.read()
        except FileNotFoundError:  # it is made a few seconds after the process has begun
            return
        self._position += len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        for line in lines:
            text = plain(line.decode("utf-8", "replace")).partition(" - ")[2]
            if " | Epoch " in text or "Checkpoint" in text or "Error" in text:
                self._tell(LogLine(text))
