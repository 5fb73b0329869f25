"""Recordings -> segments of one length, and the table that says which recording each is from.

    OUTPUT/<source id>_<index>.wav      `drums/kick.wav` -> `drums_kick_000.wav`, `drums_kick_001.wav` ...
    OUTPUT/segments.csv                 file, source, start_s, duration_s

A source id is the relative path without its ending, its folders joined by `_`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, SoundwrightError, UsageError
from soundwright.core.units import samples_from_seconds, seconds_from_samples
from soundwright.corpus.mono import Mono
from soundwright.corpus.recordings import RecordingStep, check_sample_rate, find_recordings
from soundwright.corpus.rendering import WORKER_PAYS_AFTER, Rendering
from soundwright.corpus.segment_journal import SegmentJournal
from soundwright.corpus.segment_table import SegmentRow, write_segment_table
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Done, Finished, Item
from soundwright.runs.summary import RunSummary

#: A rest shorter than this part of a segment is never a segment. It is what encoders and resamplers add to a recording
#: (an MP3 up to 50 ms), and of no use to a model.
SHORTEST_TAIL = 0.01

Tail = Literal["drop", "keep", "pad"]


def segment(
    input: Path,
    output: Path,
    *,
    duration: float = 10.0,
    tail: Tail = "drop",
    sample_rate: int | None = None,
    mono: Mono | None = None,
    extensions: Sequence[str] | None = None,
    overwrite: bool = False,
    prune: bool = False,
    options: RunOptions = RunOptions(),
) -> RunSummary:
    """Cuts recordings into 16-bit WAV segments of exactly one length.

    The segments of all recordings lie side by side in OUTPUT: `drums/kick.wav` gives `drums_kick_000.wav`,
    `drums_kick_001.wav` ... The file segments.csv says from which recording each is and where in it. 16-bit samples
    that are neither mixed nor resampled pass bit for bit. With --sample-rate and --mono one pass goes from MP3 to
    segments.

    A recording that is too short for a segment is listed as excluded. When settings differ from an earlier run,
    recordings are cut again, and segments that are no more are removed.

    Args:
        input: Folder of recordings, searched with its subfolders.
        output: Folder for the segments and segments.csv.
        duration: Length of a segment in seconds.
        tail: What becomes of the rest behind the last whole segment: leave it out (drop), make it a shorter segment
            (keep), or fill it up with silence (pad). A rest of less than 1 % of a segment is always left out.
        sample_rate: Resample to this rate in Hz. Default: each recording keeps its own.
        mono: Mix all channels, or take the left or right one. Default: channels stay as they are.
        extensions: File endings to look for, upper or lower case. Default: all that libsndfile reads.
        overwrite: Do every file again, and replace files in OUTPUT that were not made by this command.
        prune: Remove outputs of this command whose input is gone, and that nobody has changed since.
        options: Workers and shards.

    Returns:
        Counts, warnings, failures, and what was too short.

    Raises:
        UsageError: INPUT is no folder or holds no such file, OUTPUT is INPUT, or a number is out of range.
    """
    if not 0 < duration < math.inf:
        raise UsageError(f"--duration {duration:g}", remedy="give a number of seconds above 0")
    if sample_rate is not None:
        check_sample_rate(sample_rate)
    found = find_recordings(input, output, extensions)
    # 10 and 10.0 are the same setting.
    step = Segment(output, float(duration), tail, sample_rate, mono, overwrite)
    return run_step(step, found, output, options, overwrite=overwrite, prune=prune)


@dataclass(frozen=True)
class Segment(RecordingStep):
    """The folder step behind `segment`."""

    name: ClassVar[str] = "segment"
    worker_pays_after: ClassVar[int] = WORKER_PAYS_AFTER

    duration_s: float
    tail: Tail
    sample_rate: int | None
    mono: Mono | None
    overwrite: bool = False

    def settings(self) -> dict[str, Any]:
        """All fields but the folder and what may be replaced in it."""
        return {key: value for key, value in super().settings().items() if key != "overwrite"}

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The first segment: how many there are, the sound itself says (an MP3's header may estimate)."""
        return (segment_name(item.key, 0),)

    def run_one(self, state: None, item: Item) -> Done:
        """Cuts one recording."""
        journal = SegmentJournal(self.output, source_id(item.key), overwrite=self.overwrite)
        try:
            done = self._cut(item, journal)
        except (SoundwrightError, OSError):
            journal.keep(())
            raise
        journal.keep(done.outputs)
        return done

    def reduce(self, finished: Iterable[Finished]) -> None:
        """Writes segments.csv."""
        rows = [row for item in finished for row in _rows(item)]
        write_segment_table(self.output, sorted(rows, key=lambda row: row.file))

    def _cut(self, item: Item, journal: SegmentJournal) -> Done:
        """Writes the segments."""
        from soundwright.audio.files import open_audio, write_sixteen_bit

        path = item.inputs[0]
        names: list[str] = []
        num_samples = last_samples = 0
        with open_audio(path) as reader:
            rendering = Rendering(reader, self.sample_rate, self.mono)
            rate, channels = rendering.sample_rate, rendering.channels
            length = samples_from_seconds(self.duration_s, rate)
            if length < 1:
                raise BadInput(
                    f"a segment of {self.duration_s:g} s is shorter than one sample at {rate} Hz",
                    path=path,
                    remedy="give a longer --duration",
                )
            for samples in cut(rendering.pieces(), length):
                num_samples += len(samples)
                ready = self._tail(samples, length)
                if ready is not None:
                    name = segment_name(item.key, len(names))
                    last_samples = write_sixteen_bit(journal.begin(name), [ready], rate, channels=channels)
                    names.append(name)
        if not names:
            shortest = "a segment" if self.tail == "drop" else f"{SHORTEST_TAIL:.0%} of a segment"
            found = f"{seconds_from_samples(num_samples, rate):.4g} s"
            return Done(excluded=f"is shorter than {shortest} of {self.duration_s:g} s: {found}")
        info = {"sample_rate": rate, "segment_samples": length, "last_samples": last_samples}
        return Done(tuple(names), info, rendering.warnings())

    def _tail(self, samples: NDArray[np.int16], length: int) -> NDArray[np.int16] | None:
        """A segment as it is to be written; None for a rest that is left out."""
        if len(samples) == length:
            return samples
        if self.tail == "drop" or len(samples) < SHORTEST_TAIL * length:
            return None
        if self.tail == "keep":
            return samples
        return np.concatenate([samples, np.zeros((length - len(samples), samples.shape[1]), np.int16)])


def segment_name(key: str, index: int) -> str:
    """The file name of a segment: `drums/kick.wav`, 7 -> `drums_kick_007.wav`."""
    return f"{source_id(key)}_{index:03d}.wav"


def source_id(key: str) -> str:
    """What the names of a recording's segments begin with: `drums/kick.wav` -> `drums_kick`."""
    return "_".join(PurePosixPath(key).with_suffix("").parts)


def cut(pieces: Iterable[NDArray[np.int16]], length: int) -> Iterator[NDArray[np.int16]]:
    """Cuts pieces `[n, C]` anew, into `[length, C]` each; the last may be shorter, and is never empty."""
    parts: list[NDArray[np.int16]] = []
    missing = length
    for piece in pieces:
        while len(piece) >= missing:
            yield np.concatenate([*parts, piece[:missing]])
            piece, parts, missing = piece[missing:], [], length
        if len(piece):
            parts.append(piece)
            missing -= len(piece)
    if parts:
        yield np.concatenate(parts)


def _rows(item: Finished) -> Iterator[SegmentRow]:
    for index, name in enumerate(item.outputs):
        rate, length = item.info["sample_rate"], item.info["segment_samples"]
        num_samples = item.info["last_samples"] if index == len(item.outputs) - 1 else length
        start_s = seconds_from_samples(index * length, rate)
        yield SegmentRow(name, item.key, start_s, seconds_from_samples(num_samples, rate))
