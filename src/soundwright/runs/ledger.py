"""What a step has done so far: an append-only JSON-lines file per shard, safe against `kill -9`.

Its lines are the settings (once per digest), the items begun, the items done, and those dropped again. A line is
appended whole; a torn last line is one that never happened. An item counts as done when its inputs and its outputs are
as recorded: by size and modification time, and where those differ, by content digest (a tree may be copied or moved).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from soundwright.runs import atomic
from soundwright.runs.step import Done, Finished, Item


@dataclass(frozen=True)
class Fingerprint:
    """Size in bytes, modification time in ns, and SHA-256 of a file's content."""

    size: int
    mtime_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """Reads a file. The time is taken first, so that a change while reading makes the file look changed."""
        status = os.stat(path)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(status.st_size, status.st_mtime_ns, digest)

    def matches(self, path: Path) -> bool:
        """Whether the file at `path` still has this content."""
        try:
            status = os.stat(path)
        except OSError:
            return False
        if status.st_size != self.size:
            return False
        return status.st_mtime_ns == self.mtime_ns or Fingerprint.of(path).sha256 == self.sha256


@dataclass(frozen=True)
class Entry:
    """A done item; `when_ns` is the time at which it was, since of two entries for one key the newer counts."""

    key: str
    settings: str
    inputs: tuple[Fingerprint, ...]
    outputs: tuple[tuple[str, Fingerprint], ...]
    info: dict[str, Any]
    warnings: tuple[str, ...]
    when_ns: int
    excluded: str = ""

    @classmethod
    def record(cls, item: Item, settings: str, inputs: tuple[Fingerprint, ...], done: Done, output: Path) -> Entry:
        """Fingerprints the outputs of an item that has just been done."""
        outputs = tuple((name, Fingerprint.of(output / name)) for name in done.outputs)
        return cls(item.key, settings, inputs, outputs, done.info, done.warnings, time.time_ns(), done.excluded)

    def has_inputs(self, item: Item) -> bool:
        """Whether the item's inputs are as recorded."""
        return len(self.inputs) == len(item.inputs) and all(
            mark.matches(path) for mark, path in zip(self.inputs, item.inputs, strict=True)
        )

    def has_outputs(self, names: tuple[str, ...], output: Path) -> bool:
        """Whether these are among the outputs, and all stand as recorded. What is excluded has none."""
        recorded = {name for name, _ in self.outputs}
        return (bool(self.excluded) or recorded.issuperset(names)) and all(
            mark.matches(output / name) for name, mark in self.outputs
        )

    def finished(self) -> Finished:
        """This entry as `Step.reduce` sees it."""
        return Finished(self.key, tuple(name for name, _ in self.outputs), self.info, self.excluded)

    @classmethod
    def parse(cls, line: dict[str, Any]) -> Entry:
        """The inverse of `asdict`."""
        inputs = tuple(Fingerprint(**mark) for mark in line["inputs"])
        outputs = tuple((name, Fingerprint(**mark)) for name, mark in line["outputs"])
        warnings = tuple(line["warnings"])
        excluded = line.get("excluded", "")
        return cls(line["key"], line["settings"], inputs, outputs, line["info"], warnings, line["when_ns"], excluded)


class Ledger:
    """The ledgers of all shards, read together; this shard's is the only one written."""

    def __init__(self, folder: Path, shard_suffix: str) -> None:
        """Reads `folder/done*.jsonl`; newer entries replace older ones."""
        self.path = folder / f"done{shard_suffix}.jsonl"
        self.entries: dict[str, Entry] = {}
        self.begun: set[str] = set()
        self.settings: dict[str, dict[str, Any]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("done*.jsonl"):
            self._read(path)
        self._mend_torn_line()
        self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 - stays open until `close`

    def _read(self, path: Path) -> None:
        for text in path.read_text(encoding="utf-8").split("\n"):
            try:
                self._take(json.loads(text))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # empty, torn by a kill, or of another release: the item counts as begun, not done

    def _take(self, line: dict[str, Any]) -> None:
        if "begun" in line:
            self.begun.update(line["begun"])
        elif "digest" in line:
            self.settings[line["digest"]] = line["values"]
        elif "dropped" in line:
            known = self.entries.get(line["dropped"])
            if known and known.when_ns <= line["when_ns"]:
                del self.entries[known.key]
        else:
            entry = Entry.parse(line)
            known = self.entries.get(entry.key)
            if known is None or known.when_ns <= entry.when_ns:
                self.entries[entry.key] = entry

    def _mend_torn_line(self) -> None:
        if self.path.exists():
            text = self.path.read_bytes()
            if not text.endswith(b"\n"):
                atomic.write_bytes(self.path, text[: text.rfind(b"\n") + 1])

    def _append(self, line: dict[str, Any]) -> None:
        # One write call per line: a kill between two calls leaves whole lines.
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def note_settings(self, digest: str, values: dict[str, Any]) -> None:
        """Remembers what the settings behind a digest were, to be able to say later what differs."""
        if digest not in self.settings:
            self.settings[digest] = values
            self._append({"digest": digest, "values": values})

    def note_begun(self, keys: Iterable[str]) -> None:
        """Remembers that these items may from now on have outputs, whole or not."""
        fresh = [key for key in keys if key not in self.begun]
        if fresh:
            self.begun.update(fresh)
            self._append({"begun": fresh})

    def note_done(self, entry: Entry) -> None:
        """Remembers a done item."""
        self.entries[entry.key] = entry
        self._append(asdict(entry))

    def drop(self, key: str) -> None:
        """Forgets a done item."""
        del self.entries[key]
        self._append({"dropped": key, "when_ns": time.time_ns()})

    def reread(self) -> None:
        """Takes in what other shards have written since."""
        for path in self.path.parent.glob("done*.jsonl"):
            if path != self.path:
                self._read(path)

    def close(self) -> None:
        """Closes this shard's file, synced."""
        os.fsync(self._file.fileno())
        self._file.close()
