"""How sure the mixer must be before it says something: found on validation songs, by kind of evidence.

With a reference, the thresholds that give the best F1 among those that leave untouched mixes alone; without one, those
that bring parameters nearest to the right ones, for what cannot be known is best left.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from soundwright.formats.instructions import Call
from soundwright.mixing.bank import Passage
from soundwright.mixing.decode import Spoken, doubt, speak
from soundwright.mixing.distortion import Ranges
from soundwright.mixing.labels import SCALES, TOOL_NAMES, VALUES, to_arrays
from soundwright.mixing.metrics import f1
from soundwright.mixing.model.contract import Inputs, MixerModel
from soundwright.mixing.model.mixer import Mixer
from soundwright.mixing.model.network_model import NetworkModel
from soundwright.mixing.model.settings import Thresholds
from soundwright.mixing.sampling import Batch, Condition, sample

_KINDS: dict[str, tuple[Condition, ...]] = {
    "none": ("blind",),
    "aligned": ("same-mix", "same-stems"),
    "stems": ("other-stems",),
    "mix": ("other-mix",),
}
_CALLS = (0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
_TOUCHES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_DOUBTS = (10.0, 1.0, 0.8, 0.6, 0.45)
_WORSE = 0.015  # part of the stems that may end farther away
_BATCH = 64
#: What one unit of a parameter is to the ear, roughly in dB.
_LOUD = np.array([{"balance": 9.0}.get(p.name, 1.0 if p.unit == "dB" else 0.0) for _, p in VALUES])
_LOUD *= np.where([tool == "apply_eq" for tool, _ in VALUES], 0.4, 1.0)


def calibrate(
    mixer: Mixer,
    passages: Sequence[Passage],
    *,
    seed: int,
    repeats: int = 4,
    alone: float = 0.98,
    ranges: Ranges | None = None,
    prompt: str = "fix this mix",
) -> dict[str, Thresholds]:
    """Finds thresholds.

    Args:
        mixer: in eval mode.
        passages: of validation songs, each with as many stems.
        seed: of the distortions.
        repeats: distortions of each passage.
        alone: part of the untouched mixes that must be left alone.
        ranges: of the distortions.
        prompt: what is asked.
    """
    found = {}
    model = NetworkModel(mixer)
    for kind, conditions in _KINDS.items():
        batches = [
            sample(passages, list(range(len(passages))), seed=seed, epoch=e, condition=c, ranges=ranges, augment=False)
            for c in conditions
            for e in range(repeats)
        ]
        found[kind] = _best(model, batches, kind, alone, prompt)
    return found


def _best(mixer: MixerModel, batches: Sequence[Batch], kind: str, alone: float, prompt: str) -> Thresholds:
    tools = mixer.settings.tools
    loose = {kind: Thresholds(call=dict.fromkeys(tools, min(_CALLS)))}
    spoken = [said for batch in batches for said in _say(mixer, batch, loose, prompt)]
    wanted = [
        (stems, presence, values)
        for b in batches
        for stems, presence, values in zip(b.stems, b.presence, b.values, strict=True)
    ]
    best: tuple[tuple[float, ...], Thresholds] | None = None
    for touch in _TOUCHES:
        # Tools are judged one by one: what is said of one hardly changes what is said of the next.
        call = {}
        for tool in tools:
            alone_with = [Thresholds(call={tool: chance}, touch=touch) for chance in _CALLS]
            figures = [_figure(spoken, wanted, limits, kind) for limits in alone_with]
            call[tool] = _CALLS[int(np.argmax(figures))]
        for stricter, most in itertools.product((0.0, 0.1, 0.2), _DOUBTS):
            tried = Thresholds(
                call={tool: min(0.97, c + stricter) for tool, c in call.items()}, touch=touch, doubt=most
            )
            left, worse = _harm(spoken, wanted, tried)
            # Two in a hundred are within what so few songs can tell.
            key = (round(50 * (min(left, alone) - max(worse, _WORSE))) / 50, _figure(spoken, wanted, tried, kind))
            if best is None or key > best[0]:
                best = key, tried
    assert best is not None
    return best[1]


def _say(mixer: MixerModel, batch: Batch, thresholds: Mapping[str, Thresholds], prompt: str) -> list[Spoken]:
    said = []
    for start in range(0, len(batch.names), _BATCH):
        part = slice(start, start + _BATCH)
        stems = batch.stems[part]
        inputs = Inputs([prompt] * len(stems), stems, batch.stem_features[part], batch.mix_features[part])
        said += speak(mixer, inputs, thresholds)
    return said


def _kept(said: Spoken, limits: Thresholds) -> dict[str, tuple[Call, ...]]:
    """What would have been said with stricter thresholds, of the tools that have one alone."""
    if said.touch < limits.touch:
        return {}
    return {
        stem: tuple(
            c
            for c in calls
            if said.confidences[stem, c.tool] > limits.call.get(c.tool, 1.0)
            and doubt(said.errors, stem, c) <= limits.doubt
        )
        for stem, calls in said.instructions.items()
    }


_Wanted = tuple[tuple[str, ...], np.ndarray, np.ndarray]


def _figure(spoken: Sequence[Spoken], wanted: Sequence[_Wanted], limits: Thresholds, kind: str) -> float:
    """F1 of some tools, or without a reference how near their parameters come; more is better."""
    counts = np.zeros(3)
    far = 0.0
    columns = np.array([tool in limits.call for tool, _ in VALUES])
    tools = np.array([tool in limits.call for tool in TOOL_NAMES])
    for said, (stems, presence, values) in zip(spoken, wanted, strict=True):
        is_said, numbers = to_arrays(_kept(said, limits), stems)
        hit = (is_said * presence)[:, tools].sum()
        counts += [hit, is_said[:, tools].sum() - hit, presence[:, tools].sum() - hit]
        far += float((np.abs(numbers - values) * SCALES * _LOUD)[:, columns].sum())
    return f1(*counts) if kind != "none" else -far


def _harm(spoken: Sequence[Spoken], wanted: Sequence[_Wanted], limits: Thresholds) -> tuple[float, float]:
    """Part of the untouched mixes that are left alone, and of the stems whose parameters end farther away."""
    alone, worse = [], []
    for said, (stems, presence, values) in zip(spoken, wanted, strict=True):
        kept = _kept(said, limits)
        if not presence.any():
            alone.append(not any(kept.values()))
        _, numbers = to_arrays(kept, stems)
        before, after = ((np.abs(x) * SCALES * _LOUD).sum(axis=1) for x in (values, numbers - values))
        worse.append(np.mean(after > before + 0.1))
    return float(np.mean(alone)) if alone else 1.0, float(np.mean(worse))
