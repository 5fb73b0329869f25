"""The tracks of an album as one file, with a cue sheet and a list of their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import soundwright
from soundwright.audio.files import AudioInfo, open_audio, probe
from soundwright.audio.limiter import Limiter
from soundwright.audio.tagged import require_space, write_tagged
from soundwright.audio.tags import Tags
from soundwright.core.errors import BadInput, show_path
from soundwright.core.units import samples_from_seconds, seconds_from_samples
from soundwright.musicgen.album_plan import AlbumPlan
from soundwright.musicgen.crossfade import Part, join, joined_length
from soundwright.musicgen.finishing import CEILING_DB
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
    """

    path: Path
    cue: Path
    tracklist: Path
    duration_s: float

    def lines(self) -> Iterator[str]:
        """The set for a person."""
        yield (
            f"{show_path(self.path)}: {self.duration_s:.1f} s, cue sheet {show_path(self.cue.name)}, "
            f"tracks {show_path(self.tracklist.name)}"
        )


def join_tracks(plan: AlbumPlan, paths: list[Path], folder: Path) -> Joined:
    """Joins tracks that all stand there, in constant memory; where two loud ones meet, a limiter holds the peaks.

    Raises:
        BadInput: tracks have different sample rates, or the disk is full.
    """
    infos = [probe(path) for path in paths]
    rate, channels = infos[0].sample_rate, max(info.channels for info in infos)
    other = next((path for path, info in zip(paths, infos, strict=True) if info.sample_rate != rate), None)
    if other is not None:
        raise BadInput(f"is not at {rate} Hz as the first track", path=other, remedy="use models of one sample rate")
    overlaps = [samples_from_seconds(plan.overlap_s(i), rate) for i in range(len(paths))]
    lengths = [info.num_samples for info in infos]
    total = joined_length(zip(lengths, overlaps, strict=True))
    require_space(folder, 2 * channels * total)
    parts = (
        Part(_pieces(path, channels), info.num_samples, overlap)
        for path, info, overlap in zip(paths, infos, overlaps, strict=True)
    )
    target = folder / f"{safe_name(plan.title)}.{plan.format}"
    starts = _starts(lengths, overlaps)
    cue, tracklist = target.with_suffix(".cue"), target.with_suffix(".txt")
    write_tagged(
        target,
        _limited(join(parts, channels), rate, channels),
        rate,
        channels,
        format=plan.format,
        tags=Tags(title=plan.title, artist="MusicGen", software=f"soundwright {soundwright.__version__}"),
    )
    names = [track.name for track in plan.tracks]
    seconds = [seconds_from_samples(start, rate) for start in starts]
    atomic.write_text(cue, _cue_sheet(plan.title, target.name, names, seconds))
    atomic.write_text(tracklist, "".join(f"{_clock(s)}  {name}\n" for s, name in zip(seconds, names, strict=True)))
    return Joined(target, cue, tracklist, seconds_from_samples(total, rate))


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


def _cue_sheet(title: str, file: str, names: list[str], starts_s: list[float]) -> str:
    """A cue sheet, whose times have 75 frames a second."""
    lines = [f'TITLE "{_quoted(title)}"', f'FILE "{_quoted(file)}" WAVE']
    for number, (name, start_s) in enumerate(zip(names, starts_s, strict=True), start=1):
        frames = int(start_s * 75 + 0.5)
        index = f"{frames // 4500:02d}:{frames // 75 % 60:02d}:{frames % 75:02d}"
        lines += [f"  TRACK {number:02d} AUDIO", f'    TITLE "{_quoted(name)}"', f"    INDEX 01 {index}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return " ".join(text.replace('"', "'").split())


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
