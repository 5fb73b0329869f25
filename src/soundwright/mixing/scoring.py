"""What instructions did to one distorted example: nearer or farther, right or wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.instructions import Call, Instructions, render
from soundwright.mixing.executor import MixingTools, Samples, add_up
from soundwright.mixing.labels import CENTRES, SCALES, TOOL_NAMES, VALUES, to_arrays
from soundwright.mixing.metrics import DistanceTo, balance_db, tilt_db

#: A stem, and a call for it.
Named = tuple[str, Call]

#: A stem counts as worse when it is farther away by more than this.
_WORSE = 0.01


@dataclass(frozen=True)
class Score:
    """Of one example and one way to answer.

    Attributes:
        song: for the bootstrap.
        untouched: whether there was nothing to do.
        counts: hits, false and missed calls by tool, `[3, tools]`.
        errors: of every argument of every stem, 0 where a call is missing, in units, `[S, values]`.
        before: spectral distance of the mix.
        after: the same, afterwards.
        stems_before: of each stem.
        stems_after: of each stem.
        measures: loudness (LU), tilt (dB per octave) and balance (dB) error of the mix, before and after, `[3, 2]`.
        named: whether the call that words name, or would name, was said in its direction; None where there is none.
        others: whether words changed any other call; None where there are no words.
    """

    song: str
    untouched: bool
    counts: NDArray[np.int64]
    errors: NDArray[np.float64]
    before: float
    after: float
    stems_before: NDArray[np.float64]
    stems_after: NDArray[np.float64]
    measures: NDArray[np.float64]
    named: bool | None = None
    others: bool | None = None

    @property
    def left_alone(self) -> bool:
        """Whether nothing was said."""
        return not self.counts[:2].any()

    @property
    def worse(self) -> int:
        """How many stems are farther away than before."""
        return int(np.count_nonzero(self.stems_after > self.stems_before + _WORSE))


class Scorer:
    """Scores answers about one example; what does not depend on the answer is computed once.

    Args:
        song: its name.
        heard: stems as they are, `[2, N]`.
        target: stems as they should be.
        labels: what leads there.
        sample_rate: Hz.
    """

    def __init__(
        self,
        song: str,
        heard: Mapping[str, Samples],
        target: Mapping[str, Samples],
        labels: Instructions,
        sample_rate: int,
    ) -> None:
        self.song, self.heard, self.target, self.labels = song, heard, target, labels
        self.tools, self.rate = MixingTools(sample_rate), sample_rate
        self.names = list(heard)
        self._known: dict[tuple[str, str], tuple[Samples, float]] = {}
        self.mix_target = add_up(target.values())
        self._to_mix = DistanceTo(self.mix_target)
        self._to_stems = {name: DistanceTo(target[name]) for name in self.names}
        mix = add_up(heard.values())
        self.before = self._to_mix(mix)
        self.stems_before = np.array([self._stem(name, ())[1] for name in self.names])
        self._wanted = self._measure(self.mix_target)
        self.measures_before = np.abs(self._measure(mix) - self._wanted)

    def score(self, said: Instructions, named: Named | None = None, without: Instructions | None = None) -> Score:
        """Carries out what was said, and measures.

        Args:
            said: what was said.
            named: a stem and the call that words name or would name.
            without: what was said without the words.
        """
        done = [self._stem(name, said.get(name, ())) for name in self.names]
        if not any(said.values()):
            after, measures = self.before, self.measures_before
        else:
            mix = add_up(sound for sound, _ in done)
            after = self._to_mix(mix)
            measures = np.abs(self._measure(mix) - self._wanted)
        is_said, values = to_arrays(said, self.names)
        is_wanted, wanted = to_arrays(self.labels, self.names)
        hit, false, missed = is_said * is_wanted, is_said * (1 - is_wanted), (1 - is_said) * is_wanted
        return Score(
            self.song,
            not any(self.labels.values()),
            np.stack([x.sum(axis=0) for x in (hit, false, missed)]).astype(np.int64),
            np.abs(_in_units(values, is_said) - _in_units(wanted, is_wanted)),
            self.before,
            after,
            self.stems_before,
            np.array([distance for _, distance in done]),
            np.stack([self.measures_before, measures], axis=1),
            None if named is None else _says(said, named),
            None if named is None or without is None else _others(said, named) != _others(without, named),
        )

    def _stem(self, name: str, calls: tuple[Call, ...]) -> tuple[Samples, float]:
        key = (name, render({name: calls}))
        if key not in self._known:
            sound = self.tools.apply(self.heard[name], calls)
            self._known[key] = (sound, self._to_stems[name](sound))
        return self._known[key]

    def _measure(self, mix: Samples) -> NDArray[np.float64]:
        from soundwright.audio.lufs import integrated_loudness

        loudness = max(integrated_loudness(mix, self.rate), -70.0)
        return np.array([loudness, tilt_db(mix, self.rate), balance_db(mix)])


_TOOL_OF = [TOOL_NAMES.index(tool) for tool, _ in VALUES]
_ABSENT = np.array([p.default if p.neutral is None else p.neutral for _, p in VALUES])


def _says(said: Instructions, named: Named) -> bool:
    """Whether there is such a call with its largest argument in the same direction."""
    stem, call = named
    name = max(call.arguments, key=lambda argument: abs(call.arguments[argument]))
    return any(c.tool == call.tool and c.arguments[name] * call.arguments[name] > 0 for c in said.get(stem, ()))


def _others(said: Instructions, named: Named) -> dict[tuple[str, str, str], float]:
    """All arguments but the one that is named; those that do nothing are left out."""
    stem, call = named
    name = max(call.arguments, key=lambda argument: abs(call.arguments[argument]))
    arguments = {(s, c.tool, n): value for s, some in said.items() for c in some for n, value in c.arguments.items()}
    arguments.pop((stem, call.tool, name), None)
    return {key: value for key, value in arguments.items() if value}


def _in_units(scaled: NDArray[np.float32], presence: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scaled values in their units; where there is no call, what does nothing."""
    values = scaled.astype(np.float64) * SCALES + CENTRES
    return np.where(presence[:, _TOOL_OF] > 0, values, _ABSENT)
