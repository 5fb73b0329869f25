"""What a training of an audio transformer says: on the console and, the same lines, in its log file."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from soundwright.runs.events import Event, LogLine, Note, emit, listening

LOG = logging.getLogger("soundwright.lossless.lm")


class _Console(logging.Handler):
    """Hands lines to whoever shows the run."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tells one line."""
        emit(LogLine(self.format(record)))


@contextmanager
def training_log(path: Path | None) -> Iterator[None]:
    """Within the block what `LOG` is told goes to the console and is appended to the file, as are notes of the run.

    Args:
        path: the file; None for the console alone.
    """
    file: logging.Handler = logging.NullHandler()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    console = _Console()
    form = logging.Formatter("%(asctime)s - %(levelname)s - %(message)s")
    before = LOG.level, LOG.propagate
    for handler in (file, console):
        handler.setFormatter(form)
        LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False

    def write(level: int, text: str) -> None:
        """A line for the file only: the console shows it by itself."""
        file.handle(LOG.makeRecord(LOG.name, level, "", 0, text, (), None))

    def note(event: Event) -> None:
        if isinstance(event, Note):
            write(logging.INFO, event.text)

    try:
        with listening(note):
            yield
    except Exception as error:
        write(logging.ERROR, f"Training failed: {error}")
        raise
    finally:
        LOG.level, LOG.propagate = before
        for handler in (file, console):
            LOG.removeHandler(handler)
            handler.close()


class LogTracker:
    """Tells the numbers of a step as a line of the log.

    Args:
        steps: of the whole training.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Tells training and held-out cost."""
        parts = []
        for title, prefix in (("trained on", ""), ("held out", "valid/")):
            if f"{prefix}bits_per_sample" in numbers:
                bits, per_byte = numbers[f"{prefix}bits_per_sample"], numbers[f"{prefix}bits_per_byte"]
                parts.append(f"{title} {bits:.3f} bits per sample ({per_byte:.3f} bits per byte)")
        LOG.info("step %d of %d: %s", step, self.steps, ", ".join(parts))

    def close(self) -> None:
        """Nothing is held open."""
