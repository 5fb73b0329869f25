"""What the model sees of stems and reference: numbers of about unit size per stem and one row for the mix.

Everything is made of `Statistics`, so that training (which tries distortions on statistics) and use (which measures
sound) take the same way. Levels are kept, both channels are kept: volume and pan are what there is to hear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.bands import NUM_BANDS, eq_shapes, pool
from soundwright.mixing.likeness import guess_from_mix
from soundwright.mixing.reference import Evidence, from_mix, from_stems, project
from soundwright.mixing.statistics import Statistics

Array = NDArray[Any]
Kind = Literal["none", "stems", "mix"]
KINDS: tuple[Kind, ...] = ("none", "stems", "mix")
#: What a reference can say: of the same performance (either kind), or of another section as stems or as a mix.
EVIDENCE = ("none", "aligned", "stems", "mix")

#: dB that count as one.
_UNIT_DB = 6.0
_FLOOR_DB = 50.0
_REFERENCE_DB = -25.0  # level that counts as zero
_GROUPS = np.arange(0, NUM_BANDS, 5)
_TINY = 1e-12


@dataclass(frozen=True)
class Reference:
    """A reference beside stems; arrays may have leading dimensions.

    Attributes:
        kind: stems of the same names and order, or a mix.
        active: mean power while playing, `[2, F, S]`, of a mix `[2, F, 1]`.
        power: mean power over all frames, likewise.
        beside: mean of conj(stem) reference: for stems each with its own, for a mix each with the mix, `[2, F, S]`.
    """

    kind: Kind
    active: Array
    power: Array
    beside: Array


@dataclass(frozen=True)
class Features:
    """Float32; the leading dimensions are those of the input.

    Attributes:
        stems: `[..., S, STEM_FEATURES]`.
        mix: `[..., MIX_FEATURES]`.
    """

    stems: Array
    mix: Array


def mix_reference(there: Statistics, beside: Array) -> Reference:
    """The reference that is the sum of stems; `beside` is the stems at hand with each of those, `[2, F, S, S']`."""
    power = there.cross.sum(axis=(-2, -1)).real[..., None]
    return Reference("mix", power, power, beside.sum(axis=-1))


def stem_reference(there: Statistics, beside: Array) -> Reference:
    """The reference of stems in the same order; `beside` as for `mix_reference`."""
    return Reference("stems", there.active, _diagonal(there.cross).real, _diagonal(beside))


def features(
    sample_rate: int, cross: Array, active: Array, share: Array, spread: Array, reference: Reference | None = None
) -> Features:
    """Features of stems.

    Args:
        sample_rate: Hz.
        cross: as in `Statistics`, `[..., 2, F, S, S]`.
        active: `[..., 2, F, S]`.
        share: `[..., S]`.
        spread: `[..., B, S]`.
        reference: with the same leading dimensions; None for none.
    """
    level_b = _db(pool(active, -2))  # [..., 2, B, S]
    level = _db(active.sum(axis=-2))  # [..., 2, S]
    mean, apart = level.mean(axis=-2), level[..., 0, :] - level[..., 1, :]  # [..., S]; pan does not change the mean
    shape = np.maximum(level_b.mean(axis=-3) - mean[..., None, :], -_FLOOR_DB)  # [..., B, S]
    loud = pool(_diagonal(cross).real, -2).sum(axis=-3)  # [..., B, S]
    mix_power = cross.sum(axis=(-2, -1)).real  # [..., 2, F]
    part = 10 * np.log10((loud + _TINY) / (loud.sum(axis=-1, keepdims=True) + loud.shape[-1] * _TINY))
    mix_level = _db(mix_power.sum(axis=-1)).mean(axis=-1)  # [...]
    apart_b = np.clip(level_b[..., 0, :, :] - level_b[..., 1, :, :], -30, 30)  # [..., B, S]
    apart_g = np.add.reduceat(apart_b, _GROUPS, axis=-2) / 5
    others = (mean.sum(axis=-1, keepdims=True) - mean) / max(1, mean.shape[-1] - 1)
    rows = [
        _last(shape) / 10 + 1,
        _last(np.maximum(part, -30)) / 10 + 1,
        _last(spread) / 10,
        _last(apart_g) / _UNIT_DB,
        _columns(
            (mean - _REFERENCE_DB) / _UNIT_DB,
            (mean - mix_level[..., None] + 5) / _UNIT_DB,
            (mean - others) / _UNIT_DB,
            apart / _UNIT_DB,
            2 * share - 1,
        ),
    ]
    mix_b = np.maximum(_db(pool(mix_power, -1)) - mix_level[..., None, None], -_FLOOR_DB)  # [..., 2, B]
    whole = [
        mix_b.mean(axis=-2) / 10 + 1,
        np.add.reduceat(mix_b[..., 0, :] - mix_b[..., 1, :], _GROUPS, axis=-1) / 5 / _UNIT_DB,
        ((mix_level - _REFERENCE_DB) / _UNIT_DB)[..., None],
    ]
    told = _of_reference(sample_rate, cross, active, mix_power, reference)
    stems = np.concatenate([*rows, told.stems], axis=-1)
    return Features(stems.astype(np.float32), np.concatenate([*whole, told.mix], axis=-1).astype(np.float32))


def features_of(here: Statistics, reference: Reference | None = None) -> Features:
    """Features of measured stems."""
    return features(here.sample_rate, here.cross, here.active, here.share, here.spread, reference)


def evidence_kind(stems: Array, mix: Array) -> str:
    """What kind of evidence the features of one example `[S, STEM_FEATURES]`, `[MIX_FEATURES]` hold; of `EVIDENCE`."""
    kind = KINDS[int(mix[-len(KINDS) :].argmax())]
    if kind == "none":
        return "none"
    return "aligned" if float(np.median(stems[:, _FIT])) > 0.5 else kind


@dataclass(frozen=True)
class Shown:
    """What a reference shows of stems, dB.

    Attributes:
        found: volume, low, mid and high gain that they lack, `[S, 4]`.
        level: what they lack on the whole, however that is split into volume and tone, `[S]`.
        balance: by how much more the left lacks than the right, `[S]`.
        deviation: standard deviation of the volume, `[S]`.
    """

    found: Array
    level: Array
    balance: Array
    deviation: Array

    def sizes(self) -> dict[str, Array]:
        """How large what they lack is, by tool, `[S]`."""
        eq = np.sqrt((self.found[:, 1:] ** 2).mean(axis=1))
        return {"change_volume": np.abs(self.found[:, 0]), "apply_eq": eq, "apply_pan": np.abs(self.balance)}


def shown(stems: Array) -> Shown:
    """Reads the features of one example `[S, STEM_FEATURES]`."""
    found, deviation = stems[:, _FOUND] * _UNIT_DB, stems[:, _DEVIATION] * _UNIT_DB
    trust, trusted_gains = stems[:, _TRUST], stems[:, _TRUSTED_GAINS] * _UNIT_DB
    level = trusted_gains.sum(axis=1) / (trust.sum(axis=1) + 1e-3)
    return Shown(found, level, stems[:, _BALANCE] * _UNIT_DB, deviation[:, 0])


def _of_reference(
    sample_rate: int, cross: Array, active: Array, mix_power: Array, reference: Reference | None
) -> Features:
    lead, num_stems = active.shape[:-3], active.shape[-1]
    if reference is None:
        stems = np.zeros((*lead, num_stems, _REFERENCE_FEATURES))
        mix = np.zeros((*lead, _MIX_REFERENCE_FEATURES))
        stems[..., -len(KINDS)] = mix[..., -len(KINDS)] = 1
        return Features(stems, mix)
    power = _diagonal(cross).real
    if reference.kind == "stems":
        evidence = from_stems(active, reference.active, power, reference.beside, reference.power)
        whole, guess = None, np.zeros((*lead, num_stems, 10))
    else:
        whole = reference.power[..., 0]
        evidence = from_mix(cross, reference.beside, whole)
        guessed = guess_from_mix(power, whole, sample_rate)
        guess = np.concatenate([guessed.gains, guessed.deviations], axis=-1) / _UNIT_DB
    flags = np.zeros((*lead, num_stems, len(KINDS)))
    flags[..., KINDS.index(reference.kind)] = 1
    mix_told = _mix_told(sample_rate, mix_power, whole, flags[..., 0, :])
    fit = evidence.fit[..., None]
    found, deviation, left = project(evidence, sample_rate)
    # Bent so that a difference that is there stands out from one that is not, however large it is.
    eq = np.sqrt((found[..., 1:] ** 2).mean(axis=-1))
    sizes = _columns(np.abs(found[..., 0]), eq, np.abs(evidence.balance) / 2)
    apart = found[..., 0] - np.median(found[..., 0], axis=-1, keepdims=True)  # a louder section is louder in all stems
    rows = [
        guess,
        np.tanh(sizes),
        np.tanh(sizes / 3),
        np.tanh(_columns(apart, np.abs(apart)) / 3),
        evidence.trust * evidence.gains / _UNIT_DB,
        evidence.trust,
        found / _UNIT_DB,
        deviation / _UNIT_DB,
        (evidence.balance / _UNIT_DB)[..., None],
        left[..., None] / 3,
        fit,
        np.log10(1.001 - fit) / 3 + 1,
        np.repeat(mix_told[..., None, : NUM_BANDS + 5], num_stems, axis=-2),
        flags,
    ]
    return Features(np.concatenate(rows, axis=-1), mix_told)


def _mix_told(sample_rate: int, mix_power: Array, reference_power: Array | None, flags: Array) -> Array:
    """How the spectrum of a reference mix differs from that of the mix, beyond a difference in level."""
    if reference_power is None:
        return np.concatenate([np.zeros((*flags.shape[:-1], NUM_BANDS + 10)), flags], axis=-1)
    there, here = _db(pool(reference_power, -1)), _db(pool(mix_power, -1))  # [..., 2, B]
    change = np.clip(there - here, -30, 30)
    level = _db(reference_power.sum(axis=-1)).mean(-1) - _db(mix_power.sum(axis=-1)).mean(-1)
    both = change.mean(axis=-2)
    found, _, _ = project(Evidence(both, np.full(both.shape, 0.5), level, np.zeros(level.shape)), sample_rate)
    apart = np.add.reduceat(change[..., 0, :] - change[..., 1, :], _GROUPS, axis=-1) / 5
    return np.concatenate([both / _UNIT_DB, found / _UNIT_DB, level[..., None] / _UNIT_DB, apart / _UNIT_DB, flags], -1)


def _db(power: Array) -> Array:
    return np.asarray(10 * np.log10(np.maximum(power, 0) + _TINY))


def _diagonal(cross: Array) -> Array:
    """`[..., S, S]` to `[..., S]`."""
    return np.diagonal(cross, axis1=-2, axis2=-1)


def _last(bands: Array) -> Array:
    """`[..., B, S]` to `[..., S, B]`."""
    return np.swapaxes(bands, -1, -2)


def _columns(*columns: Array) -> Array:
    return np.stack(columns, axis=-1)


_REFERENCE_FEATURES = 10 + 8 + 2 * NUM_BANDS + 4 + 4 + 4 + NUM_BANDS + 5 + len(KINDS)
_MIX_REFERENCE_FEATURES = NUM_BANDS + 10 + len(KINDS)
# Columns of the stems' features, in the order of `_of_reference`: gains times trust; trust; volume, low, mid, high;
# their deviations; balance; the rest of the difference; fit, twice; what a mix tells.
_FIT = -(len(KINDS) + NUM_BANDS + 5 + 2)
_BALANCE = _FIT - 2
_DEVIATION = slice(_BALANCE - 4, _BALANCE)
_FOUND = slice(_BALANCE - 8, _BALANCE - 4)
_TRUST = slice(_BALANCE - 8 - NUM_BANDS, _BALANCE - 8)
_TRUSTED_GAINS = slice(_BALANCE - 8 - 2 * NUM_BANDS, _BALANCE - 8 - NUM_BANDS)
STEM_FEATURES = 3 * NUM_BANDS + len(_GROUPS) + 5 + _REFERENCE_FEATURES
MIX_FEATURES = NUM_BANDS + len(_GROUPS) + 1 + _MIX_REFERENCE_FEATURES
assert len(eq_shapes(44_100)) == NUM_BANDS
