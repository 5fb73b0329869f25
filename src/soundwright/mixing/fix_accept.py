"""The last word of a reference: a step that takes the mix away from it, as measured, is not carried out.

That can be measured only where the reference is of the same performance: then the stems, each with a gain of its own,
explain most of it, and the distance of the mix to it says what a step is worth. Steps are left out as long as that
brings the mix nearer: single ones, all of a stem (an equaliser and the volume that makes up for it), or all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np

from soundwright.core.units import samples_from_seconds
from soundwright.formats.instructions import Instructions
from soundwright.mixing.alignment import EXCERPT_S, SAME, Reference, explained, loudest
from soundwright.mixing.executor import MixingTools, Samples, add_up
from soundwright.mixing.metrics import DistanceTo

#: A call, as there is one of a tool for each stem.
Key: TypeAlias = tuple[str, str]

#: What leaving out must gain, as a part of the distance; and a distance that is none.
_WORTH, _NOTHING = 0.03, 1e-4


def harmful(
    instructions: Instructions, stems: Mapping[str, Samples], sample_rate: int, reference: Reference | None
) -> set[Key]:
    """The calls, as (stem, tool), without which the mix is nearer to the reference.

    Args:
        instructions: of the stems.
        stems: `[2, N]` by name.
        sample_rate: Hz, of stems and reference.
        reference: a mix, or stems of the same names; if it is not of the same performance, no call is harmful.
    """
    calls = {(stem, call.tool) for stem, some in instructions.items() for call in some}
    if reference is None or not calls:
        return set()
    trial = _Trial(instructions, stems, sample_rate, reference)
    if not trial.is_same_performance():
        return set()
    kept, distance = set(calls), trial.distance(calls)
    while kept and distance > _NOTHING:
        groups = [*({key} for key in sorted(kept)), *_by_stem(kept), set(kept)]
        without = [(trial.distance(kept - group), place) for place, group in enumerate(groups)]
        least, place = min(without)
        if least > (1 - _WORTH) * distance:
            break
        kept, distance = kept - groups[place], least
    return calls - kept


class _Trial:
    """Stems and reference, cut to the stretch that is measured."""

    def __init__(
        self, instructions: Instructions, stems: Mapping[str, Samples], sample_rate: int, reference: Reference
    ) -> None:
        sounds = reference.values() if isinstance(reference, Mapping) else [reference]
        target = add_up(sounds)
        start, end = loudest(target, samples_from_seconds(EXCERPT_S, sample_rate))
        self.instructions, self.tools = instructions, MixingTools(sample_rate)
        self.stems = {name: _cut(sound, start, end) for name, sound in stems.items()}
        self.target = _cut(target, start, end)
        self._to_target = DistanceTo(self.target)
        self._to_targets = None
        if isinstance(reference, Mapping) and set(stems) <= set(reference):
            self._to_targets = {name: DistanceTo(_cut(reference[name], start, end)) for name in stems}
        self._done: dict[tuple[str, tuple[str, ...]], Samples] = {}
        self._distances: dict[frozenset[Key], float] = {}

    def is_same_performance(self) -> bool:
        """Whether a gain per stem and channel explains most of the reference."""
        return explained(self.stems, self.target) >= SAME

    def distance(self, kept: Iterable[Key]) -> float:
        """How far the mix is from the reference when these calls alone are carried out."""
        chosen = frozenset(kept)
        if chosen not in self._distances:
            self._distances[chosen] = self._measured(chosen)
        return self._distances[chosen]

    def _measured(self, chosen: frozenset[Key]) -> float:
        fixed = {name: self._fixed(name, chosen) for name in self.stems}
        if self._to_targets is not None:
            return float(np.mean([distance(fixed[name]) for name, distance in self._to_targets.items()]))
        mix = add_up(fixed.values())
        # The reference may be mastered, and so at any level.
        power = float(np.square(mix, dtype=np.float64).sum())
        gain = float(np.vdot(mix, self.target)) / power if power else 1.0
        return self._to_target(mix * np.float32(max(gain, 1e-3)))

    def _fixed(self, name: str, chosen: frozenset[Key]) -> Samples:
        calls = tuple(call for call in self.instructions.get(name, ()) if (name, call.tool) in chosen)
        key = name, tuple(call.tool for call in calls)
        if key not in self._done:
            self._done[key] = self.tools.apply(self.stems[name], calls)
        return self._done[key]


def _by_stem(keys: set[Key]) -> list[set[Key]]:
    stems = sorted({stem for stem, _ in keys})
    return [{key for key in keys if key[0] == stem} for stem in stems]


def _cut(sound: Samples, start: int, end: int) -> Samples:
    part = sound[:, start:end]
    return np.pad(part, ((0, 0), (0, end - start - part.shape[1])))
