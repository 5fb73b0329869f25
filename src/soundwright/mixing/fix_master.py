"""From the sum of the stems to the finished mix: measured, brought to a loudness, true peaks kept under a ceiling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from soundwright.core.errors import UsageError
from soundwright.core.units import amplitude_from_db
from soundwright.mixing.executor import Samples

#: Highest true peak of anything that is written for listening, dBTP.
CEILING_DB = -1.0
#: What is aimed at, by our meter. It looks at four points per sample, as BS.1770 has it, and next to half the rate an
#: ideal interpolator finds peaks that are higher: by 0.3 dB in music, by up to 1 dB in white noise driven hard.
_AIM_DB = CEILING_DB - 0.3
#: By how much more the limiter may be driven, to make up for what it takes away, in dB.
_MOST_DRIVE_DB = 3.0
_ROUNDS = 4


@dataclass(frozen=True)
class Level:
    """How loud a sound is.

    Attributes:
        loudness_lufs: integrated; None for silence and what is shorter than 0.4 s.
        true_peak_dbtp: None for silence.
    """

    loudness_lufs: float | None
    true_peak_dbtp: float | None

    def __str__(self) -> str:
        """For a person."""
        loudness = "no loudness" if self.loudness_lufs is None else f"{round(self.loudness_lufs, 1) + 0.0:.1f} LUFS"
        return (
            loudness
            if self.true_peak_dbtp is None
            else f"{loudness}, true peak {round(self.true_peak_dbtp, 1) + 0.0:.1f} dBTP"
        )


@dataclass(frozen=True)
class Mastered:
    """A finished mix.

    Attributes:
        samples: `[2, N]`.
        level: of these.
        notes: what the user should know.
    """

    samples: Samples
    level: Level
    notes: tuple[str, ...] = ()


def check_loudness(loudness: float, name: str = "--loudness") -> None:
    """Refuses a loudness that no mix has.

    Args:
        loudness: LUFS.
        name: what the user calls it.

    Raises:
        UsageError: it is not between -70 and -5 LUFS.
    """
    if not -70 <= loudness <= -5:  # NaN is neither
        raise UsageError(f"{name} {loudness:g} is not between -70 and -5 LUFS", remedy="try -14")


def measure(samples: Samples, sample_rate: int) -> Level:
    """The level of `[2, N]`."""
    from soundwright.audio.true_peak import true_peak

    return _level(samples, sample_rate, true_peak(samples))


def _level(samples: Samples, sample_rate: int, peak: float) -> Level:
    """The level of `[2, N]`, of which the true peak is known (full scale 1.0)."""
    from soundwright.audio.lufs import integrated_loudness

    loudness = integrated_loudness(samples, sample_rate)
    return Level(loudness if math.isfinite(loudness) else None, 20 * math.log10(peak) if peak > 0 else None)


def master(mix: Samples, level: Level, sample_rate: int, loudness: float) -> Mastered:
    """Brings a mix `[2, N]` of a level to a loudness (LUFS), its true peaks at most -1 dBTP.

    What has no loudness keeps its level, unless its peaks are too high. Where the limiter takes loudness away, it is
    driven up to 3 dB harder to make up for it.
    """
    from soundwright.audio.limiter import limit

    if level.true_peak_dbtp is None:
        return Mastered(mix, level, ("the mix is silent",))
    if level.loudness_lufs is None:
        quiet = _turned(mix, min(0.0, _AIM_DB - level.true_peak_dbtp))
        why = "the mix has no loudness, being too quiet or shorter than 0.4 s: its level is left"
        return Mastered(quiet, measure(quiet, sample_rate), (why,))
    gain_db = start_db = loudness - level.loudness_lufs
    tried: list[tuple[float, float]] = []
    for _ in range(_ROUNDS):
        result = _turned(mix, gain_db)
        if level.true_peak_dbtp + gain_db <= _AIM_DB:
            return Mastered(result, measure(result, sample_rate))
        result, reached = _under_ceiling(limit(result, sample_rate, ceiling_db=_AIM_DB), sample_rate)
        missing = loudness - (reached.loudness_lufs or loudness)
        tried.append((gain_db, loudness - missing))
        wanted = min(gain_db + missing / _slope(tried), start_db + _MOST_DRIVE_DB)
        if abs(missing) < 0.05 or abs(wanted - gain_db) < 0.05:
            break
        gain_db = wanted
    notes: tuple[str, ...] = ()
    if abs(missing) > 0.5:
        notes = (
            f"the mix is at {reached.loudness_lufs:.1f} LUFS and not at {loudness:g}: louder would need a limiter "
            f"that is heard, to keep true peaks under {CEILING_DB:g} dBTP",
        )
    return Mastered(result, reached, notes)


def level_match(
    before: tuple[Samples, Level], after: tuple[Samples, Level], loudness: float
) -> tuple[Samples, Samples, Level]:
    """Two sounds `[2, N]` at one loudness, by a gain each and nothing else, so that they can be compared.

    Args:
        before: one, and its level.
        after: the other, and its level.
        loudness: LUFS; less where true peaks would exceed -1 dBTP.

    Returns:
        Both, and the loudness that they have; none where one of them has none, and then both get the same gain.
    """
    levels = [before[1], after[1]]
    peaks = [level.true_peak_dbtp for level in levels if level.true_peak_dbtp is not None]
    loud = [level.loudness_lufs for level in levels if level.loudness_lufs is not None]
    if len(loud) < 2 or len(peaks) < 2:
        gain_db = min(0.0, CEILING_DB - max(peaks, default=CEILING_DB))
        return _turned(before[0], gain_db), _turned(after[0], gain_db), Level(None, None)
    common = min(loudness, *(own + CEILING_DB - peak for own, peak in zip(loud, peaks, strict=True)))
    return _turned(before[0], common - loud[0]), _turned(after[0], common - loud[1]), Level(common, None)


def _slope(tried: list[tuple[float, float]]) -> float:
    """How many dB of loudness a dB into the limiter gives, after the last two of (gain, loudness)."""
    if len(tried) < 2:
        return 1.0
    (gain, loudness), (more, louder) = tried[-2:]
    return min(1.0, max(0.2, (louder - loudness) / (more - gain)))


def _turned(samples: Samples, gain_db: float) -> Samples:
    return samples if gain_db == 0 else samples * np.float32(amplitude_from_db(gain_db))


def _under_ceiling(samples: Samples, sample_rate: int) -> tuple[Samples, Level]:
    """What the limiter leaves above what was aimed at, at most a tenth of a dB, is turned down; and the level then."""
    from soundwright.audio.true_peak import true_peak

    peak = true_peak(samples)
    over = peak / amplitude_from_db(_AIM_DB - 1e-4)
    if over <= 1:
        return samples, _level(samples, sample_rate, peak)
    lower = samples / np.float32(over)
    return lower, measure(lower, sample_rate)
