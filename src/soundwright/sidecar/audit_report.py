"""What an audit found: by file, by kind, as lines for a person, as a table, as an exit code."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from soundwright.core.errors import BadInput, show_path
from soundwright.formats import conditions
from soundwright.runs import atomic
from soundwright.sidecar.issues import KINDS, Issue

STEP = "sidecar-audit"


@dataclass
class AuditReport:
    """What an audit found.

    Attributes:
        audio_root: the token files.
        cond_root: the sidecars.
        num_files: token files looked at.
        issues: by key (relative path of the token file), or by the path of an orphan relative to `cond_root`.
        rel_cond: .npy file of each key, relative to `cond_root`.
        unverifiable: parameters whose range should be verified, and none is declared.
        notes: what concerns no single file.
        fail_on: kinds of issues that make the exit code 1.
        most_listed: how many issues `lines` shows; None for all.
        duration_s: wall time.
    """

    audio_root: Path
    cond_root: Path
    num_files: int = 0
    issues: dict[str, tuple[Issue, ...]] = field(default_factory=dict)
    rel_cond: dict[str, str] = field(default_factory=dict)
    unverifiable: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    fail_on: tuple[str, ...] = ()
    most_listed: int | None = 50
    duration_s: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 if there is an issue of a kind in `fail_on`."""
        return int(any(True for _ in self._told(failing=True)))

    @property
    def num_ok(self) -> int:
        """Token files without any issue."""
        return self.num_files - sum(key not in self.orphans for key in self.issues)

    @property
    def orphans(self) -> set[str]:
        """Sidecars without a token file."""
        return {key for key, issues in self.issues.items() if any(issue.kind == "orphan_sidecar" for issue in issues)}

    # The counts of any step, by the names that `RunSummary` has, for tables of steps.

    @property
    def total(self) -> int:
        """Token files looked at."""
        return self.num_files

    @property
    def done(self) -> int:
        """Token files that do not fail the audit."""
        return self.num_files - len({key for key, _ in self.failures} - self.orphans - {conditions.NAME})

    @property
    def skipped(self) -> int:
        """An audit always looks at everything."""
        return 0

    @property
    def failures(self) -> list[tuple[str, BadInput]]:
        """Each issue that fails the audit."""
        return [(key, BadInput(f"{issue.kind}: {issue.detail}", path=key)) for key, issue in self._told(failing=True)]

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """Each issue that does not."""
        return [(key, f"{issue.kind}: {issue.detail}") for key, issue in self._told(failing=False)]

    def _told(self, *, failing: bool) -> Iterator[tuple[str, Issue]]:
        for key, issues in self.issues.items():
            for issue in issues:
                if (issue.kind in self.fail_on) == failing:
                    yield key, issue
        for issue in self._of_parameters():
            if (issue.kind in self.fail_on) == failing:
                yield conditions.NAME, issue

    def _of_parameters(self) -> Iterator[Issue]:
        # Of the whole dataset, so told once: the same words for each of ten thousand files would hide the others.
        for name in self.unverifiable:
            yield Issue("range_unverifiable", f"{name}: no range is declared")

    def tell_unverifiable(self, names: tuple[str, ...]) -> None:
        """Takes in the parameters whose values could not be compared with anything, with a note for the user."""
        self.unverifiable = names
        if names:
            fails = "" if "range_unverifiable" in self.fail_on else " (does not fail the audit)"
            self.notes.append(
                f"range_unverifiable: no range is declared for {', '.join(names)}: not compared with anything{fails} "
                "-> declare it: sidecar init --schema FILE"
            )

    @property
    def files_by_kind(self) -> dict[str, int]:
        """How many files have each kind of issue, in the order of `KINDS`."""
        counts = Counter(kind for issues in self.issues.values() for kind in {issue.kind for issue in issues})
        return {kind: counts[kind] for kind in KINDS if counts[kind]}

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Every issue as `type, rel_ecdc, rel_cond, detail`; those of a parameter are issues of conditions.json."""
        for key, issues in self.issues.items():
            rel_ecdc = "" if key in self.orphans else key
            for issue in issues:
                yield issue.kind, rel_ecdc, self.rel_cond[key], issue.detail
        for issue in self._of_parameters():
            yield issue.kind, "", conditions.NAME, issue.detail

    def lines(self) -> Iterator[str]:
        """The findings for a person."""
        bad = self.num_files - self.num_ok
        yield f"{STEP}: {self.num_files} files: {self.num_ok} OK, {bad} with problems in {self.duration_s:.1f} s"
        for kind, count in self.files_by_kind.items():
            harmless = "" if kind in self.fail_on else " (does not fail the audit)"
            yield f"  {kind}: {count} {'file' if count == 1 else 'files'}: {KINDS[kind]}{harmless}"
        rows = list(self.rows())
        if "range_unverifiable" not in self.fail_on:
            rows = [row for row in rows if row[0] != "range_unverifiable"]  # a note has said it
        shown = rows if self.most_listed is None else rows[: self.most_listed]
        for kind, rel_ecdc, rel_cond, detail in shown:
            yield f"  {show_path(rel_ecdc or rel_cond)}: {kind}: {show_path(detail)}"
        if len(shown) < len(rows):
            yield f"  ... and {len(rows) - len(shown)} more -> give --list all, or --export-csv FILE"

    def write_csv(self, path: Path) -> None:
        """Writes every issue to a table, atomically; file names of any characters survive."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(("type", "rel_ecdc", "rel_cond", "detail"))
        writer.writerows(self.rows())
        atomic.write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))
