"""Progress of music, in seconds of it, as the events that the command line and the studio know."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from soundwright.core.errors import SoundwrightError
from soundwright.runs.events import Ended, ItemDone, ItemFailed, Note, Started, emit

if TYPE_CHECKING:
    from soundwright.musicgen.generation import Progress

_STEP = "music, seconds"


class MusicProgress:
    """Tells one event for each second of music, and a note for each window of a long track.

    Args:
        seconds: of music, in all.
    """

    def __init__(self, seconds: float) -> None:
        self._total = max(1, math.ceil(seconds))
        self._before = 0.0  # seconds of groups that are done
        self._told = 0
        self._window: int | None = None  # of a group that has just begun; what was saved before is no news
        self._began = time.monotonic()

    def __enter__(self) -> MusicProgress:
        emit(Started(_STEP, self._total, 0, 1))
        return self

    def __exit__(self, *exception: object) -> None:
        status = "finished" if exception[0] is None else "interrupted"
        emit(Ended(_STEP, status, time.monotonic() - self._began))

    def heard(self, progress: Progress, seconds: float) -> None:
        """Takes an engine's progress with tracks of so many seconds together."""
        share = progress.frame / max(1, progress.num_frames)
        before = progress.window if self._window is None else self._window
        if before < progress.window < progress.num_windows:
            emit(Note(f"{progress.window} of {progress.num_windows} windows are saved"))
        self._window = max(before, progress.window)
        self._tell(self._before + share * seconds)

    def group_done(self, seconds: float) -> None:
        """Tracks of so many seconds together have their tokens."""
        self._before += seconds
        self._window = None
        self._tell(self._before)

    def failed(self, name: str, error: SoundwrightError, seconds: float) -> None:
        """A track of so many seconds will not be made; that event counts as one of its seconds."""
        emit(ItemFailed(name, error))
        self._told += 1
        self.group_done(seconds)

    def _tell(self, seconds: float) -> None:
        # After a lack of memory some seconds are computed again; they are not counted again.
        while self._told < min(self._total, math.floor(seconds + 1e-6)):
            self._told += 1
            emit(ItemDone(f"second {self._told}"))
