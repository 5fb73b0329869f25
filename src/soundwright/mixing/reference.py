"""What a reference says about each stem: a gain per band, and how much it is to be trusted.

Two kinds of reference (stems of the same names, or a mix), two kinds of content (the same performance, or another
section): nobody says which. The gain of a stem in a band is found by least squares over the frames of the reference
(same performance, either kind), or as the difference of long-term spectra (stems of another section). A mix of another
section says nothing about a single stem by itself; its spectrum is compared with that of the mix at hand.

All functions take leading dimensions `...` for batches. Letters as in `statistics`; B coarse bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.bands import eq_shapes, pool
from soundwright.mixing.effects.balance import FULL_DIFFERENCE_DB

Array = NDArray[Any]

_LIMIT_DB = 30.0
#: Standard deviation of a fully trusted gain: of the same performance, and of another section.
_NOISE_DB, _SAME = (0.25, 1.5), 0.9
_PRIOR_DB = 6.0  # standard deviation of the gains that the projection expects
_TINY = 1e-14
#: Gains within this are alike; as many stems speak for no gain at all: one may be alone with its gain, two are not.
_ALIKE_DB, _STEMS_FOR_NONE = 0.5, 1.5


@dataclass(frozen=True)
class Evidence:
    """What a reference says about stems.

    Attributes:
        gains: what a stem lacks in each band, dB, mean of the channels, `[..., S, B]`.
        trust: 0 to 1, `[..., S, B]`.
        balance: by how much more the left lacks than the right, dB, `[..., S]`.
        fit: part of the reference's energy that a gain per band explains, 0 to 1, `[..., S]`.
    """

    gains: Array
    trust: Array
    balance: Array
    fit: Array


def from_stems(own: Array, other: Array, diagonal: Array, cross: Array, power: Array) -> Evidence:
    """Evidence of reference stems.

    Args:
        own: mean power while playing, `[..., 2, F, S]`.
        other: the same of the reference's stems.
        diagonal: mean power of the stems over all frames, `[..., 2, F, S]`.
        cross: mean of conj(stem) reference, each stem with its own, `[..., 2, F, S]`.
        power: mean power of the reference's stems over all frames, `[..., 2, F, S]`.
    """
    mine, theirs = (np.maximum(pool(x, -2), _TINY) for x in (own, other))  # [..., 2, B, S]
    db = np.clip(10 * np.log10(theirs / mine), -_LIMIT_DB, _LIMIT_DB)
    heard = np.sqrt(mine * theirs)
    trust = heard / (heard + 1e-4 * heard.sum(axis=-2, keepdims=True) + 1e-10)
    r, a, p = (pool(x, -2) for x in (cross, diagonal, power))
    explained = (np.abs(r) ** 2 / np.maximum(a, _TINY)).sum(axis=(-3, -2))  # [..., S]
    fit = explained / np.maximum(p.sum(axis=(-3, -2)), _TINY)
    return _evidence(db, trust, np.minimum(fit, 1))


def from_mix(cross: Array, beside: Array, power: Array) -> Evidence:
    """Evidence of a reference mix that may be of the same performance.

    Args:
        cross: mean of conj(X_s) X_t of the stems, `[..., 2, F, S, S]`.
        beside: mean of conj(X_s) R, `[..., 2, F, S]`.
        power: mean power of the reference R, `[..., 2, F]`.
    """
    a, r, p = pool(cross, -3), pool(beside, -2), np.maximum(pool(power, -1), _TINY)  # [..., 2, B(, S(, S))]
    num_stems = a.shape[-1]
    unit = np.eye(num_stems)
    ridge = 1e-4 * np.trace(a, axis1=-2, axis2=-1).real / num_stems + _TINY
    inverse = np.linalg.inv(a + ridge[..., None, None] * unit)
    # Where nothing is known the gain is 1: the ridge pulls there, not to 0.
    gain = (inverse @ (r + ridge[..., None])[..., None])[..., 0]  # [..., 2, B, S]
    rest = (
        p - 2 * (np.conj(gain) * r).sum(-1).real + (np.conj(gain)[..., None, :] @ a @ gain[..., None])[..., 0, 0].real
    )
    rest = np.clip(rest, 0, p)
    fit = 1 - rest.sum(axis=(-2, -1)) / p.sum(axis=(-2, -1))  # [...]
    # What of a stem no other stem can explain, beside what the fit leaves over.
    alone = 1 / np.maximum(np.diagonal(inverse, axis1=-2, axis2=-1).real, _TINY)
    trust = alone / (alone + rest[..., None] + 1e-4 * p[..., None])
    trust = trust * np.clip(2 * fit - 1, 0, 1)[..., None, None, None]
    db = np.clip(20 * np.log10(np.abs(gain) + 1e-6), -_LIMIT_DB, _LIMIT_DB)
    return _evidence(db, trust, np.repeat(fit[..., None], num_stems, axis=-1))


def project(evidence: Evidence, sample_rate: int) -> tuple[Array, Array, Array]:
    """Finds volume and EQ behind gains per band: least squares on the known responses, pulled a little to nothing.

    Args:
        evidence: of a reference.
        sample_rate: Hz.

    Returns:
        Volume, low, mid and high gain in dB `[..., S, 4]`, their standard deviations `[..., S, 4]`, and what of the
        gains they do not explain, dB RMS `[..., S]`.
    """
    shapes = eq_shapes(sample_rate)  # [B, 4]
    noise_db = np.where(evidence.fit > _SAME, *_NOISE_DB)[..., None]  # [..., S, 1]
    weights = evidence.trust / noise_db**2
    normal = np.einsum("...b,bi,bj->...ij", weights, shapes, shapes) + np.eye(4) / _PRIOR_DB**2
    inverse = np.linalg.inv(normal)
    found = (inverse @ np.einsum("...b,bi->...i", weights * evidence.gains, shapes)[..., None])[..., 0]
    left = evidence.gains - found @ shapes.T
    rms = np.sqrt((evidence.trust * left**2).sum(-1) / (evidence.trust.sum(-1) + 1e-3))
    return found, np.sqrt(np.diagonal(inverse, axis1=-2, axis2=-1)), rms


def common_gain_db(cross: Array, beside: Array, power: Array) -> float:
    """By how much a reference mix of the same performance is louder as a whole: what most stems lack, alike, dB.

    Most stems of a mix need nothing, and those lack in all bands what the whole lacks. As long as no gain has more
    stems to it than none, it is 0.

    Args:
        cross: as for `from_mix`, without leading dimensions.
        beside: likewise.
        power: likewise.
    """
    evidence = from_mix(cross, beside, power)
    own = pool(np.diagonal(cross, axis1=-2, axis2=-1).real, -2).sum(axis=0).T  # [S, B]
    # Where a stem is silent its gain is 1, and says nothing.
    weights = evidence.trust * own / (own + 0.01 * own.sum(axis=0) + _TINY)
    share = weights / (weights.sum(axis=-1, keepdims=True) + 1e-2)
    gains, weights = np.append(evidence.gains.ravel(), 0.0), np.append(share.ravel(), _STEMS_FOR_NONE)
    near = np.exp(-0.5 * ((gains[:, None] - gains) / _ALIKE_DB) ** 2) @ weights
    best = gains[near.argmax()]
    around = weights * np.exp(-0.5 * ((gains - best) / _ALIKE_DB) ** 2)
    found = float((around * gains).sum() / around.sum())
    return found if abs(found) > _ALIKE_DB else 0.0


def _evidence(db: Array, trust: Array, fit: Array) -> Evidence:
    """Of gains and trust per channel, `[..., 2, B, S]`."""
    both = np.swapaxes(trust.min(axis=-3), -1, -2)  # [..., S, B]
    mean = np.swapaxes(db.mean(axis=-3), -1, -2)
    apart = np.swapaxes(db[..., 0, :, :] - db[..., 1, :, :], -1, -2)
    balance = (both * apart).sum(-1) / (both.sum(-1) + 1e-2)
    return Evidence(mean, both, np.clip(balance, -2 * FULL_DIFFERENCE_DB, 2 * FULL_DIFFERENCE_DB), fit)
