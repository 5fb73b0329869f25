"""`dataset.json`: the segments that `mix prepare` made, on which side of the split each is, and examples from them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from soundwright.core.errors import BadInput
from soundwright.formats.complaints import complaint
from soundwright.formats.instructions import Instructions
from soundwright.mixing.distortion import Ranges, distort, draw
from soundwright.mixing.executor import Samples
from soundwright.mixing.levels import SILENT_DB, level_db

__all__ = [
    "SILENT_DB",
    "Dataset",
    "Example",
    "Segment",
    "Side",
    "StemFile",
    "level_db",
    "make_example",
    "read_dataset",
    "relative_root",
]

Side = Literal["train", "validation"]


class StemFile(BaseModel):
    """A stem of a segment.

    Attributes:
        path: stereo WAV, relative to the dataset's `root`.
        level_db: its RMS, full scale 1.0.
        sha256: of its samples; empty in files of earlier releases.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    level_db: float
    sha256: str = ""


class Segment(BaseModel):
    """A piece of a song.

    Attributes:
        key: `artist/song/index`; the key of `stems`.
        artist: the artist's folder.
        song: the song's name.
        section: the label of a `song.json` where there was one, else empty.
        index: counted from 0 in the song.
        start_time: in the song, seconds.
        end_time: in the song, seconds.
        duration: seconds.
        split: to train on, or to validate with.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    artist: str
    song: str
    section: str = ""
    index: int = Field(ge=0)
    start_time: float
    end_time: float
    duration: float
    split: Side


class Dataset(BaseModel):
    """What `dataset.json` holds.

    Attributes:
        schema_version: 1.
        sample_rate: Hz, of all segments.
        segment_duration: seconds.
        root: the folder of processed segments, relative to that of dataset.json.
        segments: sorted by key.
        stems: segment key -> stem -> file.
        artists: artist -> song -> segment keys.
        song_sections: label -> segment keys.
        stats: counts.
    """

    schema_version: Literal[1] = 1
    sample_rate: int = Field(gt=0)
    segment_duration: float = Field(gt=0)
    root: str
    segments: list[Segment]
    stems: dict[str, dict[str, StemFile]]
    artists: dict[str, dict[str, list[str]]]
    song_sections: dict[str, list[str]]
    stats: dict[str, int]

    _folder: Path = Path()

    def side(self, split: Side) -> list[Segment]:
        """The segments of one side."""
        return [segment for segment in self.segments if segment.split == split]

    def digest(self) -> str:
        """SHA-256 of the content: which segments, on which side, with which sound; wherever it lies."""
        content = {
            "sample_rate": self.sample_rate,
            "segments": [segment.model_dump() for segment in self.segments],
            "stems": {key: {n: [f.sha256, f.level_db] for n, f in files.items()} for key, files in self.stems.items()},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def load(self, key: str) -> dict[str, Samples]:
        """The stems of a segment, float32 `[2, N]` at the dataset's rate.

        Raises:
            BadInput: a file is missing or damaged.
        """
        from soundwright.audio.files import read_audio

        files = self.stems[key]
        return {stem: read_audio(self._folder / self.root / file.path) for stem, file in files.items()}

    def active_stems(self, key: str) -> list[str]:
        """The stems that sound in a segment; only they can be distorted."""
        return [stem for stem, file in self.stems[key].items() if file.level_db > SILENT_DB]


@dataclass(frozen=True)
class Example:
    """What a model learns from.

    Attributes:
        key: of the segment.
        heard: the stems as the model gets them, `[2, N]`.
        target: the stems as they should be.
        labels: what leads from one to the other.
    """

    key: str
    heard: dict[str, Samples]
    target: dict[str, Samples]
    labels: Instructions


def make_example(dataset: Dataset, key: str, *, seed: int, epoch: int, ranges: Ranges | None = None) -> Example:
    """Distorts a segment; the same for the same dataset, key, seed and epoch.

    Raises:
        BadInput: a file is missing or damaged.
    """
    stems = dataset.load(key)
    drawn = draw(seed, epoch, key, dataset.active_stems(key), ranges)
    heard, target = distort(drawn, stems, dataset.sample_rate)
    return Example(key, heard, target, drawn.labels)


def read_dataset(path: Path) -> Dataset:
    """Reads `dataset.json`.

    Raises:
        BadInput: it is missing or damaged, or of another make.
    """
    remedy = "make it again: soundwright mix prepare"
    try:
        dataset = Dataset.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy=remedy) from error
    except ValidationError as error:
        raise BadInput(f"is no dataset.json: {complaint(error, Dataset)}", path=path, remedy=remedy) from error
    missing = [segment.key for segment in dataset.segments if segment.key not in dataset.stems]
    if missing:
        raise BadInput(f"is no dataset.json: no stems of the segment {missing[0]!r}", path=path, remedy=remedy)
    dataset._folder = path.parent
    return dataset


def relative_root(processed: Path, dataset_file: Path) -> str:
    """The folder of segments as dataset.json names it, so that both can be moved together."""
    return Path(os.path.relpath(processed.resolve(), dataset_file.parent.resolve())).as_posix()
