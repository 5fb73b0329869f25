"""From sound to what the mixer is given: features of stems, beside a reference if there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.features import Features, Reference, features_of
from soundwright.mixing.statistics import measure, measure_beside

#: A reference: a mix `[2, N]`, or stems by name.
Given = NDArray[Any] | Mapping[str, NDArray[Any]]


def look(stems: Mapping[str, NDArray[Any]], sample_rate: int, reference: Given | None = None) -> Features:
    """Features of stems.

    Args:
        stems: `[2, N]` by name.
        sample_rate: Hz, of stems and reference.
        reference: a mix, or stems of at least the same names; it may be of the same performance, from its beginning,
            or of another section.

    Raises:
        BadInput: as `executor.as_stereo`.
        KeyError: a reference of stems lacks one.
    """
    here = measure(stems, sample_rate)
    if reference is None:
        return features_of(here)
    if isinstance(reference, Mapping):
        others = {stem: reference[stem] for stem in stems}
        there = measure(others, sample_rate)
        beside = np.diagonal(measure_beside(stems, others, sample_rate), axis1=-2, axis2=-1)
        power = np.diagonal(there.cross, axis1=-2, axis2=-1).real
        return features_of(here, Reference("stems", there.active, power, beside))
    mix = {"mix": reference}
    power = measure(mix, sample_rate).cross[..., 0].real
    beside = measure_beside(stems, mix, sample_rate)[..., 0]
    return features_of(here, Reference("mix", power, power, beside))
