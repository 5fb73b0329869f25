"""Runs a folder step: resume, shards, worker processes, failures, records. Knows nothing of audio.

The state of a step lives in `OUT/.soundwright/<step>/`:

    done.jsonl       the ledger: what is done, with which settings, from and to which content
    failures.jsonl   the items of the latest run that failed, each with path, message and remedy
    run.json         the latest run: command, settings, versions, counts, digests, durations
    lock             held while a run is going on: two runs of one step never work in one folder

With shards each shard has its own files (`done-0-of-2.jsonl` ...), and each reads all ledgers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from soundwright.core.errors import SoundwrightError, UsageError
from soundwright.core.threads import limit_threads
from soundwright.runs import atomic, record
from soundwright.runs.discover import Found
from soundwright.runs.events import Ended, ItemDone, ItemFailed, Note, Started, emit
from soundwright.runs.interrupt import Interrupt, catch_interrupts
from soundwright.runs.ledger import Entry, Ledger
from soundwright.runs.locks import lock, shard_lock
from soundwright.runs.options import RunOptions
from soundwright.runs.ownership import Ownership
from soundwright.runs.state import STATE_FOLDER, state_folder
from soundwright.runs.step import Item, Step
from soundwright.runs.summary import RunSummary
from soundwright.runs.workers import Batch, InternalError, run_here, run_in_workers


def run_step(
    step: Step[Any],
    found: Found,
    output: Path,
    options: RunOptions | None = None,
    *,
    overwrite: bool = False,
    prune: bool = False,
    tolerate_failures: bool = False,
    seeds: dict[str, int] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> RunSummary:
    """Brings every item of a step to the state "done", and says what could not be done.

    Items that are done, by content of inputs and outputs and by settings, are not done again. The same call after a
    kill at any moment gives the outputs of an undisturbed run.

    Args:
        step: what to do.
        found: the items, and the problems met while looking for them, which count as failures.
        output: the folder for the outputs and the state; made if missing.
        options: workers and shards.
        overwrite: do every item again, and replace files that this step did not write. After a kill the same call goes
            on: what was done again before the kill is not done once more.
        prune: remove outputs whose input is gone, if they are still as this step wrote them, instead of telling so.
        tolerate_failures: failures do not make the exit code 1.
        seeds: for the record.
        cancel: asked often; when it turns true, the items in hand are finished and no more begun.

    Raises:
        UsageError: the folder cannot be written, another run works in it, or it was made with other settings and
            the step does not mix settings.
        SoundwrightError: the step could not be set up, or the disk is full.
    """
    began = time.monotonic()
    options = options or RunOptions()
    resuming = (output / STATE_FOLDER / step.name).is_dir()
    state = state_folder(output, step.name)
    suffix = options.shard_suffix
    summary = RunSummary(step.name, output, state / f"failures{suffix}.jsonl", tolerate_failures=tolerate_failures)
    # Worker processes inherit the limit: n of them with n threads each would fight for the cores.
    with limit_threads(options.threads), shard_lock(state, suffix), catch_interrupts() as interrupt:
        if resuming:
            atomic.remove_leftovers(output)
        with closing(Ledger(state, suffix)) as ledger:
            record_path = state / f"run{suffix}.json"
            since_ns = _overwriting_since(record_path, step) if overwrite else 0
            work = _Work(step, found, output, options, ledger, since_ns, prune)
            about = record.describe(step.name, step.settings(), seeds)
            about["overwriting_since_ns"] = since_ns
            atomic.write_json(record_path, about)
            work.run(summary, lambda: interrupt.requested or bool(cancel and cancel()), interrupt)
            summary.duration_s = time.monotonic() - began
            about.update(summary.facts(), duration_s=round(summary.duration_s, 3), inputs=work.input_facts())
            atomic.write_json(record_path, about)
    emit(Ended(step.name, summary.status, summary.duration_s))
    return summary


class _Work:
    """One call of `run_step`: which items are pending, and what comes of them."""

    def __init__(
        self,
        step: Step[Any],
        found: Found,
        output: Path,
        options: RunOptions,
        ledger: Ledger,
        overwriting_since_ns: int,
        prune: bool,
    ) -> None:
        self.step, self.found, self.output, self.options, self.prune = step, found, output, options, prune
        self.ledger, self.since_ns, self.overwrite = ledger, overwriting_since_ns, overwriting_since_ns > 0
        self.digest = step.settings_digest()
        self.owner = Ownership(step, found, output, ledger)
        self.mine = [item for item in found.items if options.in_shard(item.key)]

    def run(self, summary: RunSummary, stop: Callable[[], bool], interrupt: Interrupt) -> None:
        """Does what is pending, reduces, and fills the summary."""
        if not self.overwrite and self.step.when_settings_differ == "error":
            self._refuse_other_settings()
        clashing = self.owner.clashes()
        before = [item for item in self.mine if self._is_done(item)]
        done_before = {item.key for item in before}
        candidates = [item for item in self.mine if item.key not in done_before and item.key not in clashing]
        foreign = {item.key: error for item in candidates if (error := self.owner.foreign(item, self.overwrite))}
        pending = [item for item in candidates if item.key not in foreign]
        num_workers = self.options.workers_for(-(-len(pending) // self.step.batch_size), self._worth(pending))

        emit(Started(self.step.name, len(self.mine), len(before), num_workers))
        summary.total = len(self.mine)
        summary.skipped = sum(not self.ledger.entries[item.key].excluded for item in before)
        for note in (*self.found.notes, *self.owner.orphans(self.prune)):
            summary.notes.append(note)
            emit(Note(note))
        self.ledger.note_settings(self.digest, self.step.settings())
        with open(summary.failures_path, "w", encoding="utf-8") as file:

            def fail(key: str, error: SoundwrightError) -> None:
                summary.failures.append((key, error))
                file.write(json.dumps(_failure(key, error)) + "\n")
                file.flush()
                emit(ItemFailed(key, error))

            undone = len(pending)
            for error in self.found.problems:
                fail(str(error.path), error)
            for item in self.mine:
                if refusal := clashing.get(item.key) or foreign.get(item.key):
                    fail(item.key, refusal)
            for item in before:
                self._note(summary, self.ledger.entries[item.key])
            for batch, results in self._execute(pending, num_workers, stop):
                undone -= len(batch)
                for item, result in zip(batch, results, strict=True):
                    if isinstance(result, Entry):
                        self.owner.remove_superseded(result)
                        self.ledger.note_done(result)
                        summary.done += not result.excluded
                        self._note(summary, result)
                        emit(ItemDone(item.key, result.warnings, result.excluded))
                    else:
                        fail(item.key, result)
                        self.owner.remove_stale(item)
        if undone and stop():
            summary.status = "interrupted" if interrupt.requested else "cancelled"
        else:
            summary.status = "finished"
            self._reduce()

    @staticmethod
    def _note(summary: RunSummary, entry: Entry) -> None:
        summary.warnings += [(entry.key, warning) for warning in entry.warnings]
        if entry.excluded:
            summary.excluded.append((entry.key, entry.excluded))

    def input_facts(self) -> dict[str, Any]:
        """Count and joint digest of the inputs of all done items of this shard."""
        entries = [self.ledger.entries[item.key] for item in self.mine if item.key in self.ledger.entries]
        digests = (mark.sha256 for entry in entries for mark in entry.inputs)
        return {"count": len(self.mine), "sha256": record.digest_of(digests)}

    def _execute(
        self, pending: Sequence[Item], num_workers: int, stop: Callable[[], bool]
    ) -> Iterator[tuple[Batch, list[Entry | SoundwrightError]]]:
        size = self.step.batch_size
        batches = [pending[i : i + size] for i in range(0, len(pending), size)]

        def begin(batch: Batch) -> None:
            self.ledger.note_begun(item.key for item in batch)

        if not batches:
            return iter(())
        if num_workers == 1:
            return run_here(self.step, batches, self.output, begin, stop)
        return run_in_workers(self.step, batches, self.output, begin, stop, num_workers)

    def _reduce(self) -> None:
        # Under one lock for all shards: the last to come in has read every ledger.
        with lock(self.ledger.path.parent / "lock-reduce", wait=True):
            self.ledger.reread()
            entries = (self.ledger.entries.get(item.key) for item in self.found.items)
            self.step.reduce([entry.finished() for entry in entries if entry and entry.settings == self.digest])

    def _worth(self, pending: Sequence[Item]) -> int:
        """How many workers the input is worth starting."""
        if self.step.worker_pays_after == 0:
            return len(pending)
        sizes = (path.stat().st_size for item in pending for path in item.inputs if path.exists())
        return sum(sizes) // self.step.worker_pays_after

    def _is_done(self, item: Item) -> bool:
        entry = self.ledger.entries.get(item.key)
        return (
            entry is not None
            and entry.settings == self.digest
            and entry.when_ns >= self.since_ns
            and entry.has_inputs(item)
            and entry.has_outputs(self.step.outputs(item), self.output)
        )

    def _refuse_other_settings(self) -> None:
        current = {item.key for item in self.found.items}
        others = {e.settings for e in self.ledger.entries.values() if e.key in current} - {self.digest}
        values = self.step.settings()
        for digest in sorted(others):
            recorded = self.ledger.settings.get(digest, {})
            changed = sorted(key for key in {*recorded, *values} if recorded.get(key) != values.get(key))
            texts = [f"{key}={recorded.get(key)} (now {values.get(key)})" for key in changed]
            difference = ", ".join(texts) or "an older version of this step"
            raise UsageError(
                f"was made with other settings: {difference}",
                path=self.output,
                remedy="give --overwrite to make everything again, or choose another output folder",
            )


def _overwriting_since(record_path: Path, step: Step[Any]) -> int:
    """When the overwriting began that this run is part of: now, or that of a run which was stopped before its end."""
    if record_path.exists():
        before = json.loads(record_path.read_text(encoding="utf-8"))
        if before["status"] != "finished" and before["settings"] == step.settings():
            return int(before["overwriting_since_ns"]) or time.time_ns()
    return time.time_ns()


def _failure(key: str, error: SoundwrightError) -> dict[str, Any]:
    line = {"key": key, "path": str(error.path), "message": error.message, "remedy": error.remedy}
    if isinstance(error, InternalError):
        line["traceback"] = error.traceback
    return line
