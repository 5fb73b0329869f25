"""Where a stranger's producer runs: what it raises concerns one clip, and says whose fault it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundwright.core.errors import BadInput, SoundwrightError


@contextmanager
def guarded(producer: str, path: Path) -> Iterator[None]:
    """Turns whatever a producer raises into an error about this clip; our own errors and the disk's pass.

    Raises:
        BadInput: the producer failed.
    """
    try:
        yield
    except (SoundwrightError, OSError):
        raise
    except Exception as error:  # a plug-in may raise anything; its text is the evidence
        where = error.__traceback__
        while where and where.tb_next:
            where = where.tb_next
        line = f" ({Path(where.tb_frame.f_code.co_filename).name}, line {where.tb_lineno})" if where else ""
        raise BadInput(
            f"producer {producer} failed: {type(error).__name__}: {error}{line}", path=path, remedy="mend the producer"
        ) from error
