"""Ctrl-C and SIGTERM: the first asks to end cleanly, the second ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from soundwright.runs.events import Note, emit


class Interrupt:
    """Whether the user has asked to stop."""

    requested = False


@contextmanager
def catch_interrupts(
    note: str = "stopping when what is in hand is finished; Ctrl-C again stops at once",
) -> Iterator[Interrupt]:
    """Within the block the first SIGINT or SIGTERM only sets `requested`; the next raises KeyboardInterrupt.

    Signals belong to the main thread; in another thread (a web server's) nothing is caught and `cancel` serves.

    Args:
        note: told at the first.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if interrupt.requested:
            raise KeyboardInterrupt
        interrupt.requested = True
        emit(Note(note))

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
