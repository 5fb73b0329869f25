"""What became of tracks, as the command line prints it and a program reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import SoundwrightError, show_path
from soundwright.musicgen.record import Record, record_path
from soundwright.runs.summary import INTERRUPTED


@dataclass(frozen=True)
class Outcome:
    """What became of one track.

    Attributes:
        output: its file.
        record: what it was made from.
        already: it stood there, and nothing was done.
        stopped: the user stopped the work before it was done.
        error: why it could not be made.
        duration_s: wall time of its part of the work.
    """

    output: Path
    record: Record | None
    already: bool = False
    stopped: bool = False
    error: SoundwrightError | None = None
    duration_s: float = 0.0

    def lines(self) -> Iterator[str]:
        """The track for a person."""
        name = show_path(self.output)
        if self.record is None or self.error is not None:
            return  # it was told when it happened
        if self.stopped:
            yield f"{name}: stopped; whole windows are saved, and the same command goes on from there"
            return
        sound = self.record.sound
        length_s = sound["num_samples"] / sound["sample_rate"]
        facts = [f"{length_s:.1f} s", f"seed {self.record.seed}"]
        if sound.get("loudness_lufs") is not None:
            facts.append(f"{sound['loudness_lufs']:.1f} LUFS")
        if sound.get("true_peak_dbtp") is not None:
            facts.append(f"true peak {sound['true_peak_dbtp']:.1f} dBTP")
        if self.already:
            facts.append("there already")
        elif self.duration_s > 0:
            facts.append(f"made in {self.duration_s:.1f} s ({length_s / self.duration_s:.2f} times real time)")
        yield f"{name}: {', '.join(facts)}; record {show_path(record_path(self.output).name)}"


@dataclass(frozen=True)
class Generated:
    """What became of all tracks of a command.

    Attributes:
        outcomes: of each track.
        model: the weights, for a person.
        licence: of the weights.
        failed: things that failed before they were a track, e.g. lines of a file of prompts.
    """

    outcomes: tuple[Outcome, ...]
    model: str
    licence: str
    failed: int = 0

    @property
    def exit_code(self) -> int:
        """0 all good, 1 some tracks failed, 130 stopped before the end."""
        if any(outcome.stopped for outcome in self.outcomes):
            return INTERRUPTED
        return 1 if self.num_failed else 0

    @property
    def num_failed(self) -> int:
        """Tracks that are not there."""
        return self.failed + sum(outcome.error is not None for outcome in self.outcomes)

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        for outcome in self.outcomes:
            yield from outcome.lines()
        if len(self.outcomes) + self.failed > 1:
            made = sum(not (o.already or o.stopped or o.error) for o in self.outcomes)
            already = sum(outcome.already for outcome in self.outcomes)
            told = [f"{made} made"] + ([f"{already} there already"] if already else [])
            told += [f"{self.num_failed} failed"] if self.num_failed else []
            yield f"music: {', '.join(told)}"
        if any(not outcome.error for outcome in self.outcomes):
            yield licence_line(self.model, self.licence)


def licence_line(model: str, licence: str) -> str:
    """The licence of weights, for a person; what they make may be bound by it."""
    non_commercial = " (not for commercial use)" if "NC" in licence.split("-") else ""
    return f"weights: {model}, licence {licence}{non_commercial}"
