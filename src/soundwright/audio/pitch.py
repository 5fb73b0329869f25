"""The fundamental frequency of a voice or an instrument, frame by frame (YIN).

Source: de Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for speech and music" (2002), steps 2 to 5.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import UsageError

#: So few that their transforms stay on the heap: larger arrays come from the system anew each time, which took as long
#: again as computing them.
_FRAMES_AT_ONCE = 32


def fundamental_frequency(
    samples: NDArray[np.float32],
    sample_rate: int,
    *,
    hop: int,
    fmin: float = 60.0,
    fmax: float = 1600.0,
    window: int | None = None,
    threshold: float = 0.15,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimates pitch in frames of `hop` samples; frame t is centred on sample (t + 1/2) * hop.

    Args:
        samples: mono `[N]`.
        sample_rate: Hz.
        hop: samples per frame; T = ceil(N / hop).
        fmin: lowest fundamental in Hz; lower ones are not found.
        fmax: highest fundamental in Hz.
        window: samples compared at each lag; one and a half periods of `fmin` by default.
        threshold: aperiodicity below which a lag is accepted at once; the smallest such lag wins.

    Returns:
        f0 in Hz `[T]` and aperiodicity `[T]`: the share of the power that does not repeat with this period, 0 for a
        perfectly periodic sound, about 1 for noise, exactly 1 for silence (f0 is 0 there). Frames with an
        aperiodicity above 0.2 or so have no pitch worth the name.

    Raises:
        UsageError: the frequencies or the hop make no sense.
    """
    if not 0 < fmin < fmax <= sample_rate / 2:
        raise UsageError(
            f"expected 0 < fmin < fmax <= half the sample rate, found fmin {fmin:g}, fmax {fmax:g} at {sample_rate} Hz"
        )
    if hop < 1:
        raise UsageError(f"expected a hop of at least 1 sample, found {hop}")
    shortest = max(2, math.floor(sample_rate / fmax))
    longest = math.ceil(sample_rate / fmin) + 1
    width = window or math.ceil(1.5 * sample_rate / fmin)
    num_frames = -(-len(samples) // hop)
    f0, aperiodicity = np.zeros(num_frames), np.ones(num_frames)
    span = width + longest + 1
    left = (span - hop) // 2 if span > hop else 0
    padded = np.pad(samples.astype(np.float64), (left, span + hop))
    starts = np.arange(num_frames) * hop + (0 if span > hop else (hop - span) // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, span)
    for first in range(0, num_frames, _FRAMES_AT_ONCE):
        part = slice(first, first + _FRAMES_AT_ONCE)
        f0[part], aperiodicity[part] = _yin(frames[starts[part]], width, shortest, longest, threshold)
    found = f0 > 0
    f0[found] = sample_rate / f0[found]
    return f0, aperiodicity


def _yin(
    frames: NDArray[np.float64], width: int, shortest: int, longest: int, threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Periods in samples `[T]` (0 for silence) and aperiodicity `[T]` of frames `[T, width + longest + 1]`."""
    difference = difference_function(frames, width, longest + 1)  # [T, lags]
    lags = np.arange(1, longest + 2)
    running = np.cumsum(difference[:, 1:], axis=1)
    normalised = np.ones_like(difference)
    silent = running[:, -1] <= 1e-12 * width
    normalised[:, 1:] = difference[:, 1:] * lags / np.maximum(running, 1e-30)
    normalised[silent] = 1.0
    inner = normalised[:, shortest : longest + 1]
    is_dip = (inner <= normalised[:, shortest - 1 : longest]) & (inner < normalised[:, shortest + 1 : longest + 2])
    good = is_dip & (inner < threshold)
    best = np.argmin(np.where(is_dip, inner, np.inf), axis=1)
    lag = np.where(good.any(axis=1), np.argmax(good, axis=1), best) + shortest
    rows = np.arange(len(frames))
    aperiodicity = np.clip(normalised[rows, lag], 0.0, 1.0)
    # The parabola goes through the plain difference: the normalised one leans towards short lags.
    before, here, after = difference[rows, lag - 1], difference[rows, lag], difference[rows, lag + 1]
    bend = before - 2 * here + after
    shift = np.where(bend > 1e-30, 0.5 * (before - after) / np.maximum(bend, 1e-30), 0.0)
    period = lag + np.clip(shift, -0.5, 0.5)
    return np.where(silent, 0.0, period), np.where(silent, 1.0, aperiodicity)


def difference_function(frames: NDArray[np.float64], width: int, num_lags: int) -> NDArray[np.float64]:
    """d[lag] = sum over j < width of (x[j] - x[j + lag])^2 for lags 0 to `num_lags`, `[T, num_lags + 1]`.

    By one Fourier transform per frame instead of `num_lags` sums.
    """
    size = 1 << (frames.shape[1] - 1).bit_length()
    spectrum = np.fft.rfft(frames, size)
    head = np.fft.rfft(frames[:, :width], size)
    np.multiply(np.conj(head, out=head), spectrum, out=head)
    cross = np.fft.irfft(head, size)[:, : num_lags + 1]
    power = np.zeros((len(frames), frames.shape[1] + 1))
    np.cumsum(np.square(frames), axis=1, out=power[:, 1:])
    energy = power[:, width : width + num_lags + 1] - power[:, : num_lags + 1]  # of x[lag : lag + width]
    return np.asarray(np.maximum(energy[:, :1] + energy - 2 * cross, 0.0))
