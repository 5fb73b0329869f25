"""Scores of many examples as the figures of a table, with intervals over songs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.labels import TOOL_NAMES, VALUES
from soundwright.mixing.metrics import bootstrap, f1
from soundwright.mixing.scoring import Score

Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """A way to answer, in one condition.

    Attributes:
        method: `mixer`, or a baseline.
        condition: what reference there was.
        examples: how many; `untouched` of them had nothing to do.
        untouched: see there.
        f1: of (stem, tool), over all examples.
        f1_interval: 95 %, over songs.
        f1_tools: by tool, of those that occur.
        errors: mean absolute error by argument (`tool.argument`), over all stems, a missing call counting as nothing.
        volume_interval: of the error of the volume.
        recovery: of the mix: 1 - sum of distances after / before, over the distorted examples; NaN without any, as
            everything else of which there was nothing to average.
        recovery_interval: likewise.
        recovery_stems: of the distorted stems.
        left_alone: part of the untouched examples of which nothing was said.
        left_alone_interval: likewise.
        worse: part of all stems that are farther from the target than before.
        worse_interval: likewise.
        loudness: mean error of the mix, LU, before and after; of the distorted examples, as the next two.
        tilt: dB per octave.
        balance: dB.
        parsed: part of the answers that parse, are executable, and round-trip.
        named: part of the calls that words name, or true words would name, that were said in their direction.
        others: part of the examples in which words changed any other call; None where there are no words.
    """

    method: str
    condition: str
    examples: int
    untouched: int
    f1: float
    f1_interval: Interval
    f1_tools: dict[str, float]
    errors: dict[str, float]
    volume_interval: Interval
    recovery: float
    recovery_interval: Interval
    recovery_stems: float
    left_alone: float
    left_alone_interval: Interval
    worse: float
    worse_interval: Interval
    loudness: Interval
    tilt: Interval
    balance: Interval
    parsed: float
    named: float | None
    others: float | None

    def to_dict(self) -> dict[str, Any]:
        """As plain containers, with None where there was nothing to average."""
        figures: dict[str, Any] = _known(asdict(self))
        return figures


def summarise(method: str, condition: str, scores: Sequence[Score], parsed: float) -> Row:
    """Sums up scores of one method in one condition."""
    songs = [score.song for score in scores]
    counts = np.stack([score.counts for score in scores])  # [E, 3, tools]
    before, after = np.array([(score.before, score.after) for score in scores]).T
    touched = np.array([not score.untouched for score in scores])
    alone = np.array([score.left_alone for score in scores])
    worse = np.array([score.worse for score in scores])
    stems = np.array([len(score.stems_before) for score in scores])
    errors = np.stack([score.errors.mean(axis=0) for score in scores])  # [E, values]
    measures = np.stack([score.measures for score in scores])[touched]  # [e, 3, 2]

    def whole_f1(rows: NDArray[np.int64]) -> float:
        return f1(*counts[rows].sum(axis=(0, 2)))

    def recovery(rows: NDArray[np.int64]) -> float:
        rows = rows[touched[rows]]
        return _recovered(float(before[rows].sum()), float(after[rows].sum()))

    def left_alone(rows: NDArray[np.int64]) -> float:
        rows = rows[~touched[rows]]
        return float(alone[rows].mean()) if len(rows) else float("nan")

    def share_worse(rows: NDArray[np.int64]) -> float:
        return float(worse[rows].sum() / stems[rows].sum())

    def volume(rows: NDArray[np.int64]) -> float:
        return float(errors[rows, 0].mean())

    everything = np.arange(len(scores))

    def both(figure: Callable[[NDArray[np.int64]], float]) -> tuple[float, Interval]:
        return figure(everything), bootstrap(songs, figure)

    total = counts.sum(axis=0)
    used = [place for place in range(len(TOOL_NAMES)) if total[:, place].any()]
    distorted = [(s.stems_before[s.stems_before > 0], s.stems_after[s.stems_before > 0]) for s in scores]
    stems_before, stems_after = (sum(float(pair[side].sum()) for pair in distorted) for side in (0, 1))
    (f1_all, f1_in), (found, found_in) = both(whole_f1), both(recovery)
    (kept, kept_in), (harmed, harmed_in), (_, volume_in) = both(left_alone), both(share_worse), both(volume)
    means = measures.mean(axis=0) if len(measures) else np.full((3, 2), np.nan)
    loudness, tilt, balance = ((float(b), float(a)) for b, a in means)
    return Row(
        method,
        condition,
        len(scores),
        int((~touched).sum()),
        f1_all,
        f1_in,
        {TOOL_NAMES[place]: f1(*total[:, place]) for place in used},
        {
            f"{tool}.{parameter.name}": float(errors[:, column].mean())
            for column, (tool, parameter) in enumerate(VALUES)
            if TOOL_NAMES.index(tool) in used
        },
        volume_in,
        found,
        found_in,
        _recovered(stems_before, stems_after),
        kept,
        kept_in,
        harmed,
        harmed_in,
        loudness,
        tilt,
        balance,
        parsed,
        _share([score.named for score in scores]),
        _share([score.others for score in scores]),
    )


def _recovered(before: float, after: float) -> float:
    return 1 - after / before if before > 0 else float("nan")


def _known(figures: Any) -> Any:
    """Containers with None for NaN, which is no JSON."""
    if isinstance(figures, dict):
        return {name: _known(figure) for name, figure in figures.items()}
    if isinstance(figures, list | tuple):
        return [_known(figure) for figure in figures]
    return None if isinstance(figures, float) and not isfinite(figures) else figures


def _share(known: Sequence[bool | None]) -> float | None:
    said = [value for value in known if value is not None]
    return float(np.mean(said)) if said else None


def table(rows: Sequence[Row]) -> list[str]:
    """Rows as a Markdown table."""
    head = ["answer", "reference", "F1", "volume dB", "pan", "EQ dB", "mix recovered", "stems", "left alone", "worse"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        eq = [error for name, error in row.errors.items() if name.startswith("apply_eq")]
        cells = [
            row.method,
            row.condition,
            _cell(row.f1, 3, row.f1_interval),
            _cell(row.errors.get("change_volume.db", 0.0), 2, row.volume_interval),
            f"{row.errors.get('apply_pan.balance', 0):.3f}",
            " / ".join(f"{error:.2f}" for error in eq),
            _cell(row.recovery, 3, row.recovery_interval),
            _cell(row.recovery_stems, 3),
            _cell(row.left_alone, 3, row.left_alone_interval),
            _cell(row.worse, 3),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def words_told(rows: Sequence[Row]) -> Iterator[str]:
    """What words did, a line each."""
    mixer = {row.condition: row for row in rows if row.method == "mixer"}
    for condition, row in mixer.items():
        if row.others is None or row.named is None:
            continue
        line = f"{condition}: of what they name, {row.named:.2f} is done"
        if condition.endswith("true words") and "blind" in mixer and mixer["blind"].named is not None:
            line += f" (without words {mixer['blind'].named:.2f})"
        yield f"{line}; anything else changed in {row.others:.2f} of the examples"


def _cell(figure: float, digits: int, interval: Interval | None = None) -> str:
    if not isfinite(figure):
        return "-"
    return f"{figure:.{digits}f}" + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")
