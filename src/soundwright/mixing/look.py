"""From sound to what the mixer is given: stems measured, beside a reference if there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.units import samples_from_seconds
from soundwright.mixing.executor import as_stereo
from soundwright.mixing.features import Features, Reference, evidence_kind, features_of
from soundwright.mixing.statistics import Complex, Statistics, measure, measure_beside

#: A reference: a mix `[2, N]`, or stems by name.
Given = NDArray[Any] | Mapping[str, NDArray[Any]]

_LENGTHS_DIFFER_S = 0.1


@dataclass(frozen=True)
class Look:
    """What there is to know of stems.

    Attributes:
        stems: their names.
        here: their statistics.
        reference: what they stand beside, if anything.
        common: `here.cross` over the time that stems and reference have in common.
        features: what the network sees.
        kind: of evidence, see `features.EVIDENCE`.
    """

    stems: tuple[str, ...]
    here: Statistics
    reference: Reference | None
    common: Complex
    features: Features
    kind: str


def look(stems: Mapping[str, NDArray[Any]], sample_rate: int, reference: Given | None = None) -> Look:
    """Measures stems.

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
    names = tuple(stems)
    if reference is None:
        return _seen(names, here, None, here.cross)
    others = {name: reference[name] for name in stems} if isinstance(reference, Mapping) else {"mix": reference}
    there = measure(others, sample_rate)
    beside = measure_beside(stems, others, sample_rate)
    power = np.diagonal(there.cross, axis1=-2, axis2=-1).real
    if isinstance(reference, Mapping):
        found = Reference("stems", there.active, power, np.diagonal(beside, axis1=-2, axis2=-1))
    else:
        found = Reference("mix", power, power, beside[..., 0])
    seen = _seen(names, here, found, here.cross)
    if seen.kind != "aligned":
        return seen
    lengths = [max(as_stereo(x).shape[1] for x in part.values()) for part in (stems, others)]
    if max(lengths) - min(lengths) <= samples_from_seconds(_LENGTHS_DIFFER_S, sample_rate):
        return seen
    own, theirs = ({n: as_stereo(x)[:, : min(lengths)] for n, x in part.items()} for part in (stems, others))
    power = np.diagonal(measure(theirs, sample_rate).cross, axis1=-2, axis2=-1).real
    return replace(seen, common=measure(own, sample_rate).cross, reference=replace(found, power=power))


def _seen(names: tuple[str, ...], here: Statistics, reference: Reference | None, common: Complex) -> Look:
    seen = features_of(here, reference)
    return Look(names, here, reference, common, seen, evidence_kind(seen.stems, seen.mix))
