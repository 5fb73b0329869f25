"""What `dataset build` did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from soundwright.runs.summary import RunSummary


@dataclass
class BuildSummary(RunSummary):
    """What a build did.

    Attributes:
        split: the split that was built.
        contents: what is in it, as lines for a person.
    """

    split: str = "train"
    contents: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The summary for a person."""
        yield from super().lines()
        yield from self.contents
