"""Blocks in several threads: codecs release Python's lock while they work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_order(function: Callable[[Job], Result], jobs: Iterable[Job], threads: int) -> Generator[Result]:
    """`map` in several threads: results in order, and only as many jobs drawn ahead as there are threads."""
    if threads == 1:
        yield from map(function, jobs)
        return
    window: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for job in jobs:
                window.append(pool.submit(function, job))
                if len(window) > threads:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:
            for future in window:
                future.cancel()
