"""How far a mix is from the one that it should be, and by how much instructions brought it nearer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.mixing.executor import Samples

WINDOWS = (512, 2048, 8192)
_FLOOR = 1e-4  # of a magnitude spectrum; what is 80 dB below full scale counts as silence


def spectral_distance(sound: Samples, target: Samples) -> float:
    """How far a sound is from another, `[2, N]` each; see `DistanceTo`."""
    return DistanceTo(target)(sound)


class DistanceTo:
    """Multi-resolution STFT distance: spectral convergence plus the mean difference of log magnitudes.

    Source: R. Yamamoto, E. Song and J.-M. Kim, "Parallel WaveGAN" (2020), here with three windows and a floor. It is 0
    for the same sound, and not symmetric. Spectra of the target are computed once.

    Args:
        target: `[2, N]`.
    """

    def __init__(self, target: Samples) -> None:
        self._target = target
        self._spectra: dict[int, tuple[NDArray[np.float32], float]] = {}

    def __call__(self, sound: Samples) -> float:
        """Of a sound of the same length, `[2, N]`."""
        if np.array_equal(sound, self._target):
            return 0.0
        total = 0.0
        for size in WINDOWS:
            a, (b, norm) = _magnitudes(sound, size), self._of_target(size)
            convergence = np.linalg.norm(a - b) / max(norm, _FLOOR)
            total += float(convergence) + float(np.mean(np.abs(np.log((a + _FLOOR) / (b + _FLOOR)))))
        return total / len(WINDOWS)

    def _of_target(self, size: int) -> tuple[NDArray[np.float32], float]:
        """Magnitudes `[2, T, bins]`, and their norm."""
        if size not in self._spectra:
            magnitudes = _magnitudes(self._target, size)
            self._spectra[size] = magnitudes, float(np.linalg.norm(magnitudes))
        return self._spectra[size]


def _magnitudes(sound: Samples, size: int) -> NDArray[np.float32]:
    """`[2, T, bins]`; a full-scale sine has 0.5."""
    with needs_extra("mix", "mixing"):
        import scipy.fft

    padded = np.pad(sound, ((0, 0), (0, max(0, size - sound.shape[1]))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, :: size // 2]
    window = (np.hanning(size + 1)[:-1] * 2 / size).astype(np.float32)
    return np.asarray(np.abs(scipy.fft.rfft(frames * window, axis=2)))


def tilt_db(sound: Samples, sample_rate: int) -> float:
    """Slope of the long-term spectrum from 60 Hz to 12 kHz, dB per octave."""
    power = np.square(_magnitudes(sound, 4096), dtype=np.float64).mean(axis=(0, 1))
    hz = np.arange(len(power)) * sample_rate / 4096
    edges = 60 * 2 ** np.arange(0, 8, 0.5)
    levels, octaves = [], []
    for low, high in zip(edges, edges * 2**0.5, strict=True):
        inside = (hz >= low) & (hz < high)
        if inside.any() and power[inside].sum() > 0:
            levels.append(10 * np.log10(power[inside].sum()))
            octaves.append(np.log2(low))
    if len(levels) < 2:
        return 0.0
    return float(np.polyfit(octaves, levels, 1)[0])


def balance_db(sound: Samples) -> float:
    """How much louder the right channel is than the left."""
    left, right = np.mean(np.square(sound, dtype=np.float64), axis=1) + 1e-12
    return float(10 * np.log10(right / left))


def f1(hits: float, false: float, missed: float) -> float:
    """Harmonic mean of precision and recall; 0 where nothing was right."""
    return 2 * hits / (2 * hits + false + missed) if hits else 0.0


def bootstrap(
    songs: Sequence[str],
    figure: Callable[[NDArray[np.int64]], float],
    *,
    rounds: int = 500,
    seed: int = 0,
) -> tuple[float, float]:
    """Where a figure lies in 95 of 100 draws of as many songs, with replacement.

    Args:
        songs: the song of each row.
        figure: of rows, by their places.
        rounds: draws.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    names = sorted(set(songs))
    rows: dict[str, list[int]] = {name: [] for name in names}
    for place, name in enumerate(songs):
        rows[name].append(place)
    values: list[Any] = []
    for _ in range(rounds):
        chosen = rng.integers(len(names), size=len(names))
        values.append(figure(np.concatenate([rows[names[c]] for c in chosen]).astype(np.int64)))
    known = [value for value in values if np.isfinite(value)]  # a draw may hold no example of a kind
    if not known:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
