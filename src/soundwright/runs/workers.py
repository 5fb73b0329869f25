"""Worker processes: each loads the step's state once, then does one batch after another.

Not `concurrent.futures`: there the death of one worker (a crash in a decoder, the kernel's out-of-memory killer)
fails every pending item. Here it fails the batch that the worker had in hand, and a new worker takes its place.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from soundwright.core.errors import SoundwrightError
from soundwright.runs.ledger import Entry, Fingerprint
from soundwright.runs.step import Done, Item, Outcome, Step

#: What becomes of an item: a ledger entry, or the error that concerns it.
Result = Entry | SoundwrightError
Batch = Sequence[Item]

#: Ctrl-C and `timeout` signal the whole process group; the parent alone decides, and it gives its workers their time.
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InternalError(SoundwrightError):
    """A defect in a step, not in the input. Its `traceback` goes to failures.jsonl, or is shown at the end."""

    traceback: str = ""


def do_batch(step: Step[Any], state: Any, batch: Batch, output: Path, digest: str) -> list[Result]:
    """Runs a batch and fingerprints what went in and what came out."""
    marks: list[tuple[Fingerprint, ...] | SoundwrightError] = [_fingerprints(item) for item in batch]
    sound = [item for item, mark in zip(batch, marks, strict=True) if isinstance(mark, tuple)]
    try:
        outcomes: Sequence[Outcome] = step.run(state, sound) if sound else []
    except (SoundwrightError, OSError):
        raise  # `Step.run` returns what concerns an item; what it raises (a full disk) ends the run
    except Exception as error:  # a defect in the step must not take the other items down with it
        text = traceback.format_exc()
        outcomes = [_internal(error, item.path, text) for item in sound]
    if len(outcomes) != len(sound):
        raise RuntimeError(f"step {step.name} gave {len(outcomes)} outcomes for {len(sound)} items")
    pending = iter(outcomes)
    results: list[Result] = []
    for item, mark in zip(batch, marks, strict=True):
        outcome = mark if isinstance(mark, SoundwrightError) else next(pending)
        if isinstance(outcome, Done) and isinstance(mark, tuple):
            results.append(Entry.record(item, digest, mark, outcome, output))
        elif isinstance(outcome, SoundwrightError):
            results.append(outcome)
    return results


def _fingerprints(item: Item) -> tuple[Fingerprint, ...] | SoundwrightError:
    try:
        return tuple(Fingerprint.of(path) for path in item.inputs)
    except OSError as error:
        return SoundwrightError(
            f"cannot be read: {error.strerror}",
            path=error.filename,
            remedy="check the file and its permissions",
        )


def _internal(error: Exception, path: Path, text: str) -> InternalError:
    internal = InternalError(
        f"defect in soundwright: {type(error).__name__}: {error}",
        path=path,
        remedy="please report it with its traceback",
    )
    internal.traceback = text
    return internal


def run_here(
    step: Step[Any],
    batches: Iterable[Batch],
    output: Path,
    begin: Callable[[Batch], None],
    stop: Callable[[], bool],
) -> Iterator[tuple[Batch, list[Result]]]:
    """Does the batches in this process."""
    state, digest = step.setup(), step.settings_digest()
    for batch in batches:
        if stop():
            return
        begin(batch)
        yield batch, do_batch(step, state, batch, output, digest)


def run_in_workers(
    step: Step[Any],
    batches: Iterable[Batch],
    output: Path,
    begin: Callable[[Batch], None],
    stop: Callable[[], bool],
    num_workers: int,
) -> Iterator[tuple[Batch, list[Result]]]:
    """Does the batches in `num_workers` processes; results come in the order in which they are ready.

    When `stop` turns true no further batch is given out, those in hand are finished.

    Raises:
        SoundwrightError: `setup` failed in a worker.
        OSError: a worker met a fault that concerns every item, such as a full disk. The other workers' batches in
            hand are finished first.
    """
    queue = iter(batches)
    fault: Exception | None = None
    workers: dict[Connection, _Worker] = {}
    try:
        for _ in range(num_workers):
            worker = _Worker(step, output)
            workers[worker.pipe] = worker
        idle = list(workers)
        while True:
            while idle and fault is None and not stop():
                batch = next(queue, None)
                if batch is None:
                    break
                begin(batch)
                workers[idle.pop()].give(batch)
            busy = [pipe for pipe, worker in workers.items() if worker.batch is not None]
            if not busy:
                if fault is not None:
                    raise fault
                return
            # The time-out lets `stop` be noticed while every worker is busy with a long item.
            for pipe in wait(busy, timeout=0.2):
                assert isinstance(pipe, Connection)
                worker = workers[pipe]
                batch, results = worker.take()
                if isinstance(results, Exception):
                    fault = results
                    continue
                if results is None:
                    results = [worker.obituary(item) for item in batch]
                    del workers[pipe]
                    worker = _Worker(step, output)
                    workers[worker.pipe] = worker
                idle.append(worker.pipe)
                yield batch, results
    finally:
        for worker in workers.values():
            worker.end()


class _Worker:
    """One worker process, seen from the parent."""

    def __init__(self, step: Step[Any], output: Path) -> None:
        # spawn: a forked child would inherit the locks and threads of torch and of a web server.
        context = multiprocessing.get_context("spawn")
        self.pipe, child = context.Pipe()
        self.batch: Batch | None = None
        self._process: BaseProcess = context.Process(target=_work, args=(child, step, output), daemon=True)
        # A child that is just starting cannot ignore signals yet, but it inherits the mask. The tracker is started
        # before, since its start ends with these signals unblocked.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
        child.close()

    def give(self, batch: Batch) -> None:
        self.batch = batch
        # Had it died before the batch reached it, `take` finds the closed pipe and tells.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(batch)

    def take(self) -> tuple[Batch, list[Result] | Exception | None]:
        """The batch in hand and its results, or the fault that ends the run, or None when the worker has died."""
        assert self.batch is not None
        batch, self.batch = self.batch, None
        try:
            return batch, self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return batch, None

    def obituary(self, item: Item) -> SoundwrightError:
        self._process.join()
        code = self._process.exitcode
        cause = f"exit code {code}"
        if code is not None and code < 0:
            cause = signal.Signals(-code).name
        return SoundwrightError(
            f"the worker process died over this file ({cause})",
            path=item.path,
            remedy="SIGKILL is most often lack of memory: try --workers 1, or leave the file out",
        )

    def end(self) -> None:
        if self.batch is not None:
            self._process.kill()
        self.pipe.close()
        self._process.join()


def _work(pipe: Connection, step: Step[Any], output: Path) -> None:
    """The life of a worker process."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    digest = step.settings_digest()
    state: Any = None
    ready = False
    while True:
        try:
            batch = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            if not ready:
                state, ready = step.setup(), True
            pipe.send(do_batch(step, state, batch, output, digest))
        except (SoundwrightError, OSError) as error:
            pipe.send(error)
        except Exception as error:
            pipe.send(_internal(error, output, traceback.format_exc()))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
