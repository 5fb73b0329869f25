"""Silence for a decoder that talks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_depth = 0
_kept = -1


@contextmanager
def quiet() -> Iterator[None]:
    """Within the block nothing reaches standard error, from no thread of this process.

    libmpg123 writes there of every frame that it finds odd, past Python and without a switch; a clip that was cut out
    of the middle of a longer MP3 always begins with such frames. So keep the block short: one call of the decoder.
    """
    global _depth, _kept
    with _lock:
        _depth += 1
        if _depth == 1:
            _kept = os.dup(2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                os.dup2(_kept, 2)
                os.close(_kept)
