"""From decoded pieces to a finished file: fades, then one gain and a limiter, or one gain, in constant memory.

The first pass writes the decoded sound as float32 beside the output and measures it; the second turns it to its level
and writes the file. Loudness is that of the whole track, so it cannot be done in one pass.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from soundwright.audio.fades import Fades
from soundwright.audio.limiter import Limiter
from soundwright.audio.lufs import LoudnessMeter
from soundwright.audio.tagged import require_space, write_tagged
from soundwright.audio.tags import Tags
from soundwright.audio.true_peak import TruePeakMeter
from soundwright.core.errors import BadInput, UsageError
from soundwright.core.units import amplitude_from_db, samples_from_seconds

#: Highest true peak that is left to a sound whose level is changed.
CEILING_DB = -1.0
#: Samples per channel that are read back at a time.
_PIECE = 1 << 16


@Parameter(name="*")
@dataclass(frozen=True)
class FinishOptions:
    """The level and the ends of a track.

    Attributes:
        loudness: Bring the track to this loudness, LUFS (ITU-R BS.1770), with true peaks at most -1 dBTP: a limiter
            holds back those that would be higher. -14 is what streaming services play.
        peak: Bring the highest true peak to this level instead, dBTP, for example -1.
        fade_in: Seconds in which the track comes up from silence.
        fade_out: Seconds in which it goes down to silence at its end.
    """

    loudness: float | None = None
    peak: float | None = None
    fade_in: float = 0.0
    fade_out: float = 0.0

    def check(self) -> None:
        """Refuses what does not go together or cannot be.

        Raises:
            UsageError: both a loudness and a peak, levels out of range, a negative or endless fade.
        """
        if self.loudness is not None and self.peak is not None:
            raise UsageError("--loudness and --peak both set the level", remedy="give one of them")
        if self.loudness is not None and not -70 <= self.loudness <= -5:
            raise UsageError(f"--loudness {self.loudness:g} is not between -70 and -5 LUFS", remedy="try -14")
        if self.peak is not None and not -60 <= self.peak <= 0:
            raise UsageError(f"--peak {self.peak:g} is not between -60 and 0 dBTP", remedy="try -1")
        for name, value in (("--fade-in", self.fade_in), ("--fade-out", self.fade_out)):
            if not 0 <= value < math.inf:
                raise UsageError(f"{name} {value:g} is no length in seconds", remedy="give 0 or more")

    def require_shorter(self, duration_s: float) -> None:
        """Refuses fades that are longer than the track: it would never reach its level.

        Raises:
            UsageError: one is.
        """
        for name, value in (("--fade-in", self.fade_in), ("--fade-out", self.fade_out)):
            if value > duration_s:
                raise UsageError(f"{name} {value:g} s is longer than the track, {duration_s:g} s", remedy="shorten it")


@dataclass(frozen=True)
class Finished:
    """What a file holds.

    Attributes:
        num_samples: per channel.
        gain_db: what the level was changed by.
        loudness_lufs: of the file; None where it has none (silence, or shorter than 0.4 s).
        true_peak_dbtp: of the file; None for silence.
        reduction_db: the most that the limiter held back.
        digest: SHA-256 of the finished samples, float32, before they were coded.
        warnings: what the user should know.
    """

    num_samples: int
    gain_db: float
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    reduction_db: float
    digest: str
    warnings: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """For the record; rounded, so that it is the same wherever the sound is."""

        def shown(value: float | None) -> float | None:
            return None if value is None else round(value, 2)

        return {
            "num_samples": self.num_samples,
            "gain_db": shown(self.gain_db),
            "loudness_lufs": shown(self.loudness_lufs),
            "true_peak_dbtp": shown(self.true_peak_dbtp),
            "limiter_reduction_db": shown(self.reduction_db),
            "sha256_float32": self.digest,
        }


@dataclass(frozen=True)
class Shape:
    """What is known of a sound before it is decoded.

    Attributes:
        num_samples: per channel.
        sample_rate: Hz.
        channels: C.
    """

    num_samples: int
    sample_rate: int
    channels: int


def finish(
    path: Path,
    pieces: Iterable[NDArray[np.float32]],
    shape: Shape,
    options: FinishOptions,
    *,
    format: str,
    tags: Callable[[Finished], Tags],
) -> Finished:
    """Writes pieces `[C, n]` as a finished sound file, atomically, in constant memory.

    Without a level asked for, the sound keeps its own, unless its true peak exceeds full scale: then it is turned down
    as a whole to -1 dBTP, and that is a warning. Silence is written as it is.

    Args:
        path: the file.
        pieces: float32, full scale 1.0, `shape.num_samples` in all.
        shape: length, rate and channels.
        options: level and fades.
        format: wav, flac, ogg or mp3.
        tags: makes the file's tags from what it will hold.

    Raises:
        BadInput: a sample is NaN or infinite, or the disk has too little room.
        OSError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    num_bytes = 4 * shape.channels * shape.num_samples
    require_space(path.parent, num_bytes + num_bytes // 2)
    # Without a name: nothing is left of it, however this process ends.
    with tempfile.TemporaryFile(dir=path.parent) as raw:
        measured = _Meters(shape)
        _replace(raw, _faded(pieces, shape, options), measured, path)
        gain, limited, warnings = _level(measured, options)
        limiter = Limiter(shape.sample_rate, shape.channels, ceiling_db=CEILING_DB) if limited else None
        if gain != 1.0 or limiter:
            measured = _Meters(shape)
            _replace(raw, _turned(_pieces_of(raw, shape), gain, limiter), measured, path)
        reduction_db = limiter.reduction_db if limiter else 0.0
        finished = measured.finished(20 * math.log10(gain), reduction_db, warnings, options.loudness)
        write_tagged(
            path,
            _pieces_of(raw, shape),
            shape.sample_rate,
            shape.channels,
            format=format,
            tags=tags(finished),
        )
    return finished


class _Meters:
    """Everything that is measured while a sound passes once."""

    def __init__(self, shape: Shape) -> None:
        self._loudness = LoudnessMeter(shape.sample_rate, shape.channels)
        self._peak = TruePeakMeter(shape.channels)
        self._digest = hashlib.sha256()
        self._num_samples = 0

    def push(self, samples: NDArray[np.float32]) -> None:
        self._loudness.push(samples)
        self._peak.push(samples)
        self._digest.update(np.ascontiguousarray(samples.T, dtype="<f4").tobytes())
        self._num_samples += samples.shape[1]

    def loudness(self) -> float:
        return self._loudness.integrated()

    def peak(self) -> float:
        return self._peak.peak()

    def finished(
        self, gain_db: float, reduction_db: float, warnings: tuple[str, ...], wanted: float | None
    ) -> Finished:
        loudness, peak = self.loudness(), self.peak()
        if wanted is not None and not warnings and not abs(loudness - wanted) <= 0.5:
            reached = f"is at {loudness:.1f} LUFS and not at {wanted:g}" if math.isfinite(loudness) else "is very quiet"
            # Parts under -70 LUFS do not count as sound, so a quiet track measures louder than it was asked to be.
            reason = f"the limiter held back {reduction_db:.1f} dB to keep true peaks under {CEILING_DB:g} dBTP"
            reason = reason if reduction_db >= 0.05 else "loudness is not measured under -70 LUFS"
            warnings = (f"{reached}: {reason}",)
        return Finished(
            self._num_samples,
            gain_db,
            loudness if math.isfinite(loudness) else None,
            20 * math.log10(peak) if peak > 0 else None,
            reduction_db,
            self._digest.hexdigest(),
            warnings,
        )


def _level(measured: _Meters, options: FinishOptions) -> tuple[float, bool, tuple[str, ...]]:
    """The gain that the options ask for, whether the limiter is needed, and what to tell."""
    peak, loudness = measured.peak(), measured.loudness()
    if peak == 0.0:
        return 1.0, False, ("is silent",)
    if options.peak is not None:
        return amplitude_from_db(options.peak) / peak, False, ()
    if options.loudness is not None and math.isfinite(loudness):
        gain = amplitude_from_db(options.loudness - loudness)
        return gain, gain * peak > amplitude_from_db(CEILING_DB), ()
    warnings: tuple[str, ...] = ()
    if options.loudness is not None:
        warnings = ("has no loudness, being too quiet or shorter than 0.4 s; its level is left",)
    if peak > 1.0:
        over_db = 20 * math.log10(peak)
        warnings = (
            *warnings,
            f"exceeded full scale by {over_db:.1f} dB and was turned down to {CEILING_DB:g} dBTP",
        )
        return amplitude_from_db(CEILING_DB) / peak, False, warnings
    return 1.0, False, warnings


def _faded(
    pieces: Iterable[NDArray[np.float32]], shape: Shape, options: FinishOptions
) -> Iterator[NDArray[np.float32]]:
    lengths = (samples_from_seconds(s, shape.sample_rate) for s in (options.fade_in, options.fade_out))
    fades = Fades(shape.num_samples, *lengths)
    start = 0
    for piece in pieces:
        yield fades.apply(piece, start)
        start += piece.shape[1]


def _turned(
    pieces: Iterable[NDArray[np.float32]], gain: float, limiter: Limiter | None
) -> Iterator[NDArray[np.float32]]:
    for piece in pieces:
        louder = piece * np.float32(gain)
        yield limiter.push(louder) if limiter else louder
    if limiter:
        yield limiter.finish()


def _replace(file: IO[bytes], pieces: Iterable[NDArray[np.float32]], meters: _Meters, path: Path) -> None:
    """Writes pieces from the file's beginning; they may come from the file itself, as long as they come late enough."""
    position = 0
    for piece in pieces:
        try:
            meters.push(piece)
        except ValueError as error:
            raise BadInput(
                "the decoded sound is NaN or infinite, so nothing was written",
                path=path,
                remedy="try --dtype float32; if it stays, the weights are damaged: soundwright music preload --verify",
            ) from error
        file.seek(position)
        position += file.write(np.ascontiguousarray(piece.T, dtype="<f4").tobytes())
    file.flush()


def _pieces_of(file: IO[bytes], shape: Shape) -> Iterator[NDArray[np.float32]]:
    position, size = 0, 4 * shape.channels * _PIECE
    while True:
        file.seek(position)
        data = file.read(size)
        if not data:
            return
        position += len(data)
        yield np.frombuffer(data, "<f4").reshape(-1, shape.channels).T
