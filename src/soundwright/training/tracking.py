"""Where a training writes its numbers: always a JSONL file, TensorBoard where wanted.

A tracker is an observer: one that fails says so once and is left out from then on; the training goes on.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from soundwright.core.errors import MissingExtra
from soundwright.runs.events import Note, emit


class Tracker(Protocol):
    """Takes the numbers of one step."""

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Records `numbers` under `step`."""

    def close(self) -> None:
        """Ends the record."""


class JsonlTracker:
    """One JSON object per line; on resuming, lines after the resumed step are dropped so that steps appear once."""

    def __init__(self, path: Path, *, resume_step: int = 0) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            kept = [line for line in path.read_text().splitlines() if _step_of(line) <= resume_step]
            path.write_text("".join(line + "\n" for line in kept))
        self._file = path.open("a")

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Appends one line."""
        self._file.write(json.dumps({"step": step, **numbers}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class ConsoleTracker:
    """A line now and then, as events of the run: the console or a page shows them.

    Args:
        interval_s: seconds between lines; numbers of a validation are always told.
    """

    def __init__(self, interval_s: float = 10.0) -> None:
        self.interval_s = interval_s
        self._told = -math.inf

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Tells step, loss, validation and progress."""
        shown = {name: value for name, value in numbers.items() if name == "loss" or name.startswith("valid/")}
        now = time.monotonic()
        if now - self._told < self.interval_s and len(shown) < 2:
            return
        self._told = now
        values = ", ".join(f"{name.replace('valid/', 'validation ')} {value:.3f}" for name, value in shown.items())
        emit(Note(f"step {step} ({100 * numbers['progress']:.1f} %): {values}"))

    def close(self) -> None:
        """Nothing is held open."""


class TensorBoardTracker:
    """Scalars for TensorBoard.

    Raises:
        MissingExtra: the `tensorboard` package is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        except ImportError as error:
            raise MissingExtra("TensorBoard is not installed", remedy="pip install 'soundwright[track]'") from error
        self._writer: Any = writer(str(folder))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Adds one point to each curve."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Closes the event file."""
        self._writer.close()


class WandbTracker:
    """A run of Weights & Biases; offline where `WANDB_MODE=offline` says so.

    Args:
        project: of Weights & Biases.
        run_name: what the run is called there.
        config: facts about the run, shown with it.
        folder: for its local files.
        run_id: the same for a run and what resumes it, so that both are one curve.

    Raises:
        MissingExtra: the `wandb` package is not installed.
    """

    def __init__(self, project: str, run_name: str, config: Mapping[str, Any], folder: Path, run_id: str) -> None:
        try:
            wandb = importlib.import_module("wandb")
        except ImportError as error:
            raise MissingExtra(
                "Weights & Biases is not installed", remedy="pip install 'soundwright[track]'"
            ) from error
        folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=project, name=run_name, config=dict(config), dir=str(folder), id=run_id, resume="allow"
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Adds one point to each curve."""
        self._run.log(dict(numbers), step=step)

    def close(self) -> None:
        """Ends the run there."""
        self._run.finish()


class Trackers:
    """Several trackers as one; the first failure of each is told and ends that tracker only."""

    def __init__(self, trackers: list[Tracker]) -> None:
        self._trackers = list(trackers)

    def add(self, open_tracker: Callable[[], Tracker]) -> None:
        """Opens one more tracker; one that cannot be opened is told and left out."""
        try:
            self._trackers.append(open_tracker())
        except Exception as error:  # as in `log`
            _tell(f"tracking: goes on without one tracker: {error}")

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Hands the numbers to every tracker that still works."""
        for tracker in list(self._trackers):
            try:
                tracker.log(step, numbers)
            except Exception as error:  # any failure of an observer: told, and the training goes on
                self._trackers.remove(tracker)
                name = type(tracker).__name__
                _tell(f"tracking: {name} failed at step {step} and is left out from here: {error}")

    def close(self) -> None:
        """Closes the trackers that still work."""
        for tracker in self._trackers:
            try:
                tracker.close()
            except Exception as error:  # as in `log`
                _tell(f"tracking: {type(tracker).__name__} failed at its end: {error}")


def _tell(text: str) -> None:
    """Tells whoever follows the run, or else stderr."""
    if not emit(Note(text)):
        print(text, file=sys.stderr)


def _step_of(line: str) -> float:
    """The step of a JSONL line; a line that was cut off by a crash counts as later than any step."""
    try:
        return float(json.loads(line)["step"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return float("inf")
