"""What the mixer has to beat without any learning: loudness that is usual, and a rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundwright.formats.instructions import Call
from soundwright.mixing.effects.balance import FULL_DIFFERENCE_DB
from soundwright.mixing.labels import FIRST, SCALES, to_call
from soundwright.mixing.statistics import Statistics
from soundwright.mixing.tools import canonical

#: Median level of a stem beside the mean of all, dB, while it plays; measured on the songs that `tiny` learned from.
USUAL_DB = {"vocals": 0.9, "drums": 2.0, "bass": 0.8, "other": -3.5}
_RULE_VOLUME_DB, _RULE_BALANCE_DB = 3.0, 3.0
_VOLUME_SCALE = float(SCALES[FIRST["change_volume"]])


def normalise(names: Sequence[str], stems: Statistics) -> dict[str, tuple[Call, ...]]:
    """Brings every stem to its usual level beside the mean of all."""
    mean = stems.levels_db().mean(axis=0)
    usual = np.array([USUAL_DB.get(name, 0.0) for name in names])
    lacks = usual - usual.mean() - (mean - mean.mean())
    return canonical({n: (to_call("change_volume", [db / _VOLUME_SCALE]),) for n, db in zip(names, lacks, strict=True)})


def rule(names: Sequence[str], stems: Statistics) -> dict[str, tuple[Call, ...]]:
    """As `normalise`, where it is 3 dB or more; and what stands 3 dB or more to one side goes to the middle."""
    instructions: dict[str, tuple[Call, ...]] = {}
    by_name = normalise(names, stems)
    left, right = stems.levels_db()
    for place, name in enumerate(names):
        calls = [c for c in by_name.get(name, ()) if abs(c.arguments["db"]) >= _RULE_VOLUME_DB]
        if abs(left[place] - right[place]) >= _RULE_BALANCE_DB:
            calls.append(to_call("apply_pan", [(left[place] - right[place]) / FULL_DIFFERENCE_DB]))
        instructions[name] = tuple(calls)
    return canonical(instructions)
