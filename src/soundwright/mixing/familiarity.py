"""Whether a stem sounds like anything that a mixer was trained on.

A network is sure of itself about instruments that it knows nothing of. So it takes what stands beside it: examples of
how stems of each name sounded in training, distorted as they were there, and how far from these the stems of validation
songs lie. A stem that is farther away is strange, and what the mixer thinks about it is no evidence.

Compared is the shape of the spectrum. Volume and pan do not change it; EQ does, but in training it did so as well:
distances are measured in units of the deviations among distorted examples, which are large where an EQ works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.bands import NUM_BANDS

if TYPE_CHECKING:
    from soundwright.mixing.bank import Passage
    from soundwright.mixing.distortion import Ranges

Array = NDArray[Any]

#: Columns of `features.features`: the spectrum of a stem beside its level.
_SHAPE = slice(0, NUM_BANDS)
_PROTOTYPES = 48
#: Of the largest variance: directions in which training varied less than that are no finer measure.
_LEAST_VARIANCE = 0.005
_PERCENTILE = 99.5
#: In limits: where a stem of the mix is strange, another is from here on. On validation songs it takes none with it.
_BESIDE_STRANGE = 0.85
#: Stems of one name, distorted, without which nothing can be said about that name.
_FEWEST_TRAIN, _FEWEST_VALID = 96, 48
_ROUNDS, _BATCH = 12, 128


@dataclass(frozen=True)
class Sounds:
    """How stems of one name sounded in training.

    Attributes:
        name: of the stems, in lower case.
        axes: what makes a shape comparable, `[B, B]`.
        prototypes: typical comparable shapes, `[K, B]`.
        limit: farther from all prototypes than that is hardly any stem of a validation song.
    """

    name: str
    axes: Array
    prototypes: Array
    limit: float

    def distance(self, shapes: Array) -> Array:
        """How far shapes `[N, B]` are from the nearest prototype, in limits, `[N]`."""
        return _nearest(shapes @ self.axes, self.prototypes) / self.limit


@dataclass(frozen=True)
class Familiarity:
    """What a mixer is familiar with; by default it takes everything as familiar.

    Attributes:
        sounds: of each name.
    """

    sounds: tuple[Sounds, ...] = ()

    def distances(self, names: Sequence[str], stem_features: Array) -> Array:
        """How far stems are from what is familiar; above 1 they are strange.

        Args:
            names: of the stems. One that was not trained on is compared with stems of all names.
            stem_features: `[S, STEM_FEATURES]`.
        """
        if not self.sounds:
            return np.zeros(len(names))
        shapes = stem_features[:, _SHAPE].astype(np.float64)
        all_of_them = np.stack([sounds.distance(shapes) for sounds in self.sounds])  # [sounds, S]
        own = np.array([[sounds.name == name.lower() for name in names] for sounds in self.sounds])
        return np.asarray(np.where(own | ~own.any(axis=0), all_of_them, np.inf).min(axis=0))

    def strange(self, names: Sequence[str], stem_features: Array) -> tuple[str, ...]:
        """The stems that sound like nothing that the mixer was trained on; all, where half of them or more do.

        Level and tone of a stem are judged beside the others, so among strange ones a familiar one cannot be judged;
        and songs are made with instruments of one kind, so beside a strange stem less is enough.
        """
        distances = self.distances(names, stem_features)
        far = distances > (_BESIDE_STRANGE if (distances > 1).any() else 1)
        if far.any() and 2 * np.count_nonzero(far) >= len(far):
            return tuple(names)
        return tuple(name for name, is_far in zip(names, far, strict=True) if is_far)

    def tensors(self) -> dict[str, Array]:
        """What `from_tensors` reads, in float16: distances differ by a thousandth."""
        return {
            f"{place}.{part}": np.ascontiguousarray(getattr(sounds, part), np.float16)
            for place, sounds in enumerate(self.sounds)
            for part in ("axes", "prototypes")
        }

    def facts(self) -> list[dict[str, Any]]:
        """Names and limits, as plain containers."""
        return [{"name": sounds.name, "limit": round(sounds.limit, 4)} for sounds in self.sounds]

    @classmethod
    def from_tensors(cls, facts: Sequence[Mapping[str, Any]], tensors: Mapping[str, Array]) -> Familiarity:
        """What `facts` and `tensors` gave.

        Raises:
            ValueError: they do not belong together, or are not those of this version.
            KeyError: the same.
        """
        sounds = []
        for place, fact in enumerate(facts):
            axes, prototypes = (tensors[f"{place}.{part}"].astype(np.float64) for part in ("axes", "prototypes"))
            limit = float(fact["limit"])
            if axes.shape != (NUM_BANDS, NUM_BANDS) or prototypes.shape[1:] != (NUM_BANDS,) or not limit > 0:
                raise ValueError("statistics of familiar sounds of another shape")
            sounds.append(Sounds(str(fact["name"]), axes, prototypes, limit))
        return cls(tuple(sounds))


def learn(
    train: Sequence[Passage], valid: Sequence[Passage], *, seed: int, ranges: Ranges | None = None, repeats: int = 2
) -> Familiarity:
    """Learns how stems sound, and how far from that those of unknown songs are.

    Args:
        train: passages of the songs that the mixer is trained on.
        valid: passages of other songs.
        seed: of the distortions.
        ranges: of the distortions.
        repeats: distortions of each passage.
    """
    seen = _shapes(train, seed, ranges, repeats)
    unseen = _shapes(valid, seed + 1, ranges, repeats)
    sounds = []
    for name in sorted(seen.keys() & unseen.keys()):
        if len(seen[name]) < _FEWEST_TRAIN or len(unseen[name]) < _FEWEST_VALID:
            continue
        variances, directions = np.linalg.eigh(np.cov(seen[name].T))
        # Rounded before distances are measured, so that the limit is that of what is kept.
        axes = directions / np.sqrt(np.maximum(variances, 0) + _LEAST_VARIANCE * variances.max() + 1e-9)
        axes = axes.astype(np.float16).astype(np.float64)
        prototypes = _typical(seen[name] @ axes, seed).astype(np.float16).astype(np.float64)
        limit = float(np.percentile(_nearest(unseen[name] @ axes, prototypes), _PERCENTILE))
        sounds.append(Sounds(name, axes, prototypes, max(limit, 1e-3)))
    return Familiarity(tuple(sounds))


def _shapes(passages: Sequence[Passage], seed: int, ranges: Ranges | None, repeats: int) -> dict[str, Array]:
    """Shapes of distorted and untouched stems by name, `[N, B]`."""
    from soundwright.mixing.sampling import sample

    groups: dict[int, list[Passage]] = {}
    for passage in passages:
        groups.setdefault(len(passage.stems), []).append(passage)
    found: dict[str, list[Array]] = {}
    for group in groups.values():
        for epoch in range(repeats):
            for start in range(0, len(group), _BATCH):
                part = group[start : start + _BATCH]
                batch = sample(
                    part, range(len(part)), seed=seed, epoch=epoch, ranges=ranges, condition="blind", augment=False
                )
                for passage, stems, rows in zip(part, batch.stems, batch.stem_features, strict=True):
                    for stem, row, share in zip(stems, rows, passage.here.share, strict=True):
                        if share > 0:
                            found.setdefault(stem.lower(), []).append(row[_SHAPE])
    return {name: np.array(rows, np.float64) for name, rows in found.items()}


def _typical(points: Array, seed: int) -> Array:
    """Prototypes of points `[N, B]` by k-means, `[K, B]`."""
    rng = np.random.default_rng(seed)
    prototypes = points[rng.choice(len(points), min(_PROTOTYPES, len(points) // 2), replace=False)]
    for _ in range(_ROUNDS):
        nearest = _squares(points, prototypes).argmin(axis=1)
        for place in np.unique(nearest):
            prototypes[place] = points[nearest == place].mean(axis=0)
    return prototypes


def _nearest(points: Array, prototypes: Array) -> Array:
    return np.asarray(np.sqrt(_squares(points, prototypes).min(axis=1)))


def _squares(points: Array, prototypes: Array) -> Array:
    """Squared distances, `[N, K]`."""
    ends = (points**2).sum(axis=1)[:, None] + (prototypes**2).sum(axis=1)
    return np.asarray(np.maximum(ends - 2 * points @ prototypes.T, 0))
