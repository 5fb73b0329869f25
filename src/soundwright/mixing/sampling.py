"""Training examples by the thousand: passages of a bank, distorted by arithmetic, with features and labels.

An example is a function of (seed, epoch, item). What kind of reference it has is drawn with it: none, a mix or stems,
of the same performance or of another section.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.instructions import Instructions
from soundwright.mixing.bands import CENTRES, response
from soundwright.mixing.bank import Passage
from soundwright.mixing.distortion import Drawn, Ranges, draw
from soundwright.mixing.features import Features, Reference, features, mix_reference, stem_reference
from soundwright.mixing.labels import to_arrays
from soundwright.mixing.statistics import Complex, Statistics

Condition = Literal["blind", "same-mix", "other-mix", "same-stems", "other-stems"]
#: How often each is drawn in training.
CONDITIONS: dict[Condition, float] = {
    "blind": 0.25,
    "same-mix": 0.15,
    "other-mix": 0.15,
    "same-stems": 0.1,
    "other-stems": 0.35,
}
_SILENT_POWER = 1e-6
_LEVEL_DB = 6.0  # half of all examples are louder or softer as a whole
_OFFSET_DB, _OFFSET_SHARE = 8.0, 0.1  # a reference mix may be mastered louder


@dataclass(frozen=True)
class Batch:
    """Examples with equally many stems.

    Attributes:
        names: of the passages.
        stems: names of the stems, by example.
        labels: what the model is to say.
        conditions: by example.
        stem_features: `[E, S, STEM_FEATURES]`.
        mix_features: `[E, MIX_FEATURES]`.
        presence: `[E, S, tools]`.
        values: `[E, S, values]`.
        audio: what an audio encoder heard, `[E, S, audio_dim]`, if there is one.
    """

    names: list[str]
    stems: list[tuple[str, ...]]
    labels: list[Instructions]
    conditions: list[Condition]
    stem_features: NDArray[np.float32]
    mix_features: NDArray[np.float32]
    presence: NDArray[np.float32]
    values: NDArray[np.float32]
    audio: NDArray[np.float32] | None = None


def sounding(passage: Passage) -> list[str]:
    """The stems that sound in a passage; only they can be distorted."""
    power = np.einsum("cfss->s", passage.here.cross.real) / 2
    return [stem for stem, p in zip(passage.stems, power, strict=True) if p > _SILENT_POWER]


def reference_of(passage: Passage, condition: Condition) -> tuple[Reference | None, Statistics]:
    """The clean reference of a condition, for undistorted stems; its `beside` still lacks the distortion."""
    here = passage.here
    if condition == "blind":
        return None, here
    there, beside = (here, here.cross) if condition.startswith("same") else (passage.there, passage.beside)
    make = mix_reference if condition.endswith("mix") else stem_reference
    return make(there, beside), here


def distorted(
    passage: Passage, drawn: Drawn, condition: Condition, gain: float = 1.0, offset: float = 1.0
) -> tuple[Statistics, Reference | None]:
    """A passage after a distortion by linear tools.

    Args:
        passage: a good one.
        drawn: the distortion.
        condition: what reference there is.
        gain: factor on everything.
        offset: factor on the reference alone.
    """
    rate = passage.here.sample_rate
    factors = gain * np.stack([response(drawn.applied.get(stem, ()), rate) for stem in passage.stems])  # [S, 2, F]
    heard = passage.here.linear(factors)
    wanted = passage
    if drawn.wanted:
        there = np.stack([response(drawn.wanted.get(stem, ()), rate) for stem in passage.stems])
        h = there.transpose(1, 2, 0)
        wanted = replace(
            passage,
            here=passage.here.linear(there),
            there=passage.there.linear(there),
            beside=_complex(passage.beside * h[..., None, :]),
        )
        if condition.startswith("same"):
            # What is heard against what is wanted, not against itself.
            wanted = replace(wanted, there=wanted.here, beside=_complex(passage.here.cross * h[..., None, :]))
            condition = "other-mix" if condition.endswith("mix") else "other-stems"
    reference, _ = reference_of(wanted, condition)
    if reference is None:
        return heard, None
    scale = gain * offset
    beside = reference.beside * np.conj(factors).transpose(1, 2, 0) * scale
    return heard, Reference(reference.kind, reference.active * scale**2, reference.power * scale**2, beside)


def recoloured(passage: Passage, rng: np.random.Generator) -> Passage:
    """A passage of other instruments: each stem with another level, place and tone, in both sections alike.

    Beside a reference what a stem usually sounds like must not matter; so that it is not relied on, it is made to vary.
    """
    octaves = np.log2(CENTRES / 700.0) / 4.5  # -1 to 1
    shape = rng.normal(size=(len(passage.stems), 3)) * (4.0, 6.0, 5.0)
    db = shape[:, :1] + shape[:, 1:2] * octaves + shape[:, 2:] * (octaves**2 - 0.3)  # [S, F]
    aside = rng.normal(0, 1.5, (len(passage.stems), 1, 1)) * np.array([[-1.0], [1.0]])  # [S, 2, 1]
    factors = 10 ** ((db[:, None] + aside) / 20)  # [S, 2, F]
    h = factors.transpose(1, 2, 0)
    return replace(
        passage,
        here=passage.here.linear(factors.astype(np.complex128)),
        there=passage.there.linear(factors.astype(np.complex128)),
        beside=_complex(passage.beside * h[..., :, None] * h[..., None, :]),
    )


def sample(
    passages: Sequence[Passage],
    items: Sequence[int],
    *,
    seed: int,
    epoch: int,
    ranges: Ranges | None = None,
    condition: Condition | None = None,
    augment: bool = True,
    recolour: float = 0.0,
) -> Batch:
    """Draws examples.

    Args:
        passages: each with the same number of stems.
        items: which of the passages, by place; the same place twice is the same example twice.
        seed: of the training.
        epoch: counted from 0; another epoch, another distortion.
        ranges: of the distortions; only linear tools.
        condition: one for all, or drawn.
        augment: whether to change levels as a whole, shuffle stems, and recolour.
        recolour: part of the examples with a reference of which the stems' sound is changed, see `recoloured`.
    """
    parts: list[tuple[Passage, Drawn, Condition, Statistics, Reference | None]] = []
    for item in items:
        passage = passages[item]
        drawn = draw(seed, epoch, passage.name, sounding(passage), ranges)
        rng = np.random.default_rng([seed, epoch, item])
        kind = condition or tuple(CONDITIONS)[int(rng.choice(len(CONDITIONS), p=list(CONDITIONS.values())))]
        gain = offset = 1.0
        if augment:
            passage = passage.take([int(place) for place in rng.permutation(len(passage.stems))])
            if rng.random() < 0.5:
                gain = 10 ** (rng.uniform(-_LEVEL_DB, _LEVEL_DB) / 20)
            if recolour and kind != "blind" and rng.random() < recolour:
                passage = recoloured(passage, rng)
            if kind.endswith("mix") and rng.random() < _OFFSET_SHARE:
                offset = 10 ** (rng.uniform(-_OFFSET_DB, _OFFSET_DB) / 20)
        parts.append((passage, drawn, kind, *distorted(passage, drawn, kind, gain, offset)))
    stem_rows: list[Any] = [None] * len(parts)
    mix_rows: list[Any] = [None] * len(parts)
    for kind_name in ("none", "stems", "mix"):
        places = [i for i, part in enumerate(parts) if (part[4].kind if part[4] else "none") == kind_name]
        if places:
            found = _features([parts[i][3] for i in places], [parts[i][4] for i in places])
            for row, place in enumerate(places):
                stem_rows[place], mix_rows[place] = found.stems[row], found.mix[row]
    arrays = [to_arrays(drawn.labels, passage.stems) for passage, drawn, *_ in parts]
    return Batch(
        [part[0].name for part in parts],
        [part[0].stems for part in parts],
        [part[1].labels for part in parts],
        [part[2] for part in parts],
        np.stack(stem_rows),
        np.stack(mix_rows),
        np.stack([presence for presence, _ in arrays]),
        np.stack([values for _, values in arrays]),
    )


def _features(heard: list[Statistics], references: list[Reference | None]) -> Features:
    """Features of examples with one kind of reference."""
    first = references[0]
    together = None
    if first is not None:
        known = [reference for reference in references if reference is not None]
        together = Reference(
            first.kind, *(np.stack([getattr(r, name) for r in known]) for name in ("active", "power", "beside"))
        )
    cross, active, share, spread = (
        np.stack([getattr(h, name) for h in heard]) for name in ("cross", "active", "share", "spread")
    )
    return features(heard[0].sample_rate, cross, active, share, spread, together)


def _complex(values: NDArray[Any]) -> Complex:
    return values.astype(np.complex64)
