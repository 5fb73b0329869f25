"""What is kept of stems so that any volume, pan and EQ can be tried on them without filtering audio again.

Sums over time of products of short-time spectra, in fine bands: power of each stem, cross spectra of stems with each
other and with a reference. A linear tool multiplies them by known factors (`linear`), so a distorted example costs
microseconds. Letters: S stems, F fine bands, B coarse bands, T frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.mixing.bands import NUM_BANDS, NUM_FINE, bins_to_fine, pool
from soundwright.mixing.executor import as_stereo

Complex = NDArray[np.complex64]
Floats = NDArray[np.float32]

_RESOLUTION_HZ = 23.5  # so that every fine band has a bin of its own
_CHUNK_FRAMES = 512
_SILENCE_DB, _ACTIVE_DB = -75.0, -30.0


@dataclass(frozen=True)
class Statistics:
    """Sums over the frames of some stems, and of a reference beside them.

    Attributes:
        sample_rate: Hz.
        cross: mean of conj(X_s) X_t, `[2, F, S, S]`; over all bands the diagonal is the mean square.
        active: mean power over the frames in which the stem plays, `[2, F, S]`.
        share: part of the frames in which it plays, `[S]`.
        spread: how far the loud frames (90 %) lie above the median in each band, dB, `[B, S]`; linear tools keep it.
    """

    sample_rate: int
    cross: Complex
    active: Floats
    share: Floats
    spread: Floats

    def linear(self, factors: NDArray[np.complexfloating[Any, Any]]) -> Statistics:
        """The statistics after a factor `[S, 2, F]` on each stem."""
        h = factors.transpose(1, 2, 0)  # [2, F, S]
        cross = self.cross * np.conj(h)[..., :, None] * h[..., None, :]
        active = self.active * (h.real**2 + h.imag**2)
        return replace(self, cross=cross.astype(np.complex64), active=active.astype(np.float32))

    def levels_db(self) -> NDArray[np.float64]:
        """Level of each stem in each channel while it plays, dB, `[2, S]`."""
        return np.asarray(10 * np.log10(self.active.astype(np.float64).sum(axis=1) + 1e-12))

    def take(self, stems: list[int]) -> Statistics:
        """Of some of the stems only, in this order."""
        return replace(
            self,
            cross=self.cross[:, :, stems][:, :, :, stems],
            active=self.active[:, :, stems],
            share=self.share[stems],
            spread=self.spread[:, stems],
        )


def measure(stems: Mapping[str, NDArray[Any]], sample_rate: int) -> Statistics:
    """Measures stems.

    Args:
        stems: `[2, N]`, `[1, N]` or `[N]` by name; shorter ones are silent at the end.
        sample_rate: Hz.

    Raises:
        BadInput: as `executor.as_stereo`.
    """
    sums = Sums(sample_rate, len(stems))
    for frames in spectra(stems, sample_rate):
        sums.add(frames)
    return sums.statistics()


class Sums:
    """Statistics as their spectra come in.

    Args:
        sample_rate: Hz.
        num_stems: S.
    """

    def __init__(self, sample_rate: int, num_stems: int) -> None:
        self.sample_rate, self._num_frames = sample_rate, 0
        self._cross = np.zeros((2, NUM_FINE, num_stems, num_stems), np.complex128)
        self._powers: list[Floats] = []

    def add(self, frames: Complex) -> None:
        """Adds spectra `[S, 2, T, bins]`."""
        self._num_frames += frames.shape[2]
        self._cross += cross_sums(frames, frames, self.sample_rate)
        starts = bins_to_fine(frames.shape[3], self.sample_rate)
        self._powers.append(_fine_sums(frames.real**2 + frames.imag**2, starts))  # [S, 2, T, F]

    def statistics(self) -> Statistics:
        """Of all that was added."""
        power = np.concatenate(self._powers, axis=2)
        level = 10 * np.log10(power.sum(axis=(1, 3)) / 2 + 1e-20)  # [S, T]
        threshold = np.maximum(np.percentile(level, 95, axis=1) + _ACTIVE_DB, _SILENCE_DB)
        playing = level > threshold[:, None]
        active = np.zeros((2, NUM_FINE, len(power)), np.float32)
        spread = np.zeros((NUM_BANDS, len(power)), np.float32)
        for place, (sound, mask) in enumerate(zip(power, playing, strict=True)):
            if mask.any():
                active[:, :, place] = sound[:, mask].mean(axis=1)
                bands = 10 * np.log10(pool(sound[:, mask].mean(axis=0), 1).astype(np.float64) + 1e-12)  # [t, B]
                spread[:, place] = np.diff(np.percentile(bands, [50, 90], axis=0), axis=0)[0]
        cross = (self._cross / self._num_frames).astype(np.complex64)
        return Statistics(self.sample_rate, cross, active, playing.mean(axis=1).astype(np.float32), spread)


def measure_beside(stems: Mapping[str, NDArray[Any]], others: Mapping[str, NDArray[Any]], sample_rate: int) -> Complex:
    """Mean of conj(X_s) Y_t over the time that stems and other sounds have in common, `[2, F, S, S']`."""
    length = min(max(as_stereo(x).shape[1] for x in part.values()) for part in (stems, others))
    one, other = ({n: as_stereo(x)[:, :length] for n, x in part.items()} for part in (stems, others))
    total = np.zeros((2, NUM_FINE, len(one), len(other)), np.complex128)
    num_frames = 0
    for x, y in zip(spectra(one, sample_rate, length), spectra(other, sample_rate, length), strict=True):
        num_frames += x.shape[2]
        total += cross_sums(x, y, sample_rate)
    return (total / num_frames).astype(np.complex64)


def measure_both(
    stems: Mapping[str, NDArray[Any]], others: Mapping[str, NDArray[Any]], sample_rate: int
) -> tuple[Statistics, Statistics, Complex]:
    """What `measure` says of stems and of other sounds, and `measure_beside` of both; of equal lengths in one pass."""
    lengths = {max(as_stereo(x).shape[1] for x in part.values()) for part in (stems, others)}
    if len(lengths) > 1:
        beside = measure_beside(stems, others, sample_rate)
        return measure(stems, sample_rate), measure(others, sample_rate), beside
    here, there = Sums(sample_rate, len(stems)), Sums(sample_rate, len(others))
    total = np.zeros((2, NUM_FINE, len(stems), len(others)), np.complex128)
    num_frames = 0
    for x, y in zip(spectra(stems, sample_rate), spectra(others, sample_rate), strict=True):
        here.add(x)
        there.add(y)
        num_frames += x.shape[2]
        total += cross_sums(x, y, sample_rate)
    return here.statistics(), there.statistics(), (total / num_frames).astype(np.complex64)


def cross_sums(x: Complex, y: Complex, sample_rate: int) -> NDArray[np.complex128]:
    """Sums of conj(x) y over frames and fine bands: `[S, 2, T, bins]`, `[S', 2, T, bins]` to `[2, F, S, S']`."""
    same = y is x
    one = np.ascontiguousarray(x.transpose(1, 3, 0, 2))  # [2, bins, S, T]
    other = one if same else np.ascontiguousarray(y.transpose(1, 3, 0, 2))
    by_bin = np.matmul(one.conj(), other.swapaxes(-1, -2))  # [2, bins, S, S']
    starts = bins_to_fine(x.shape[3], sample_rate)
    return _fine_sums(by_bin.transpose(0, 2, 3, 1), starts).transpose(0, 3, 1, 2)


def _fine_sums(by_bin: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[Any]:
    """Sums over bins (last axis) to sums over fine bands; a band without a bin, above half the rate, is 0."""
    num_bins = by_bin.shape[-1]
    sums = np.add.reduceat(by_bin, np.minimum(starts, num_bins - 1), axis=-1)[..., :-1]
    return np.where(starts[1:] > starts[:-1], sums, 0)


def spectra(stems: Mapping[str, NDArray[Any]], sample_rate: int, length: int | None = None) -> Iterator[Complex]:
    """Short-time spectra in pieces `[S, 2, T, bins]`, scaled so that squares add up to the mean square.

    Args:
        stems: as for `measure`.
        sample_rate: Hz.
        length: samples to look at; all by default.
    """
    with needs_extra("mix", "mixing"):
        import scipy.fft  # nine times as fast as numpy's on float32

    size, hop = frame_size(sample_rate)
    sounds = [as_stereo(sound) for sound in stems.values()]
    length = max((sound.shape[1] for sound in sounds), default=0) if length is None else length
    num_frames = max(1, -(-(length - size) // hop) + 1)
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    window *= np.float32(np.sqrt(2 / (size * np.sum(window.astype(np.float64) ** 2))))
    for first in range(0, num_frames, _CHUNK_FRAMES):
        count = min(_CHUNK_FRAMES, num_frames - first)
        begin, end = first * hop, (first + count - 1) * hop + size
        padded = np.zeros((len(sounds), 2, end - begin), np.float32)
        for place, sound in enumerate(sounds):
            part = sound[:, begin : min(end, length)]
            padded[place, :, : part.shape[1]] = part
        frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=2)[:, :, ::hop]
        yield scipy.fft.rfft(frames * window, axis=3)


def frame_size(sample_rate: int) -> tuple[int, int]:
    """Samples in a frame, and from one to the next."""
    size = int(2 ** np.ceil(np.log2(sample_rate / _RESOLUTION_HZ)))
    return size, size // 2
