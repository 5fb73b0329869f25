"""Compiled kernels, kept from one run to the next where there is a place to keep them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from soundwright.runs.events import Note, emit


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function at its first call with numba, without Python's lock, divisions as NumPy's.

    The machine code is kept beside the source or in the user's cache. Where neither can be written, it is made anew in
    every process, and that is told once.
    """
    import numba

    options: dict[str, Any] = {"error_model": "numpy", "nogil": True}
    compiled: Callable[..., Any]
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        _tell()
        compiled = numba.njit(**options)(function)
    return compiled


@cache
def _tell() -> None:
    emit(
        Note(
            "compiled code cannot be kept, since neither the package's folder nor the home folder can be written, and "
            "is made anew each time -> set NUMBA_CACHE_DIR to a folder of yours"
        )
    )
