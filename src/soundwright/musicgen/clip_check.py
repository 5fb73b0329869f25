"""Whether a file is a clip of music in the plainest sense: right length, finite, not silent, not clipped.

`scripts/run_tests.sh` asks this of its clips. It says nothing of beauty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.files import AudioReader, open_audio
from soundwright.core.errors import BadInput, show_path

#: A container may round to its blocks; a frame of MusicGen is 0.02 s.
_TOLERANCE_S = 0.1
#: RMS around the mean, so that a constant offset is silence; dBFS.
_SILENT_DB = -60.0
#: As many samples in a row at full scale are a flat top; fewer may be a peak that touches it.
_FLAT = 3
_FULL_SCALE = 0.999


@dataclass(frozen=True)
class CheckedClip:
    """What was measured.

    Attributes:
        path: the file.
        duration_s: its length.
        level_db: RMS around the mean, dBFS.
        peak: largest absolute sample; 1.0 is full scale.
        faults: what is wrong, one line each.
    """

    path: Path
    duration_s: float
    level_db: float
    peak: float
    faults: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """1 where something is wrong."""
        return int(bool(self.faults))

    def lines(self) -> Iterator[str]:
        """A line of measures, and one per fault."""
        word = "faulty" if self.faults else "ok"
        measures = f"{self.duration_s:.2f} s, RMS {self.level_db:.1f} dBFS, peak {self.peak:.3f}"
        yield f"{word:<7} {show_path(self.path)}: {measures}"
        yield from (f"        {fault}" for fault in self.faults)


def check_clip(file: Path, *, duration: float | None = None) -> CheckedClip:
    """Checks a clip: its length, that it is finite, not silent and not clipped.

    Args:
        file: The clip.
        duration: The length that it was asked for, in seconds.

    Raises:
        BadInput: the file cannot be read as audio.
    """
    with open_audio(file) as reader:
        measured = _Measured.of(reader)
        duration_s = measured.num_samples / reader.info.sample_rate
    if not measured.num_samples:
        raise BadInput("has no samples", path=file, remedy="generate it again")
    faults = []
    if duration is not None and abs(duration_s - duration) > _TOLERANCE_S:
        faults.append(f"expected {duration:g} s")
    if not measured.finite:
        faults.append("has samples that are NaN or infinite")
    elif measured.level_db < _SILENT_DB:
        faults.append(f"is silent: below {_SILENT_DB:g} dBFS")
    if measured.num_flat:
        faults.append(f"is clipped: {_FLAT} samples in a row at full scale, {measured.num_flat}x")
    return CheckedClip(file, duration_s, measured.level_db, measured.peak, tuple(faults))


@dataclass(frozen=True)
class _Measured:
    num_samples: int
    finite: bool
    level_db: float
    peak: float
    num_flat: int

    @staticmethod
    def of(reader: AudioReader) -> _Measured:
        """Reads the file once, in pieces."""
        channels = reader.info.channels
        total, squares = np.zeros(channels), np.zeros(channels)
        num_samples, num_flat, peak, finite = 0, 0, 0.0, True
        before = np.zeros((0, channels), bool)
        for piece in reader.pieces():
            num_samples += len(piece)
            finite = finite and bool(np.isfinite(piece).all())
            total += piece.sum(0, dtype=np.float64)
            squares += np.square(piece, dtype=np.float64).sum(0)
            peak = max(peak, float(np.abs(piece).max()))
            loud = np.concatenate([before, np.abs(piece) >= _FULL_SCALE])
            num_flat += _flat_tops(loud)
            before = loud[-(_FLAT - 1) :]
        mean = total / max(1, num_samples)
        variance = max(0.0, float((squares / max(1, num_samples) - mean**2).mean()))
        return _Measured(num_samples, finite, 10 * float(np.log10(variance + 1e-20)), peak, num_flat)


def _flat_tops(loud: NDArray[np.bool_]) -> int:
    """How often `_FLAT` samples in a row are at full scale; `loud` is `[n, C]`."""
    if len(loud) < _FLAT:
        return 0
    windows = np.lib.stride_tricks.sliding_window_view(loud, _FLAT, axis=0)
    return int(windows.all(-1).sum())
