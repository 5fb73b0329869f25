"""The folder step behind `mix prepare`: one song -> segments of its stems; at the end, dataset.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from soundwright.core.errors import show_path
from soundwright.core.units import samples_from_seconds
from soundwright.mixing.dataset import Dataset, Segment, StemFile, relative_root
from soundwright.mixing.executor import Samples, as_stereo
from soundwright.mixing.levels import CLIPPED_SHARE, SILENT_DB, clipped_share, level_db
from soundwright.mixing.songs import FACTS, Song
from soundwright.mixing.splitting import validation_songs
from soundwright.runs import atomic
from soundwright.runs.step import Done, Finished, Item, OneByOne

#: A stem that is shorter is a mistake of an export.
SHORTEST_STEM_S = 0.1
#: Encoders and resamplers make files this much longer.
_LENGTHS_DIFFER_S = 0.1


@dataclass(frozen=True)
class PrepareSong(OneByOne[None]):
    """An item is a song."""

    name: ClassVar[str] = "mix-prepare"
    worker_pays_after: ClassVar[int] = 200_000_000

    output: Path
    segment_duration: float
    sample_rate: int
    songs: dict[str, Song] = field(repr=False)
    dataset_file: Path
    validation_split: float
    seed: int

    def settings(self) -> dict[str, Any]:
        """What the segments depend on; the split is made anew each time."""
        return {"segment_duration": self.segment_duration, "sample_rate": self.sample_rate}

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The list of the song's segments, which is written last."""
        return (f"{item.key}/{FACTS}",)

    def setup(self) -> None:
        """Nothing to load."""

    def run_one(self, state: None, item: Item) -> Done:
        """Cuts one song."""
        song = self.songs[item.key]
        job = _Job(self, song)
        usable = job.usable_stems()
        longest_s = max(usable.values(), default=0.0)
        count = int(longest_s / self.segment_duration + 1e-6)
        if not usable:
            return Done(excluded="none of its stems can be used: " + "; ".join(job.warnings))
        if count == 0:
            return Done(excluded=f"is shorter than a segment of {self.segment_duration:g} s: {longest_s:.4g} s")
        levels: dict[str, list[float]] = {}
        digests: dict[str, list[str]] = {}
        for stem in usable:
            found, digest = job.write_stem(stem, count)
            if found:
                levels[stem], digests[stem] = found, digest
        if not levels:
            return Done(excluded="is silent")
        sections = job.sections()
        rows = [
            {
                "index": index,
                "section": sections(index),
                "levels_db": {stem: round(values[index], 2) for stem, values in levels.items()},
                "sha256": {stem: values[index] for stem, values in digests.items()},
            }
            for index in range(count)
            if any(values[index] > SILENT_DB for values in levels.values())
        ]
        atomic.write_json(self.output / item.key / FACTS, {"segments": rows, "stems": sorted(levels)})
        files = [f"{item.key}/{index:03d}/{stem}.wav" for stem in levels for index in range(count)]
        return Done((f"{item.key}/{FACTS}", *files), {"segments": rows}, tuple(job.warnings))

    def reduce(self, finished: Iterable[Finished]) -> None:
        """Splits the songs and writes dataset.json."""
        done = {item.key: item.info["segments"] for item in finished if not item.excluded and item.info["segments"]}
        names = {key: (self.songs[key].artist, self.songs[key].name) for key in done}
        validating = validation_songs(names.values(), self.validation_split, self.seed)
        segments, stems = [], {}
        for key, rows in sorted(done.items()):
            artist, name = names[key]
            for row in rows:
                start_s = row["index"] * self.segment_duration
                segment = Segment(
                    key=f"{key}/{row['index']:03d}",
                    artist=artist,
                    song=name,
                    section=row["section"],
                    index=row["index"],
                    start_time=start_s,
                    end_time=start_s + self.segment_duration,
                    duration=self.segment_duration,
                    split="validation" if (artist, name) in validating else "train",
                )
                segments.append(segment)
                stems[segment.key] = {
                    stem: StemFile(
                        path=f"{segment.key}/{stem}.wav", level_db=level, sha256=row.get("sha256", {}).get(stem, "")
                    )
                    for stem, level in row["levels_db"].items()
                }
        dataset = _as_dataset(self, segments, stems)
        text = json.dumps(dataset.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"
        atomic.update_bytes(self.dataset_file, text.encode("ascii"))


class _Job:
    """One song on its way to segments."""

    def __init__(self, step: PrepareSong, song: Song) -> None:
        self.step, self.song = step, song
        self.warnings: list[str] = []

    def usable_stems(self) -> dict[str, float]:
        """The stems with their lengths in seconds; says what is odd about them."""
        from soundwright.audio.files import probe

        lengths = {}
        for stem, path in self.song.stems.items():
            info = probe(path)
            if info.duration_s < SHORTEST_STEM_S:
                samples = "1 sample" if info.num_samples == 1 else f"{info.num_samples} samples"
                self.warnings.append(f"{show_path(path.name)} has only {samples}, left out")
                continue
            if info.channels == 1:
                self.warnings.append(f"{show_path(path.name)} is mono: both channels get it")
            if info.sample_rate < self.step.sample_rate:
                top = f"nothing above {info.sample_rate / 2000:g} kHz"
                self.warnings.append(f"{show_path(path.name)} has {info.sample_rate} Hz, resampled: {top}")
            lengths[stem] = info.duration_s
        longest = max(lengths.values(), default=0.0)
        for stem, length in lengths.items():
            if longest - length > _LENGTHS_DIFFER_S:
                name = show_path(self.song.stems[stem].name)
                self.warnings.append(f"{name} has {length:.4g} s of {longest:.4g} s: the rest is silent")
        return lengths

    def write_stem(self, stem: str, count: int) -> tuple[list[float], list[str]]:
        """Writes the segments of a stem; their levels in dB and digests, none if it is silent."""
        from soundwright.audio.files import probe, read_audio, write_wav

        path, rate = self.song.stems[stem], self.step.sample_rate
        info = probe(path)
        samples = _two_channels(read_audio(path, sample_rate=rate))
        if level_db(samples) <= -100:
            self.warnings.append(f"{show_path(path.name)} is silent, left out")
            return [], []
        clipped = clipped_share(samples)
        if clipped > CLIPPED_SHARE:
            self.warnings.append(f"{show_path(path.name)} is clipped: {clipped:.1%} of its samples are at full scale")
        exact = info.subtype == "PCM_16" and info.sample_rate == rate
        length = samples_from_seconds(self.step.segment_duration, rate)
        samples = np.pad(samples, ((0, 0), (0, max(0, count * length - samples.shape[1]))))
        levels, digests = [], []
        for index in range(count):
            part = samples[:, index * length : (index + 1) * length]
            target = self.step.output / self.song.key / f"{index:03d}" / f"{stem}.wav"
            write_wav(target, part, rate, subtype="PCM_16" if exact else "FLOAT")
            levels.append(level_db(part))
            digests.append(hashlib.sha256(np.ascontiguousarray(part, np.float32).tobytes()).hexdigest())
        return levels, digests

    def sections(self) -> Callable[[int], str]:
        """A function from a segment's number to the label of its middle."""
        parts: list[tuple[float, float, str]] = []
        if self.song.facts is not None:
            try:
                listed = json.loads(self.song.facts.read_text(encoding="utf-8")).get("segments", [])
                parts = [(float(part["start"]), float(part["end"]), str(part["label"])) for part in listed]
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
                self.warnings.append(f"{FACTS} has no readable sections, left out")
        each = self.step.segment_duration

        def label(index: int) -> str:
            middle = (index + 0.5) * each
            return next((name for start, end, name in parts if start <= middle < end), "")

        return label


def _two_channels(samples: Samples) -> Samples:
    """Of more than two channels the mean, in both."""
    return as_stereo(samples if len(samples) <= 2 else samples.mean(axis=0, keepdims=True))


def _as_dataset(step: PrepareSong, segments: list[Segment], stems: dict[str, dict[str, StemFile]]) -> Dataset:
    artists: dict[str, dict[str, list[str]]] = {}
    sections: dict[str, list[str]] = {}
    for segment in segments:
        artists.setdefault(segment.artist, {}).setdefault(segment.song, []).append(segment.key)
        if segment.section:
            sections.setdefault(segment.section, []).append(segment.key)
    return Dataset(
        sample_rate=step.sample_rate,
        segment_duration=step.segment_duration,
        root=relative_root(step.output, step.dataset_file),
        segments=segments,
        stems=stems,
        artists=artists,
        song_sections=sections,
        stats={
            "total_artists": len(artists),
            "total_songs": sum(map(len, artists.values())),
            "total_segments": len(segments),
            "total_stems": sum(map(len, stems.values())),
            "train_segments": sum(segment.split == "train" for segment in segments),
            "validation_segments": sum(segment.split == "validation" for segment in segments),
        },
    )
