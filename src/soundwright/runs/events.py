"""What the engine tells while it works. The command line and the studio page consume the same events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from soundwright.core.errors import SoundwrightError


@dataclass(frozen=True)
class Started:
    """A step begins.

    Attributes:
        step: its name.
        total: items of this run (of this shard), done before or pending.
        skipped: how many of them were done before.
        workers: worker processes; 1 means in this process.
    """

    step: str
    total: int
    skipped: int
    workers: int


@dataclass(frozen=True)
class ItemDone:
    """One item succeeded, or is rightly left out, and `excluded` says why."""

    key: str
    warnings: tuple[str, ...] = ()
    excluded: str = ""


@dataclass(frozen=True)
class ItemFailed:
    """One item failed; the run goes on."""

    key: str
    error: SoundwrightError


@dataclass(frozen=True)
class Note:
    """Something the user should know that concerns no single item."""

    text: str


@dataclass(frozen=True)
class LogLine:
    """A line from the log of a process that does the work, as that process wrote it."""

    text: str


@dataclass(frozen=True)
class Ended:
    """A step has ended.

    Attributes:
        status: `finished`, `interrupted` or `cancelled`.
        duration_s: wall time.
    """

    step: str
    status: str
    duration_s: float


Event = Started | ItemDone | ItemFailed | Note | LogLine | Ended
Listener = Callable[[Event], None]

_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the block, `listener` hears the events of every step run in this thread."""
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def emit(event: Event) -> bool:
    """Tells an event to all who listen; returns whether anyone does."""
    listeners = _listeners.get()
    for listener in listeners:
        listener(event)
    return bool(listeners)
