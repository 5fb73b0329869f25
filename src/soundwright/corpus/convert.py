"""Recordings of any kind -> mono WAV of one sample rate, as loud as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from soundwright.corpus.mono import ChannelsCancel, Mono
from soundwright.corpus.recordings import RecordingStep, check_sample_rate, find_recordings
from soundwright.corpus.rendering import WORKER_PAYS_AFTER, Rendering
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Done, Item
from soundwright.runs.summary import RunSummary


def convert(
    input: Path,
    output: Path,
    *,
    sample_rate: int = 32_000,
    mono: Mono = "mix",
    extensions: Sequence[str] | None = None,
    overwrite: bool = False,
    prune: bool = False,
    options: RunOptions = RunOptions(),
) -> RunSummary:
    """Turns recordings into mono WAV files of one sample rate, as loud as they are.

    Every file below INPUT becomes a 16-bit WAV at the same relative path below OUTPUT. Unlike `normalize` it leaves
    loudness as it is, silence too. What exceeds full scale, as a decoded MP3 may, is cut off, with a warning that says
    how much. Files whose channels cancel when mixed are listed as excluded; those that are cut short, unreadable, or
    hold NaN have failed. 16-bit mono files of that rate keep their samples bit for bit.

    Args:
        input: Folder of recordings, searched with its subfolders.
        output: Folder for the WAV files.
        sample_rate: Sample rate of the output in Hz.
        mono: Mix all channels, or take the left or right one.
        extensions: File endings to look for, upper or lower case. Default: all that libsndfile reads.
        overwrite: Do every file again, and replace files in OUTPUT that were not made by this command.
        prune: Remove outputs of this command whose input is gone, and that nobody has changed since.
        options: Workers and shards.

    Returns:
        Counts, warnings and failures.

    Raises:
        UsageError: INPUT is no folder or holds no such file, OUTPUT is INPUT, or the sample rate is not above 0.
    """
    check_sample_rate(sample_rate)
    found = find_recordings(input, output, extensions)
    return run_step(Convert(output, sample_rate, mono), found, output, options, overwrite=overwrite, prune=prune)


@dataclass(frozen=True)
class Convert(RecordingStep):
    """The folder step behind `convert`."""

    name: ClassVar[str] = "convert"
    worker_pays_after: ClassVar[int] = WORKER_PAYS_AFTER

    sample_rate: int
    mono: Mono

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The same relative path, ending in `.wav`."""
        return (str(PurePosixPath(item.key).with_suffix(".wav")),)

    def run_one(self, state: None, item: Item) -> Done:
        """Reads, mixes, resamples and writes one file, piece by piece."""
        from soundwright.audio.files import open_audio, write_sixteen_bit

        (name,) = self.outputs(item)
        with open_audio(item.inputs[0]) as reader:
            rendering = Rendering(reader, self.sample_rate, self.mono)
            try:
                num_samples = write_sixteen_bit(self.output / name, rendering.pieces(), self.sample_rate)
            except ChannelsCancel as error:
                return Done(excluded=f"{error.message} -> {error.remedy}")
        return Done((name,), {"num_samples": num_samples}, rendering.warnings())
