"""What a mix of another section, or of another song, says about single stems: a guess, from long-term spectra alone.

The reference's spectrum is taken for that of the stems at hand after volume, EQ and pan: which? In a band where one
stem is nearly alone, the band's level is that stem's. Solved as a maximum a posteriori estimate of Gaussians, by
Gauss-Newton; what the bands do not say stays at nothing.

All functions take leading dimensions `...` for batches. Letters as in `statistics`; B coarse bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.bands import eq_shapes, pool

Array = NDArray[Any]

_NOISE_DB, _PRIOR_DB = 3.0, 6.0  # by how much sections differ by themselves; how large gains are to be expected
_LEVEL_DB = 1.5  # how much louder as a whole a reference is to be expected
_ROUNDS = 3
_QUIET_DB, _SOFT_DB = 50.0, 20.0  # a band that far below the loudest counts for nothing, and from where it counts less
_LARGEST_DB = 30.0
_TINY = 1e-12
_SIDES = np.array([0.5, -0.5])  # of a difference between the channels


@dataclass(frozen=True)
class Guess:
    """What stems may lack.

    Attributes:
        gains: volume, low, mid and high gain, and by how much more the left lacks than the right, dB, `[..., S, 5]`.
        deviations: standard deviations, dB, `[..., S, 5]`.
    """

    gains: Array
    deviations: Array


def guess_from_mix(power: Array, reference: Array, sample_rate: int) -> Guess:
    """Guesses what stems lack beside a reference mix.

    Args:
        power: mean power of the stems, `[..., 2, F, S]`.
        reference: mean power of the reference, `[..., 2, F]`.
        sample_rate: Hz.
    """
    shapes = eq_shapes(sample_rate)  # [B, 4]
    own, wanted = pool(power, -2), pool(reference, -1)  # [..., 2, B, S], [..., 2, B]
    *lead, _, num_bands, num_stems = own.shape
    level = 10 * np.log10(own.sum(axis=-1) + _TINY)
    loudest = level.max(axis=(-2, -1), keepdims=True)
    weights = np.clip((level - loudest + _QUIET_DB) / _SOFT_DB, 0, 1) / _NOISE_DB**2  # [..., 2, B]
    # What one unit of each gain of a stem does to its own level, dB, [2, B, 5]. Behind all stems: the whole's level.
    apart = np.broadcast_to(_SIDES[:, None, None], (2, num_bands, 1))
    effect = np.concatenate([np.broadcast_to(shapes, (2, num_bands, 4)), apart], axis=-1)
    found = np.zeros((*lead, num_stems * 5 + 1))
    for _ in range(_ROUNDS):
        gains = found[..., :-1].reshape(*lead, num_stems, 5)
        db = np.einsum("cbk,...sk->...cbs", effect, gains) + found[..., None, None, -1:]
        now = own * 10 ** (np.clip(db, -_LARGEST_DB, _LARGEST_DB) / 10)
        total = now.sum(axis=-1) + _TINY
        share = now / total[..., None]
        slopes = share[..., None] * effect[:, :, None]  # [..., 2, B, S, 5]
        slopes = np.concatenate([slopes.reshape(*slopes.shape[:-2], -1), share.sum(-1, keepdims=True)], axis=-1)
        slopes = slopes.reshape(*lead, 2 * num_bands, num_stems * 5 + 1)
        change = np.clip(10 * np.log10((wanted + _TINY) / total), -_LARGEST_DB, _LARGEST_DB)
        change = change.reshape(*lead, 2 * num_bands) + (slopes @ found[..., None])[..., 0]
        weighted = np.swapaxes(slopes * weights.reshape(*lead, 2 * num_bands, 1), -1, -2)
        precision = weighted @ slopes + np.diag([*[_PRIOR_DB**-2] * (num_stems * 5), _LEVEL_DB**-2])
        found = np.linalg.solve(precision, weighted @ change[..., None])[..., 0]
    variance = np.diagonal(np.linalg.inv(precision), axis1=-2, axis2=-1)
    both = (x[..., :-1].reshape(*lead, num_stems, 5) for x in (found, np.sqrt(variance)))
    return Guess(*(np.clip(x, -_LARGEST_DB, _LARGEST_DB) for x in both))
