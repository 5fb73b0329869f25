"""Runs two sides in turn, several times in one go, and prints medians and their ratio.

CPU seconds of this process and its children, one thread: on a shared machine wall time says more about the
neighbours than about the code. Sides alternate (A B A B ...) so that a drift of the machine meets both.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy and torch load

import platform
import resource
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version


def cpu_s() -> float:
    """CPU seconds used so far by this process and its ended children."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def wall_s() -> float:
    """Wall clock in seconds."""
    return time.perf_counter()


def compare(
    claim: str,
    sides: dict[str, Callable[[], object]],
    *,
    at_least: dict[str, float],
    runs: int = 5,
    clock: Callable[[], float] = cpu_s,
) -> dict[str, float]:
    """Times every side `runs` times in turn, after one warm-up each, and prints a table.

    Args:
        claim: what is compared.
        sides: name -> what to run; the first is ours.
        at_least: name of another side -> how many times faster ours is to be.
        runs: counted runs of each side.
        clock: `cpu_s` or `wall_s`.

    Returns:
        Median seconds by side.
    """
    times: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, side in sides.items():
            began = clock()
            side()
            if run:
                times[name].append(clock() - began)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ours = next(iter(sides))
    print(f"\n{claim} ({'CPU' if clock is cpu_s else 'wall'} seconds, median of {runs}, sides in turn)")
    for name, values in times.items():
        ratio = "" if name == ours else f"  {medians[name] / medians[ours]:8.2f}x"
        if name in at_least:
            met = medians[name] / medians[ours] >= at_least[name]
            ratio += f"  (asked: {at_least[name]:g}x, {'met' if met else 'NOT met'})"
        print(f"  {name:<44} {medians[name]:10.4f}  [{min(values):.4f} .. {max(values):.4f}]{ratio}")
    return medians


def about(*packages: str) -> None:
    """Prints machine, load, versions and date: a figure without them means nothing."""
    load = os.getloadavg()[0]
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    date = time.strftime("%Y-%m-%d")
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}, {date}")
    print(versions)
