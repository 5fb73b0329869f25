"""From sound to what the mixer is given: stems measured, beside a reference if there is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.units import samples_from_seconds
from soundwright.mixing.executor import as_stereo
from soundwright.mixing.features import Features, Reference, evidence_kind, features_of
from soundwright.mixing.reference import common_gain_db
from soundwright.mixing.statistics import Statistics, measure, measure_both

#: A reference: a mix `[2, N]`, or stems by name.
Given = NDArray[Any] | Mapping[str, NDArray[Any]]

_LENGTHS_DIFFER_S = 0.1


@dataclass(frozen=True)
class Look:
    """What there is to know of stems.

    Attributes:
        stems: their names.
        here: their statistics; beside the same performance over the time that both have.
        reference: what they stand beside, if anything; a mix of the same performance at the level of the stems' sum.
        features: what the network sees.
        kind: of evidence, see `features.EVIDENCE`.
        louder_db: by how much a mix of the same performance is louder as a whole.
    """

    stems: tuple[str, ...]
    here: Statistics
    reference: Reference | None
    features: Features
    kind: str
    louder_db: float = 0.0


def look(
    stems: Mapping[str, NDArray[Any]], sample_rate: int, reference: Given | None = None, *, in_step: bool = True
) -> Look:
    """Measures stems.

    Args:
        stems: `[2, N]` by name.
        sample_rate: Hz, of stems and reference.
        reference: a mix, or stems of at least the same names; it may be of the same performance, from its beginning,
            or of another section.
        in_step: whether it may be of the same performance; a gain per frequency explains a late one as well.

    Raises:
        BadInput: as `executor.as_stereo`.
        KeyError: a reference of stems lacks one.
    """
    if reference is None:
        return _seen(stems, measure(stems, sample_rate), None)
    others = {name: reference[name] for name in stems} if isinstance(reference, Mapping) else {"mix": reference}
    here, there, beside = measure_both(stems, others, sample_rate)
    beside = beside * (1 if in_step else 0)
    power = np.diagonal(there.cross, axis1=-2, axis2=-1).real
    if isinstance(reference, Mapping):
        seen = _seen(stems, here, Reference("stems", there.active, power, np.diagonal(beside, axis1=-2, axis2=-1)))
    else:
        seen = _seen(stems, here, Reference("mix", power, power, beside[..., 0]))
    if seen.kind != "aligned":
        return seen
    lengths = [max(as_stereo(x).shape[1] for x in part.values()) for part in (stems, others)]
    if max(lengths) - min(lengths) > samples_from_seconds(_LENGTHS_DIFFER_S, sample_rate):
        own, theirs = ({n: as_stereo(x)[:, : min(lengths)] for n, x in part.items()} for part in (stems, others))
        return look(own, sample_rate, theirs if isinstance(reference, Mapping) else theirs["mix"])
    return seen if isinstance(reference, Mapping) else _at_its_level(stems, seen)


def _at_its_level(stems: Iterable[str], seen: Look) -> Look:
    """A look at a mix of the same performance that may be mastered, and so at any level."""
    assert seen.reference is not None
    beside, power = seen.reference.beside, seen.reference.power
    louder_db = common_gain_db(seen.here.cross, beside, power[..., 0])
    if not louder_db:
        return seen
    gain = 10 ** (louder_db / 20)
    level = Reference("mix", power / gain**2, power / gain**2, beside / gain)
    return replace(_seen(stems, seen.here, level), louder_db=louder_db)


def _seen(stems: Iterable[str], here: Statistics, reference: Reference | None) -> Look:
    seen = features_of(here, reference)
    return Look(tuple(stems), here, reference, seen, evidence_kind(seen.stems, seen.mix))
