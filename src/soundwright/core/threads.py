"""With how many threads libraries compute: as many as a verb says, whatever they would take by themselves.

OpenBLAS, MKL, OpenMP and torch take every core unless they are told otherwise. For small matrices that costs several
times the CPU time, and on a busy machine several times the wall time.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from soundwright.core.errors import UsageError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

#: What the libraries read when they load.
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

#: Threads that `limit_threads` asks for now, and what the variables were before the outermost; None outside of it.
_limit: int | None = None
_outside: dict[str, str | None] = {}


@contextmanager
def limit_threads(count: int | None) -> Iterator[None]:
    """Within it, libraries compute with `count` threads, those that are loaded and those that will be.

    None stands for what they take by themselves: it lifts an outer limit.

    Afterwards those that were loaded before have the number that they had; those that came within have the number that
    they would have taken. Inner limits count. It holds for the whole process.

    Raises:
        UsageError: the count is not positive.
    """
    restore = _limit_to(count)
    try:
        yield
    finally:
        restore()


def limit_process(count: int) -> None:
    """Lets libraries compute with `count` threads until this process ends, but for an inner `limit_threads`.

    Raises:
        UsageError: the count is not positive.
    """
    _limit_to(count)


def takes_threads(verb: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """For verbs that more threads make faster: runs them with as many as their keyword `threads` says."""

    @functools.wraps(verb)
    def limited(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        threads = kwargs.get("threads")
        with limit_threads(threads if isinstance(threads, int) else None):
            return verb(*args, **kwargs)

    return limited


def usable_cores() -> int:
    """Cores that this process may use; in a container fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS has no affinity


def outside_environment() -> dict[str, str]:
    """A copy of the environment as it was outside of any `limit_threads`, for programs that are not ours."""
    environment = dict(os.environ)
    for name, value in _outside.items() if _limit is not None else ():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


def _limit_to(count: int | None) -> Callable[[], None]:
    """Sets or lifts the limit, and gives what sets it back."""
    global _limit, _outside
    if count is not None and count < 1:
        raise UsageError(f"--threads {count}", remedy="give at least 1")
    if count == _limit:
        return lambda: None
    limit, outside, variables = _limit, _outside, {name: os.environ.get(name) for name in VARIABLES}
    if limit is None:
        _outside = variables
    usual = _usual_threads()
    pools = {pool.filepath: pool.num_threads for pool in _loaded_pools()}
    torch_threads = _set_all(lambda _: usual if count is None else count)
    _set_variables(_outside if count is None else dict.fromkeys(VARIABLES, str(count)))
    _limit = count

    def restore() -> None:
        global _limit, _outside
        # What came within is given what it would have had, had it come before.
        other = usual if limit is None else limit
        _set_all(lambda path: pools.get(path, other) if path else torch_threads or other)
        _set_variables(variables)
        _limit, _outside = limit, outside

    return restore


def _usual_threads() -> int:
    """What a library takes by itself: OMP_NUM_THREADS as the user has set it, else the cores that are usable."""
    # OpenMP allows a list, one number for each level of nesting.
    first = (_outside.get("OMP_NUM_THREADS") or "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else usable_cores()


def _set_all(count: Callable[[str], int]) -> int | None:
    """Gives each loaded library the count for its path, and torch, which keeps a number of its own, that for "".

    Returns:
        Torch's number before; None where it is not loaded.
    """
    torch = sys.modules.get("torch")
    before = None
    if torch is not None:
        before = int(torch.get_num_threads())
        torch.set_num_threads(count(""))
    for pool in _loaded_pools():  # after torch, which sets pools too
        pool.set_num_threads(count(pool.filepath))
    return before


def _loaded_pools() -> list[Any]:
    """Pools of threads of the libraries that are loaded."""
    if "numpy" not in sys.modules:
        return []  # nothing that computes is there, and to look for it takes as long as a small verb
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().lib_controllers)


def _set_variables(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
