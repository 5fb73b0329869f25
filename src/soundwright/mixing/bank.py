"""What training draws from: statistics of segments, each beside another section of its song."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.mixing.statistics import Complex, Statistics, Sums, cross_sums, frame_size, spectra
from soundwright.runs import atomic

_VERSION = 1


@dataclass(frozen=True)
class Passage:
    """A segment of a good mix, and another section of the same song.

    Attributes:
        name: artist, song and place, for messages and for the drawing of distortions.
        stems: names, in the order of the statistics.
        here: of the segment.
        there: of the other section.
        beside: mean of conj(X_s) Y_t with X from here and Y from there, `[2, F, S, S]`.
    """

    name: str
    stems: tuple[str, ...]
    here: Statistics
    there: Statistics
    beside: Complex

    def take(self, places: list[int]) -> Passage:
        """With some of the stems only, in this order."""
        return Passage(
            self.name,
            tuple(self.stems[place] for place in places),
            self.here.take(places),
            self.there.take(places),
            self.beside[:, :, places][:, :, :, places],
        )


def measure_passages(
    name: str, stems: Mapping[str, NDArray[Any]], sample_rate: int, windows_s: Sequence[float], seed: int = 0
) -> list[Passage]:
    """Cuts a song into windows and puts another window of the same length beside each.

    Args:
        name: of the song.
        stems: `[2, N]` by name.
        sample_rate: Hz.
        windows_s: lengths in seconds; of one the song has no two of, there is nothing.
        seed: which window is put beside which.
    """
    frames = np.concatenate(list(spectra(stems, sample_rate)), axis=2)  # [S, 2, T, bins]
    hop = frame_size(sample_rate)[1]
    rng = np.random.default_rng([seed, *name.encode()])
    passages = []
    for window_s in windows_s:
        count = round(window_s * sample_rate / hop)
        places = range(frames.shape[2] // count)
        if len(places) < 2:
            continue
        cuts = [frames[:, :, place * count : (place + 1) * count] for place in places]
        measured = []
        for cut in cuts:
            sums = Sums(sample_rate, len(stems))
            sums.add(cut)
            measured.append(sums.statistics())
        for place in places:
            other = int(rng.choice([p for p in places if p != place]))
            beside = (cross_sums(cuts[place], cuts[other], sample_rate) / count).astype(np.complex64)
            label = f"{name}/{window_s:g}s-{place}-{other}"
            passages.append(Passage(label, tuple(stems), measured[place], measured[other], beside))
    return passages


def write_bank(path: Path, passages: list[Passage]) -> None:
    """Writes passages that have equally many stems as one `.npz` of plain arrays."""
    arrays: dict[str, NDArray[Any]] = {
        "version": np.array(_VERSION),
        "names": np.array([p.name for p in passages]),
        "stems": np.array([p.stems for p in passages]),
        "rates": np.array([p.here.sample_rate for p in passages]),
        "beside": np.stack([p.beside for p in passages]),
    }
    for side in ("here", "there"):
        for field in ("cross", "active", "share", "spread"):
            arrays[f"{side}_{field}"] = np.stack([getattr(getattr(p, side), field) for p in passages])
    with atomic.atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_bank(path: Path) -> list[Passage]:
    """Reads what `write_bank` wrote.

    Raises:
        BadInput: it is none, or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if int(arrays["version"]) != _VERSION:
            raise ValueError(f"version {int(arrays['version'])}")
        return [_passage(arrays, place) for place in range(len(arrays["names"]))]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise BadInput(f"expected statistics of segments ({error})", path=path, remedy="delete it") from error


def _passage(arrays: dict[str, NDArray[Any]], place: int) -> Passage:
    def side(name: str) -> Statistics:
        fields = (arrays[f"{name}_{field}"][place] for field in ("cross", "active", "share", "spread"))
        return Statistics(int(arrays["rates"][place]), *fields)

    stems = tuple(str(stem) for stem in arrays["stems"][place])
    return Passage(str(arrays["names"][place]), stems, side("here"), side("there"), arrays["beside"][place])
