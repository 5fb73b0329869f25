"""Whether a reference is of the same performance, and by how much it is late: exports begin where they like, and coded
files begin some milliseconds later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.core.units import samples_from_seconds
from soundwright.mixing.executor import Samples, add_up

#: A mix `[2, N]`, or stems by name.
Reference: TypeAlias = Samples | Mapping[str, Samples]

#: Part of the reference's energy that a gain per stem and channel explains: of the same performance, from here on.
SAME = 0.5
#: The loudest stretch of this length is compared; a shift is looked for in the first minute, up to some seconds.
EXCERPT_S = 12.0
_SEARCHED_S, _FARTHEST_S = 60.0, 5.0
_BESIDE = 2  # samples
_BAND_HZ = (60.0, 6000.0)


def explained(stems: Mapping[str, Samples], target: Samples) -> float:
    """Part of a mix's energy that stems explain, each with a gain per channel, 0 to 1.

    Args:
        stems: `[2, N]` by name.
        target: `[2, N]`.
    """
    return Basis(stems).explained(target)


class Basis:
    """Stems of which a mix may be made, each with a gain per channel.

    Args:
        stems: `[2, N]` by name.
    """

    def __init__(self, stems: Mapping[str, Samples]) -> None:
        stacked = (np.stack([sound[channel] for sound in stems.values()]) for channel in (0, 1))
        self._stems = [channel.astype(np.float64) for channel in stacked]  # of each channel, [S, N]
        self._products = [channel @ channel.T for channel in self._stems]  # [S, S]

    def explained(self, target: Samples) -> float:
        """Part of the energy of a mix `[2, N]` that they explain, 0 to 1."""
        total = float(np.square(target, dtype=np.float64).sum())
        if total == 0:
            return 0.0
        left = 0.0
        for stems, gram, channel in zip(self._stems, self._products, target, strict=True):
            ridge = 1e-9 * np.trace(gram) + 1e-12
            beside = stems @ channel
            gains = np.linalg.solve(gram + ridge * np.eye(len(stems)), beside)
            left += float(np.square(channel, dtype=np.float64).sum() - gains @ beside)
        return 1 - left / total


def is_same(stems: Mapping[str, Samples], reference: Reference, sample_rate: int) -> bool:
    """Whether a reference is of the same performance, sample by sample; arguments as for `lateness`."""
    return explained(*_excerpt(stems, _mix(reference), sample_rate)) >= SAME


def told(late: int, sample_rate: int) -> str:
    """What was done about a late reference, as a note."""
    where = "later" if late > 0 else "earlier"
    return f"the reference begins {1000 * abs(late) / sample_rate:.4g} ms {where} than the stems: brought in time"


def lateness(stems: Mapping[str, Samples], reference: Reference, sample_rate: int) -> int:
    """By how many samples a reference begins later than stems; negative where earlier.

    It is 0 where the reference is in time, or of another performance.

    Args:
        stems: `[2, N]` by name; shorter ones are silent at the end.
        reference: a mix `[2, N]`, or stems by name.
        sample_rate: Hz, of both.
    """
    target = _mix(reference)
    late = _peak(_mix(stems).mean(axis=0), target.mean(axis=0), sample_rate)
    # An equaliser moves the peak by a sample or two; there the stems explain more than just before and just after.
    tried = range(late - _BESIDE - 1, late + _BESIDE + 2)
    start, end = _excerpt_place(stems, _shift(target, late), sample_rate)
    basis = Basis(_cut(stems, start, end))
    explain = [basis.explained(_between(target, start + by, end + by)) for by in tried]
    sharp = np.array(explain[1:-1]) - (np.array(explain[:-2]) + np.array(explain[2:])) / 2
    best = int(sharp.argmax()) + 1
    return tried[best] if explain[best] >= SAME else 0


def shifted(reference: Reference, late: int) -> Reference:
    """A reference that is late by some samples, brought in time: cut, or with silence before it."""
    if isinstance(reference, Mapping):
        return {name: _shift(sound, late) for name, sound in reference.items()}
    return _shift(reference, late)


def _shift(sound: Samples, late: int) -> Samples:
    return sound[:, late:] if late >= 0 else np.pad(sound, ((0, 0), (-late, 0)))


def _mix(sounds: Reference) -> Samples:
    return add_up(sounds.values()) if isinstance(sounds, Mapping) else sounds


def _peak(sound: NDArray[np.float32], reference: NDArray[np.float32], sample_rate: int) -> int:
    """Where the cross-correlation of flattened spectra is largest (Knapp and Carter, 1976: PHAT), in samples."""
    with needs_extra("mix", "mixing"):
        import scipy.fft

    longest, farthest = (samples_from_seconds(s, sample_rate) for s in (_SEARCHED_S, _FARTHEST_S))
    one, other = sound[:longest], reference[: longest + farthest]
    size = scipy.fft.next_fast_len(len(one) + len(other), real=True)
    cross = np.conj(scipy.fft.rfft(one, size)) * scipy.fft.rfft(other, size)
    hz = np.arange(len(cross)) * sample_rate / size
    inside = (hz > _BAND_HZ[0]) & (hz < _BAND_HZ[1])
    flat = np.where(inside, cross / np.maximum(np.abs(cross), 1e-12 * np.abs(cross).max(initial=1e-12)), 0)
    found = scipy.fft.irfft(flat, size)
    near = np.concatenate([found[-farthest:], found[: farthest + 1]])
    return int(near.argmax()) - farthest


def _excerpt(stems: Mapping[str, Samples], target: Samples, sample_rate: int) -> tuple[dict[str, Samples], Samples]:
    """The loudest stretch of a target, within the time that stems and target have in common."""
    start, end = _excerpt_place(stems, target, sample_rate)
    return _cut(stems, start, end), target[:, start:end]


def _excerpt_place(stems: Mapping[str, Samples], target: Samples, sample_rate: int) -> tuple[int, int]:
    length = min(max(sound.shape[1] for sound in stems.values()), target.shape[1])
    return loudest(target[:, :length], samples_from_seconds(EXCERPT_S, sample_rate))


def _cut(stems: Mapping[str, Samples], start: int, end: int) -> dict[str, Samples]:
    return {name: _between(sound, start, end) for name, sound in stems.items()}


def _between(sound: Samples, start: int, end: int) -> Samples:
    """Samples from `start` to before `end`, which may lie outside: there it is silent."""
    part = sound[:, max(0, start) : max(0, end)]
    before = min(max(0, -start), end - start)
    return np.pad(part, ((0, 0), (before, end - start - before - part.shape[1])))


def loudest(sound: Samples, length: int) -> tuple[int, int]:
    """First and past-last sample of the stretch with most energy."""
    num_samples = sound.shape[1]
    if num_samples <= length:
        return 0, num_samples
    hop = max(1, length // 12)
    power: NDArray[np.float64] = np.square(sound, dtype=np.float64).sum(axis=0)
    total = np.concatenate([[0.0], np.cumsum(power)])
    starts = np.arange(0, num_samples - length + 1, hop)
    start = int(starts[np.argmax(total[starts + length] - total[starts])])
    return start, start + length
