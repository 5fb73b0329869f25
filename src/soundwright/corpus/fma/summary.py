"""What `corpus fma` did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from soundwright.core.errors import show_path
from soundwright.runs.summary import RunSummary


@dataclass
class FmaSummary(RunSummary):
    """What was fetched, over all rounds of the step.

    Attributes:
        bytes_fetched: what came over the network in this run, with what was fetched in vain.
        licenses_known: whether artists, titles and licences stand in `licenses.csv`.
    """

    bytes_fetched: int = 0
    licenses_known: bool = True

    @classmethod
    def of_rounds(cls, rounds: list[RunSummary]) -> FmaSummary:
        """The last round has every track of the earlier ones; what was done in those was done in this run."""
        last = rounds[-1]
        summary = cls(**{field.name: getattr(last, field.name) for field in fields(RunSummary)})
        summary.done = sum(each.done for each in rounds)
        summary.skipped = last.done + last.skipped - summary.done
        summary.duration_s = sum(each.duration_s for each in rounds)
        return summary

    @property
    def exit_code(self) -> int:
        """As of any step; 1 also where no track could be used."""
        usual = super().exit_code
        return usual or int(self.status == "finished" and not self.done + self.skipped)

    def facts(self) -> dict[str, Any]:
        """The counts, for `run.json`."""
        return {**super().facts(), "bytes_fetched": self.bytes_fetched}

    def lines(self) -> Iterator[str]:
        """The summary for a person."""
        yield from super().lines()
        fetched = f"{self.bytes_fetched / 1e6:.2f} MB were fetched" if self.bytes_fetched else "nothing was fetched"
        yield f"{self.done + self.skipped} tracks are there; {fetched} over the network"
        if self.excluded:
            replaced = " were replaced by others" if self.done + self.skipped else " are all there is"
            yield f"excluded tracks{replaced}; the reasons: {show_path(self.output / 'excluded.csv')}"
        if self.status == "finished":
            where = show_path(self.output / "licenses.csv")
            known = where if self.licenses_known else f"not known here, {where} has file names only"
            yield f"each track is under its artist's own licence: {known}"
