"""Whose the files in an output folder are: which a step may write, and which of its own it removes.

A step writes where nothing stands, or what it has begun to write before. It removes what it wrote itself, as long as
nobody has changed it since.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundwright.core.errors import BadInput, SoundwrightError, show_path
from soundwright.runs.discover import Found
from soundwright.runs.ledger import Entry, Ledger
from soundwright.runs.step import Item, Step


@dataclass(frozen=True)
class Ownership:
    """What the ledger of a step says about the files in its output folder."""

    step: Step[Any]
    found: Found
    output: Path
    ledger: Ledger

    def clashes(self) -> dict[str, SoundwrightError]:
        """Items that share an output with another item: none of them is done."""
        makers: dict[str, list[Item]] = defaultdict(list)
        for item in self.found.items:
            for name in self.step.outputs(item):
                makers[name].append(item)
        clashes: dict[str, SoundwrightError] = {}
        for name, items in makers.items():
            for item in items if len(items) > 1 else ():
                others = ", ".join(show_path(other.key) for other in items if other is not item)
                clashes[item.key] = BadInput(
                    f"would give the same output {show_path(name)} as {others}",
                    path=item.path,
                    remedy="rename one of them, or choose with --extensions",
                )
        return clashes

    def foreign(self, item: Item, overwrite: bool) -> SoundwrightError | None:
        """Why an item may not be done: a file stands at its output that this step has never begun to write."""
        if overwrite or self.step.replaces:
            return None
        if item.key in self.ledger.begun:
            entry = self.ledger.entries.get(item.key)
            if not (self.found.partial and entry and not entry.has_inputs(item)):
                return None
        for name in self.step.outputs(item):
            path = self.output / name
            if path.exists():
                return BadInput(
                    "exists already and was not made from this file",
                    path=path,
                    remedy="move it, or give --overwrite",
                )
        return None

    def remove_stale(self, item: Item) -> None:
        """Removes what a failed item gave before its input or the settings changed: nobody is to take it for new."""
        entry = self.ledger.entries.get(item.key)
        if (
            entry is None
            or self.step.replaces
            or (entry.settings == self.step.settings_digest() and entry.has_inputs(item))
        ):
            return
        for name, mark in entry.outputs:
            if mark.matches(self.output / name):  # what somebody else put in its place stays
                (self.output / name).unlink()
        self.ledger.drop(item.key)

    def remove_superseded(self, result: Entry) -> None:
        """Removes what an item gave with other settings and gives no more: a third segment where two are left."""
        before = self.ledger.entries.get(result.key)
        if before and not self.step.replaces:
            current = {name for name, _ in result.outputs}
            for name, mark in before.outputs:
                if name not in current and mark.matches(self.output / name):
                    (self.output / name).unlink()

    def orphans(self, prune: bool) -> list[str]:
        """Notes on the outputs whose input is gone; with `prune` those that are as they were written are removed."""
        if self.found.partial:
            return []
        if self.found.problems:  # what could not be looked into is not gone
            return ["nothing was removed: not all of the input could be read"] if prune else []
        current = {item.key for item in self.found.items}
        notes, num_removed = [], 0
        for entry in [entry for entry in self.ledger.entries.values() if entry.key not in current]:
            standing = [(self.output / name, mark) for name, mark in entry.outputs if (self.output / name).exists()]
            ours = [path for path, mark in standing if prune and mark.matches(path)]
            for path in ours:
                path.unlink()
            num_removed += len(ours)
            if prune:
                self.ledger.drop(entry.key)
            left = [path for path, _ in standing if path not in ours]
            if left:
                more = f" and {len(left) - 1} more" if len(left) > 1 else ""
                notes.append(f"orphan: {show_path(left[0])}{more}: its input is gone -> delete it if unwanted")
        if num_removed:
            notes.append(f"{num_removed} files whose input is gone were removed from {show_path(self.output)}")
        return notes
