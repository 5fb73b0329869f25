"""The predictor: least squares of several memories, normalised LMS filters on what they leave, adaptive weights.

Least squares with memories from long to short predict the sample from both channels; each is blended into those before
it by one coefficient, itself fitted by least squares. What remains goes through a chain of NLMS filters from long to
short, each of which sees the residual of the one before. The sum of all contributions, weighted by sign-LMS, is the
prediction; the partial sums are further centres for the density. The arrangement follows Ghido and Tabus, "Adaptive
design of the preprocessing stage for stereo lossless audio compression" (2007), MPEG-4 ALS's RLS-LMS mode (Yu,
Rahardja and others, 2006), and the published description of the open compressor sac; the code is our own.

Every operation is +, -, *, / or sqrt of IEEE 754 in a fixed order, on numbers kept away from the subnormal range, so
that encoder and decoder agree on every machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.lossless.cascade_lanes import LANES64, add_scaled, dot
from soundwright.lossless.cascade_least_squares import follow, solve

with needs_extra("lossless", "compressing without loss"):
    from numba import njit

_WEIGHT_STEP = 0.002  # of the sign-LMS at the end
_ERROR_RATE = 0.005  # of the mean error that scales it
_SMALLEST = 1e-3  # residuals below are zero: nothing then decays into subnormal numbers


class Settings(NamedTuple):
    """What may differ between presets.

    Attributes:
        own: taps in the own channel, by memory, longest memory first `[M]`, multiples of `LANES64`.
        other: the same for the other channel.
        decay: of the exponential windows, per sample `[M]`.
        interval: samples between two solutions `[M]`.
        rate: of the running means behind the blends, per sample.
        taps: of the NLMS filters `[S]`, multiples of `LANES`.
        steps: of the NLMS filters `[S]`, as a share of the step that would explain the newest sample fully.
    """

    own: NDArray[np.int64]
    other: NDArray[np.int64]
    decay: NDArray[np.float64]
    interval: NDArray[np.int64]
    rate: float
    taps: NDArray[np.int64]
    steps: NDArray[np.float64]


class Cascade(NamedTuple):
    """The state for P channels (1 or 2) of N samples; S filters.

    Attributes:
        signal: samples so far `[P, pad + N]`.
        correlations: of the windows `[M, 2, 2, rows, L]`.
        matrix: scratch.
        vector: scratch.
        regression: weights of the least squares `[M, P, taps]`.
        blend: running covariance and variance behind each blend `[P, M, 2]`.
        history: inputs of the filters `[P, S, longest + N]`.
        filters: their weights `[P, S, longest]`.
        parts: contribution of the least squares and of each filter to the current prediction `[P, 1 + S]`.
        blended: what each memory was blended with, and how far it lay from that `[P, M, 2]`.
        shares: weights of the parts `[P, 1 + S]`.
        centres: the prediction, then the partial sums `[P, 2 + S]`.
        error: running mean error `[P]`.
        limits: smallest and largest sample `[P, 2]`.
    """

    signal: NDArray[np.float64]
    correlations: NDArray[np.float64]
    matrix: NDArray[np.float64]
    vector: NDArray[np.float64]
    regression: NDArray[np.float64]
    blend: NDArray[np.float64]
    history: NDArray[np.float32]
    filters: NDArray[np.float32]
    parts: NDArray[np.float64]
    blended: NDArray[np.float64]
    shares: NDArray[np.float64]
    centres: NDArray[np.float64]
    error: NDArray[np.float64]
    limits: NDArray[np.float64]


def new_cascade(settings: Settings, limits: NDArray[np.int64], num_samples: int) -> Cascade:
    """The state before the first sample; `limits` `[P, 2]`."""
    num, stages, longest = len(limits), len(settings.taps), int(settings.taps.max())
    memories = len(settings.own)
    taps = int((settings.own + settings.other).max())
    lags = (int(max(settings.own.max(), settings.other.max())) + 1 + LANES64) // LANES64 * LANES64
    cascade = Cascade(
        signal=np.zeros((num, lags + num_samples)),
        correlations=np.zeros((memories, 2, 2, lags + 2, lags)),
        matrix=np.zeros((taps, taps)),
        vector=np.zeros(taps),
        regression=np.zeros((memories, num, taps)),
        blend=np.zeros((num, memories, 2)),
        history=np.zeros((num, stages, longest + num_samples), np.float32),
        filters=np.zeros((num, stages, longest), np.float32),
        parts=np.zeros((num, 1 + stages)),
        blended=np.zeros((num, memories, 2)),
        shares=np.ones((num, 1 + stages)),
        centres=np.zeros((num, 2 + stages)),
        error=np.ones(num),
        limits=limits.astype(np.float64),
    )
    cascade.blend[:, :] = 0.5, 1.0
    return cascade


@njit(error_model="numpy")
def predict(settings: Settings, state: Cascade, c: int, t: int) -> None:
    """Fills `state.centres[c]` for sample `t`; with two channels, channel 1 sees sample `t` of channel 0."""
    num, stages = len(state.limits), len(settings.taps)
    lags = state.correlations.shape[4]
    newest_other = lags + t - 1 + c  # of the other channel
    low, high = state.limits[c, 0] - 1.0, state.limits[c, 1] + 1.0
    part = 0.0
    for memory in range(len(settings.own)):
        own, other = settings.own[memory], settings.other[memory] if num == 2 else 0
        weights = state.regression[memory, c]
        interval = settings.interval[memory]
        if t > 0 and (t + c * (interval // 2)) % interval == 0:
            solve(state.correlations[memory], c, own, other, t - 1, state.matrix, state.vector, weights)
        guess: float = dot(weights, 0, state.signal[c], lags + t - own, own)
        if other:
            guess += dot(weights, own, state.signal[1 - c], newest_other - other + 1, other)
        if not guess > low:  # written so that a NaN is caught too
            guess = low
        if not guess < high:
            guess = high
        blend, between = state.blend[c, memory], guess - part
        state.blended[c, memory, 0], state.blended[c, memory, 1] = part, between
        part += blend[0] / blend[1] * between if memory else between
    total, weighted = 0.0, 0.0
    reach = high - low
    for s in range(1 + stages):
        if s > 0:
            n = settings.taps[s - 1]
            longest = state.filters.shape[2]
            part = np.float64(dot(state.filters[c, s - 1], 0, state.history[c, s - 1], longest + t - n, n))
        if not abs(part) < 2.0 * reach:  # a filter that ran away starts again
            part = 0.0
            if s > 0:
                state.filters[c, s - 1, :] = np.float32(0.0)
        state.parts[c, s] = part
        total += part
        weighted += state.shares[c, s] * part
        state.centres[c, 1 + s] = min(max(total, low), high)
    state.centres[c, 0] = min(max(weighted, low), high)


@njit(error_model="numpy")
def update(settings: Settings, state: Cascade, c: int, t: int, value: int) -> None:
    """Learns from the true sample `t` of channel `c`."""
    num, stages = len(state.limits), len(settings.taps)
    lags, longest = state.correlations.shape[4], state.filters.shape[2]
    state.signal[c, lags + t] = value
    for memory in range(1, len(settings.own)):
        blend, between = state.blend[c, memory], state.blended[c, memory, 1]
        if abs(between) < _SMALLEST:
            between = 0.0
        blend[0] += ((value - state.blended[c, memory, 0]) * between + 0.5e-2 - blend[0]) * settings.rate
        blend[1] += (between * between + 1e-2 - blend[1]) * settings.rate
    residual = value - state.parts[c, 0]
    for s in range(stages):
        if abs(residual) < _SMALLEST:
            residual = 0.0
        n, inputs = settings.taps[s], state.history[c, s]
        inputs[longest + t] = residual
        error = residual - state.parts[c, 1 + s]
        first = longest + t - n
        power = np.float64(dot(inputs, first, inputs, first, n)) + 0.1 * n + 1.0
        step = settings.steps[s] * error / power
        add_scaled(state.filters[c, s], 0, inputs, first, np.float32(step), n)
        residual = error
    miss = value - state.centres[c, 0]
    scale = 4.0 * state.error[c] + 1.0
    for s in range(1, 1 + stages):
        scale += abs(state.parts[c, s])
    signed = _WEIGHT_STEP / scale if miss > 0.0 else -_WEIGHT_STEP / scale
    for s in range(1, 1 + stages):
        state.shares[c, s] += signed * state.parts[c, s]
    state.error[c] = max(state.error[c] + (abs(miss) - state.error[c]) * _ERROR_RATE, _SMALLEST)
    if c == num - 1:
        for memory in range(len(settings.own)):
            follow(state.correlations[memory], state.signal, lags + t, t, settings.decay[memory], num)
