"""What a folder step did, as the command line prints it and a program reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soundwright.core.errors import SoundwrightError, show_path

#: Conventional exit code of a program ended by Ctrl-C.
INTERRUPTED = 130


@dataclass
class RunSummary:
    """Counts and messages of one run of a step.

    Attributes:
        step: its name.
        output: the output folder.
        failures_path: where the failures are listed in full.
        tolerate_failures: failures are listed and do not make the exit code 1.
        total: items of this run.
        done: done now.
        skipped: done in earlier runs.
        failures: key and error of each item that failed.
        excluded: key and reason of each item that rightly gives no output, those of earlier runs too.
        warnings: key and text, those of items done earlier too.
        notes: what concerns no single item.
        status: `finished`, `interrupted` (Ctrl-C) or `cancelled` (by the caller).
        duration_s: wall time.
    """

    step: str
    output: Path
    failures_path: Path
    tolerate_failures: bool = False
    total: int = 0
    done: int = 0
    skipped: int = 0
    failures: list[tuple[str, SoundwrightError]] = field(default_factory=list)
    excluded: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    status: str = "running"
    duration_s: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 all good, 1 some items failed, 130 stopped before the end."""
        if self.status != "finished":
            return INTERRUPTED
        return 1 if self.failures and not self.tolerate_failures else 0

    def facts(self) -> dict[str, Any]:
        """The counts, for `run.json`."""
        return {
            "status": self.status,
            "counts": {
                "total": self.total,
                "done": self.done,
                "skipped": self.skipped,
                "excluded": len(self.excluded),
                "failed": len(self.failures),
                "warnings": len(self.warnings),
            },
        }

    def lines(self) -> Iterator[str]:
        """The summary for a person."""
        parts = [f"{self.done} done"]
        if self.skipped:
            parts.append(f"{self.skipped} already done")
        if self.excluded:
            parts.append(f"{len(self.excluded)} excluded")
        if self.failures:
            parts.append(f"{len(self.failures)} failed")
        if self.warnings:
            parts.append(f"{len(self.warnings)} warnings")
        ended = "" if self.status == "finished" else f" [{self.status}; the same command goes on from here]"
        yield f"{self.step}: {', '.join(parts)} in {self.duration_s:.1f} s -> {show_path(self.output)}{ended}"
        if self.failures:
            yield f"failures are listed in {show_path(self.failures_path)}"
