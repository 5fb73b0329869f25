"""Step 1 of document 002: recordings of any kind -> one sample rate, mono, one loudness.

The loudest 250 ms of each file is brought to the same RMS. Loudness then no longer tells recordings apart, so a model
trained on them does not spend its capacity on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, UsageError
from soundwright.core.units import amplitude_from_db, db_from_amplitude, samples_from_seconds
from soundwright.corpus.mono import Mono, channels_cancel, read_mono
from soundwright.corpus.recordings import RecordingStep, check_sample_rate, find_recordings
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Done, Item
from soundwright.runs.summary import RunSummary

#: A file whose loudest window lies below this is silent: at 16 bit it holds little but rounding noise.
SILENT_DB = -80.0
#: Peak of a file whose gain was limited: a hair under full scale.
PEAK_DB = -0.1

OnClip = Literal["scale", "clip", "error"]


def normalize(
    input: Path,
    output: Path,
    *,
    target_rms: float = 0.1,
    window_ms: float = 250.0,
    sample_rate: int = 24_000,
    extensions: Sequence[str] | None = None,
    on_clip: OnClip = "scale",
    mono: Mono = "mix",
    overwrite: bool = False,
    prune: bool = False,
    recursive: bool = True,
    options: RunOptions = RunOptions(),
) -> RunSummary:
    """Brings recordings to one sample rate, mono, and the same loudness of their loudest moment.

    Every file below INPUT becomes a 16-bit WAV at the same relative path below OUTPUT. Files that are silent, whose
    channels cancel, that are shorter than the window, cut short, unreadable, or hold NaN are reported and give no
    output. When settings differ from an earlier run, its files are done again.

    Args:
        input: Folder of recordings, searched with its subfolders.
        output: Folder for the WAV files.
        target_rms: RMS of the loudest window afterwards; full scale is 1.0.
        window_ms: Length of the sliding window in milliseconds.
        sample_rate: Sample rate of the output in Hz.
        extensions: File endings to look for, upper or lower case. Default: all that libsndfile reads.
        on_clip: What to do where the gain would exceed full scale: use less gain (scale), cut the peaks off (clip),
            or report the file and give no output (error).
        mono: Mix all channels, or take the left or right one.
        overwrite: Do every file again, and replace files in OUTPUT that were not made by this command.
        prune: Remove outputs of this command whose input is gone, and that nobody has changed since.
        recursive: Accepted for the sake of old scripts; subfolders are always searched.
        options: Workers and shards.

    Returns:
        Counts, warnings and failures; each done item's `info` has its gain and levels.

    Raises:
        UsageError: INPUT is no folder or holds no such file, OUTPUT is INPUT, or a number is out of range.
    """
    for name, value in {
        "--target-rms": target_rms,
        "--window-ms": window_ms,
        "--sample-rate": sample_rate,
    }.items():
        if not 0 < value < math.inf:
            raise UsageError(f"{name} {value:g}", remedy="give a number above 0")
    if samples_from_seconds(window_ms / 1000, sample_rate) < 1:
        raise UsageError(f"--window-ms {window_ms:g} is shorter than one sample", remedy="give e.g. 250")
    check_sample_rate(sample_rate)
    found = find_recordings(input, output, extensions)
    step = Normalize(output, target_rms, window_ms, sample_rate, on_clip, mono)
    return run_step(step, found, output, options, overwrite=overwrite, prune=prune)


@dataclass(frozen=True)
class Normalize(RecordingStep):
    """The folder step behind `normalize`."""

    name: ClassVar[str] = "normalize"
    worker_pays_after: ClassVar[int] = 100_000_000

    target_rms: float
    window_ms: float
    sample_rate: int
    on_clip: OnClip
    mono: Mono

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The same relative path, ending in `.wav`."""
        return (str(PurePosixPath(item.key).with_suffix(".wav")),)

    def run_one(self, state: None, item: Item) -> Done:
        """Reads, mixes, resamples, measures, scales and writes one file."""
        from soundwright.audio.files import write_wav

        path = item.inputs[0]
        samples = read_mono(path, self.sample_rate, self.mono)
        rms = self._measure(path, samples)
        gain, warnings = self._gain(path, rms, float(max(samples.max(), -samples.min())))
        (name,) = self.outputs(item)
        samples *= np.float32(gain)
        write_wav(self.output / name, samples, self.sample_rate)
        info = {
            "gain_db": round(float(db_from_amplitude(gain)), 3),
            "rms_before_db": round(float(db_from_amplitude(rms)), 3),
            "num_samples": len(samples),
        }
        return Done((name,), info, warnings)

    def _measure(self, path: Path, samples: NDArray[np.float32]) -> float:
        """RMS of the loudest window; refuses what has no loudness to normalise."""
        from soundwright.audio.loudness import peak_windowed_rms

        window = samples_from_seconds(self.window_ms / 1000, self.sample_rate)
        if len(samples) < window:
            raise BadInput(
                f"is too short: {1000 * len(samples) / self.sample_rate:.4g} ms, the window is {self.window_ms:g} ms",
                path=path,
                remedy="leave it out, or give a smaller --window-ms",
            )
        rms = peak_windowed_rms(samples, window)
        if not np.isfinite(rms):
            raise BadInput("has samples that are NaN or infinite", path=path, remedy="repair or leave out the file")
        if self.mono == "mix" and channels_cancel(path, rms):
            raise BadInput("its channels cancel when mixed (anti-phase)", path=path, remedy="give --mono left")
        if rms < amplitude_from_db(SILENT_DB):
            raise BadInput(
                f"is silent: its loudest {self.window_ms:g} ms lie at {db_from_amplitude(rms):.0f} dB",
                path=path,
                remedy="leave it out",
            )
        return rms

    def _gain(self, path: Path, rms: float, peak: float) -> tuple[float, tuple[str, ...]]:
        """The gain to apply and what the user should know of it."""
        gain = self.target_rms / rms
        if gain * peak <= 1.0:
            return gain, ()
        excess = f"peaks would exceed full scale by {db_from_amplitude(gain * peak):.1f} dB"
        if self.on_clip == "error":
            raise BadInput(excess, path=path, remedy="give a lower --target-rms, or --on-clip scale")
        if self.on_clip == "clip":
            return gain, (f"{excess}; cut off",)
        limited = amplitude_from_db(PEAK_DB) / peak
        return limited, (f"{excess}; RMS is {rms * limited:.3g} instead of {self.target_rms:g}",)
