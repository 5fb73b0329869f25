"""The console's view of a run: a progress bar on a terminal, plain lines elsewhere. Problems show as they come."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from soundwright.core.errors import show_path
from soundwright.runs.events import Ended, Event, ItemDone, ItemFailed, LogLine, Note, Started, listening

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, Task, TaskID

#: Seconds between two plain progress lines.
PLAIN_INTERVAL_S = 10.0


@contextmanager
def console_progress() -> Iterator[None]:
    """Within the block, runs of this thread show their progress on standard error."""
    view = _Bar() if sys.stderr.isatty() else _PlainLines()
    try:
        with listening(view):
            yield
    finally:
        view.close()


class _PlainLines:
    """For logs and pipes: a line every few seconds."""

    def __init__(self) -> None:
        self._total = self._count = 0
        self._began = self._told = 0.0
        self._step = ""

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self._step, self._total, self._count = event.step, event.total - event.skipped, 0
                self._began = self._told = time.monotonic()
            case ItemDone() | ItemFailed():
                self._count += 1
                self._tell_progress()
        text = message(event)
        if text:
            self._print(text)

    def _tell_progress(self) -> None:
        now = time.monotonic()
        if now - self._told >= PLAIN_INTERVAL_S:
            self._told = now
            rate = self._count / (now - self._began)
            left_s = max(0, self._total - self._count) / rate
            self._print(f"{self._step}: {self._count}/{self._total}, {rate:.1f}/s, {left_s:.0f} s left")

    def _print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is held open."""


class _Bar:
    """For a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console: Console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self.close()
                self._open(event)
            case ItemDone() | ItemFailed():
                if self._progress is not None and self._task is not None:
                    self._progress.advance(self._task)
            case Ended():
                self.close()
        text = message(event)
        if text:
            self._console.print(text, markup=False)

    def _open(self, event: Started) -> None:
        from rich import progress

        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            _rate_column(),
            progress.TimeRemainingColumn(),
            console=self._console,
        )
        self._progress.start()
        self._task = self._progress.add_task(event.step, total=event.total, completed=event.skipped)

    def close(self) -> None:
        """Ends the bar, if one is shown."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _rate_column() -> ProgressColumn:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.1f}/s", style="progress.data.speed")

    return RateColumn()


def message(event: Event) -> str | None:
    """What an event says to the user, if anything."""
    match event:
        case ItemFailed():
            return f"failed: {event.error}"
        case ItemDone() if event.excluded:
            return f"excluded: {show_path(event.key)}: {event.excluded}"
        case ItemDone() if event.warnings:
            return "\n".join(f"warning: {show_path(event.key)}: {warning}" for warning in event.warnings)
        case Note():
            return f"note: {event.text}"
        case LogLine():
            return event.text
    return None
