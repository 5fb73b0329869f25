"""From `dataset.json` to what training draws from; measured once, kept beside the training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soundwright.core.errors import BadInput, UsageError
from soundwright.mixing.bank import Passage, read_bank, write_bank
from soundwright.mixing.dataset import Dataset, Segment, Side, read_dataset
from soundwright.mixing.statistics import measure, measure_beside
from soundwright.runs.events import Note, emit


def material(dataset_file: Path, cache: Path, side: Side, *, most: int | None = None, seed: int = 0) -> list[Passage]:
    """Passages of one side of a dataset: each segment, with another segment of its song beside it.

    A song of one segment has itself beside it.

    Args:
        dataset_file: `dataset.json`.
        cache: folder; what was measured from the same dataset before is read from it.
        side: of the split.
        most: segments, at most; chosen by the seed.
        seed: of the choice.

    Raises:
        BadInput: the dataset or one of its files is damaged; with the segment's key.
    """
    digest = hashlib.sha256(dataset_file.read_bytes() + f"{side}/{most}/{seed}".encode()).hexdigest()[:16]
    files = sorted(cache.glob(f"{digest}-*.npz"))
    if files:
        return [passage for file in files for passage in read_bank(file)]
    dataset = read_dataset(dataset_file)
    segments = dataset.side(side)
    if most is not None and len(segments) > most:
        keep = np.random.default_rng(seed).permutation(len(segments))[:most]
        segments = [segments[place] for place in sorted(keep)]
    passages = [_measure(dataset, segment, segments) for segment in segments]
    by_count: dict[int, list[Passage]] = {}
    for passage in passages:
        by_count.setdefault(len(passage.stems), []).append(passage)
    for count, some in by_count.items():
        write_bank(cache / f"{digest}-{count}.npz", some)
    emit(Note(f"{len(passages)} segments to {'train on' if side == 'train' else 'validate with'}"))
    return [passage for some in by_count.values() for passage in some]


def require(passages: Sequence[Passage], dataset_file: Path) -> None:
    """Refuses to train on nothing.

    Raises:
        UsageError: there are no passages.
    """
    if not passages:
        raise UsageError(
            "has no segments to train on", path=dataset_file, remedy="lower validation_split, or add songs"
        )


def mate_of(segment: Segment, segments: Sequence[Segment]) -> Segment:
    """Another segment of the same song, of another section if there is one; of a song of one segment, itself."""
    mates = [s for s in segments if (s.artist, s.song) == (segment.artist, segment.song) and s.key != segment.key]
    other = [s for s in mates if s.section != segment.section] or mates or [segment]
    return other[segment.index % len(other)]


def _measure(dataset: Dataset, segment: Segment, segments: Sequence[Segment]) -> Passage:
    """A segment beside its mate."""
    mate = mate_of(segment, segments)
    try:
        here = dataset.load(segment.key)
        there = {stem: sound for stem, sound in dataset.load(mate.key).items() if stem in here}
    except BadInput as error:
        raise BadInput(f"segment {segment.key}: {error.message}", path=error.path, remedy=error.remedy) from error
    here = {stem: here[stem] for stem in there}
    rate = dataset.sample_rate
    return Passage(
        segment.key, tuple(here), measure(here, rate), measure(there, rate), measure_beside(here, there, rate)
    )
