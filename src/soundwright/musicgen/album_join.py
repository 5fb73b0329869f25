"""The tracks of an album as one file, with a cue sheet and a list of their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.files import AudioInfo, open_audio, probe
from soundwright.audio.limiter import Limiter
from soundwright.audio.tagged import require_space, write_tagged
from soundwright.core.errors import BadInput, show_path
from soundwright.core.units import samples_from_seconds, seconds_from_samples
from soundwright.musicgen.album_plan import AlbumPlan
from soundwright.musicgen.album_record import BESIDE, SetRecord, set_record_at, set_track
from soundwright.musicgen.crossfade import Part, join, joined_length
from soundwright.musicgen.finishing import CEILING_DB
from soundwright.musicgen.outputs import as_fault
from soundwright.musicgen.record import Record
from soundwright.musicgen.track_request import safe_name
from soundwright.runs import atomic


@dataclass(frozen=True)
class Joined:
    """A joined set.

    Attributes:
        path: the file.
        cue: its cue sheet.
        tracklist: names and times, for a person.
        duration_s: seconds.
        already: it stood there, and nothing was done.
    """

    path: Path
    cue: Path
    tracklist: Path
    duration_s: float
    already: bool = False

    def lines(self) -> Iterator[str]:
        """The set for a person."""
        yield (
            f"{show_path(self.path)}: {self.duration_s:.1f} s, cue sheet {show_path(self.cue.name)}, "
            f"tracks {show_path(self.tracklist.name)}{', there already' if self.already else ''}"
        )


def target_of(plan: AlbumPlan, folder: Path) -> Path:
    """The file of the joined set."""
    return folder / f"{safe_name(plan.title)}.{plan.format}"


def join_tracks(plan: AlbumPlan, paths: list[Path], records: list[Record], target: Path) -> Joined:
    """Joins tracks that all stand there, in constant memory; where two loud ones meet, a limiter holds the peaks.

    A set that was joined from the same tracks before is left as it is.

    Raises:
        BadInput: tracks have different sample rates or are shorter than their crossfades, or the disk is full.
    """
    infos = [probe(path) for path in paths]
    rate, channels = infos[0].sample_rate, max(info.channels for info in infos)
    overlaps = [samples_from_seconds(plan.overlap_s(i), rate) for i in range(len(paths))]
    lengths = [info.num_samples for info in infos]
    _require_fit(paths, infos, overlaps)
    total = joined_length(zip(lengths, overlaps, strict=True))
    names = [track.name for track in plan.tracks]
    seconds = [seconds_from_samples(start, rate) for start in _starts(lengths, overlaps)]
    record = SetRecord(
        title=plan.title,
        tracks=[
            set_track(name, path, made, start_s, plan.overlap_s(i))
            for i, (name, path, made, start_s) in enumerate(zip(names, paths, records, seconds, strict=True))
        ],
        sound={"num_samples": total, "sample_rate": rate, "channels": channels},
    )
    cue, tracklist = (target.with_suffix(ending) for ending in BESIDE)
    joined = Joined(target, cue, tracklist, seconds_from_samples(total, rate))
    before = set_record_at(target)
    if before is not None and before.facts() == record.facts() and before.is_whole(target):
        return replace(joined, already=True)
    require_space(target.parent, 2 * channels * total)
    parts = (
        Part(_pieces(path, channels), info.num_samples, overlap)
        for path, info, overlap in zip(paths, infos, overlaps, strict=True)
    )
    try:
        record.begin(target)
        pieces = _limited(join(parts, channels), rate, channels)
        write_tagged(target, pieces, rate, channels, format=plan.format, tags=record.tags())
        atomic.write_text(cue, _cue_sheet(plan.title, target, names, seconds))
        atomic.write_text(tracklist, "".join(f"{_clock(s)}  {name}\n" for s, name in zip(seconds, names, strict=True)))
        record.finish(target)
    except OSError as error:
        raise as_fault(error, target) from error
    return joined


def _require_fit(paths: list[Path], infos: list[AudioInfo], overlaps: list[int]) -> None:
    for i, (path, info) in enumerate(zip(paths, infos, strict=True)):
        if info.sample_rate != infos[0].sample_rate:
            what = f"is not at {infos[0].sample_rate} Hz as the first track"
            raise BadInput(what, path=path, remedy="use models of one sample rate")
        # A track is whole frames of the codec, so it may be a hundredth of a second shorter than its plan.
        if overlaps[i] + sum(overlaps[i + 1 : i + 2]) > info.num_samples:
            raise BadInput("is shorter than its crossfades", path=path, remedy="make them shorter in the plan")


def _starts(lengths: list[int], overlaps: list[int]) -> list[int]:
    """Where each track begins: with its crossfade."""
    starts = [0]
    for length, overlap in zip(lengths[:-1], overlaps[1:], strict=True):
        starts.append(starts[-1] + length - overlap)
    return starts


def _pieces(path: Path, channels: int) -> Iterator[NDArray[np.float32]]:
    with open_audio(path) as reader:
        info: AudioInfo = reader.info
        for piece in reader.pieces():
            turned = np.ascontiguousarray(piece.T, dtype=np.float32)
            yield turned if info.channels == channels else np.repeat(turned[:1], channels, axis=0)


def _limited(pieces: Iterator[NDArray[np.float32]], rate: int, channels: int) -> Iterator[NDArray[np.float32]]:
    limiter = Limiter(rate, channels, ceiling_db=CEILING_DB)
    for piece in pieces:
        yield limiter.push(piece)
    yield limiter.finish()


def _cue_sheet(title: str, file: Path, names: list[str], starts_s: list[float]) -> str:
    """A cue sheet, whose times have 75 frames a second."""
    lines = [f'TITLE "{_quoted(title)}"', f'FILE "{_quoted(file.name)}" {"MP3" if file.suffix == ".mp3" else "WAVE"}']
    for number, (name, start_s) in enumerate(zip(names, starts_s, strict=True), start=1):
        frames = int(start_s * 75 + 0.5)
        index = f"{frames // 4500:02d}:{frames // 75 % 60:02d}:{frames % 75:02d}"
        lines += [f"  TRACK {number:02d} AUDIO", f'    TITLE "{_quoted(name)}"', f"    INDEX 01 {index}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return " ".join(text.replace('"', "'").split())


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
