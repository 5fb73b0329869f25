"""Fits the arguments of calls to a reference of the same performance: what is left of it that they do not explain.

The network says which calls; of how much it has an idea, which is good on sounds that it knows. Where stems and
reference go together moment by moment, the right amounts can be computed: volume, pan and EQ are a known factor in
every fine band, so what remains of the reference after them is arithmetic on sums of spectra, and the table's grid is
searched for the least. Letters as in `statistics`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.instructions import Call, Instructions
from soundwright.mixing.bands import LINEAR, NUM_FINE, pool, response, share_out
from soundwright.mixing.effects.balance import FULL_DIFFERENCE_DB
from soundwright.mixing.features import Reference
from soundwright.mixing.tool_spec import Parameter
from soundwright.mixing.tools import TOOLS, canonical, fill

Array = NDArray[Any]
#: A stem, and parameters of its calls that are turned together, each with its direction.
_Knob = tuple[str, tuple[tuple[str, Parameter, int], ...]]
#: Arguments by stem and tool.
_Calls = dict[tuple[str, str], dict[str, float]]

_STRIDES = (-8, -2, -1, 1, 2, 8)
_SWEEPS = 40
_WORTH = 1e-4  # part of the rest by which a change must lower it
_MORE, _LITTLE = 1.1, 0.02  # what is left may grow so much by leaving a call out: times, and plus
_FLOOR = 1e-3  # of the loudest band: what is far below it need not be explained
_LEVEL_COST = 1e-3  # per dB squared between the level of the mix and that of a reference mix
#: What is smaller than this is nothing: the least that training distorts by is 3 dB in all, 2 dB in a band of the EQ,
#: and 5.4 dB between the channels.
NOTHING_DB = {"change_volume": 0.7, "apply_eq": 0.7, "apply_pan": 1.5}


def fit(
    instructions: Instructions, stems: Sequence[str], sample_rate: int, cross: Array, reference: Reference
) -> dict[str, tuple[Call, ...]]:
    """The same calls with the arguments that explain a reference best; calls that explain nothing are left out.

    Args:
        instructions: of the stems. Tools that are no factor per frequency stay as they are.
        stems: names, in the order of the statistics.
        sample_rate: Hz.
        cross: mean of conj(X_s) X_t, `[2, F, S, S]`.
        reference: of the same performance, over the same time.
    """
    search = _Search(stems, sample_rate, _Rest(cross, reference))
    calls = {(stem, call.tool): fill(call) for stem, some in instructions.items() for call in some}
    best, least = search.descend(calls)
    # Volume and tone of a stem with few frequencies are nearly the same thing: the fewest calls that explain it.
    for key in sorted((key for key in best if key[1] in LINEAR), key=lambda key: size_db(Call(key[1], best[key]))):
        fewer, left = search.descend({other: best[other] for other in best if other != key})
        if left <= least * _MORE + _LITTLE:
            best, least = fewer, min(left, least)
    fitted: dict[str, tuple[Call, ...]] = {}
    for (stem, tool), arguments in best.items():
        call = Call(tool, arguments)
        if size_db(call) >= NOTHING_DB.get(tool, 0):
            fitted[stem] = (*fitted.get(stem, ()), call)
    return canonical(fitted)


class _Search:
    """Coordinate descent on the table's grid.

    Args:
        stems: names.
        sample_rate: Hz.
        rest: what is to be least.
    """

    def __init__(self, stems: Sequence[str], sample_rate: int, rest: _Rest) -> None:
        self.stems, self.rate, self.rest = stems, sample_rate, rest

    def descend(self, given: _Calls) -> tuple[_Calls, float]:
        """From some calls to the same calls with better arguments, and what is left then."""
        calls = {key: dict(arguments) for key, arguments in given.items()}
        factors = np.ones((2, NUM_FINE, len(self.stems)), np.complex128)
        for place, stem in enumerate(self.stems):
            factors[..., place] = self._factor(calls, stem)
        least = self.rest(factors)
        for _ in range(_SWEEPS):
            before = least
            for stem, moved in _knobs(calls, self.stems):
                place = self.stems.index(stem)
                kept = factors[..., place].copy(), {tool: dict(calls[stem, tool]) for tool, _, _ in moved}
                start = kept[1]
                for stride in _STRIDES:
                    for tool, parameter, sign in moved:
                        value = start[tool][parameter.name] + sign * stride * parameter.step
                        calls[stem, tool] |= {parameter.name: parameter.snap(value)}
                    factors[..., place] = self._factor(calls, stem)
                    if (tried := self.rest(factors)) < least * (1 - _WORTH):
                        least, kept = tried, (factors[..., place].copy(), {t: dict(calls[stem, t]) for t in start})
                factors[..., place] = kept[0]
                calls |= {(stem, tool): dict(arguments) for tool, arguments in kept[1].items()}
            if least == before:
                break
        return calls, least

    def _factor(self, calls: _Calls, stem: str) -> Array:
        """What the linear calls on a stem do, `[2, F]`."""
        return response((Call(t, a) for (s, t), a in calls.items() if s == stem and t in LINEAR), self.rate)


def _knobs(calls: Collection[tuple[str, str]], stems: Sequence[str]) -> list[_Knob]:
    """What can be turned: every parameter, and volume against all bands of an EQ, which nearly cancel each other."""
    knobs: list[_Knob] = []
    for stem, tool in sorted(calls):
        if tool in LINEAR and stem in stems:
            knobs += [(stem, ((tool, parameter, 1),)) for parameter in TOOLS[tool].parameters]
    for stem in stems:
        if {(stem, "change_volume"), (stem, "apply_eq")} <= set(calls):
            bands = [("apply_eq", parameter, -1) for parameter in TOOLS["apply_eq"].parameters]
            knobs.append((stem, (("change_volume", TOOLS["change_volume"].parameter("db"), 1), *bands)))
    return knobs


class _Rest:
    """What of a reference is not explained, summed over coarse bands, each in parts of its power.

    Args:
        cross: as for `fit`.
        reference: as for `fit`.
    """

    def __init__(self, cross: Array, reference: Reference) -> None:
        self.cross, self.beside, self.power = cross, reference.beside, reference.power
        self.is_mix = reference.kind == "mix"
        bands = pool(self.power, 1)
        self.weights = share_out(1 / (bands + _FLOOR * bands.max(axis=1, keepdims=True) + 1e-14), 1)

    def __call__(self, factors: Array) -> float:
        """After factors on the stems, `[2, F, S]`."""
        beside = (np.conj(factors) * self.beside).real
        if not self.is_mix:
            own = np.diagonal(self.cross, axis1=-2, axis2=-1).real
            left = self.power - 2 * beside + (factors.real**2 + factors.imag**2) * own
            return float((self.weights * left).sum())
        mix = np.einsum("cfs,cfst,cft->cf", np.conj(factors), self.cross, factors).real[..., None]
        beside = beside.sum(axis=-1, keepdims=True)
        # The reference may be mastered, and so at any level: what is left with the gain that explains most. Volumes of
        # all stems could make up for it; they need not.
        said, heard = float((self.weights * beside).sum()), max(float((self.weights * mix).sum()), 1e-20)
        gain_db = 20 * np.log10(max(said / heard, 1e-3))
        return float((self.weights * self.power).sum()) - said**2 / heard + _LEVEL_COST * float(gain_db) ** 2


def size_db(call: Call) -> float:
    """How much a call of volume, pan or EQ changes, dB: of an EQ the RMS of its bands; of others infinity."""
    values = np.array(list(fill(call).values()))
    if call.tool == "apply_pan":
        return float(np.abs(values).max() * FULL_DIFFERENCE_DB)
    return float(np.sqrt((values**2).mean())) if call.tool in NOTHING_DB else float("inf")
