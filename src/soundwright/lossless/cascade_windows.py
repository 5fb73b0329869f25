"""Linear prediction from any regressors by weighted least squares, with several exponential windows side by side.

A sample counts in inverse proportion to the 3/2-th power of the error that was to be expected there: loud and
surprising moments would else decide everything (iteratively reweighted least squares; Holland and Welsch, 1977). The
normal matrices are kept per window and solved every few samples, each window at its own moment.

As everywhere in the cascade: +, -, *, / and sqrt in a fixed order, and nothing decays into the subnormal numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.lossless.cascade_lanes import LANES64, add_scaled, decay_and_add, dot

with needs_extra("lossless", "compressing without loss"):
    from numba import njit

_LEAST_ERROR = 2.0  # samples; below, all count the same
_SMALLEST_PIVOT = 1e-12
_RIDGE = 1e-6
_RELATIVE_RIDGE = 1e-9
_LARGEST_WEIGHT = 1e4
_NOTHING = 1e-30  # smaller moments are zero, long before they become subnormal numbers


class Windows(NamedTuple):
    """The state of G predictors with up to W windows and R regressors each.

    Attributes:
        taps: regressors in use, multiples of `LANES64` `[G]`.
        decay: of the windows, per sample; 0 where there is none `[G, W]`.
        interval: samples between two solutions `[G, W]`.
        relative_ridge: added to the diagonal, as a share of its mean `[G]`.
        error_rate: of the running mean error that weighs the samples `[G]`.
        regressors: of the current sample `[G, R]`.
        moments: weighted means of their products, upper triangles `[G, W, R, R]`.
        products: the same with the target `[G, W, R]`.
        weights: of the predictions `[G, W, R]`.
        guesses: predictions of the current sample `[G, W]`.
        error: running mean error `[G]`.
        matrix: scratch `[R, R]`.
        vector: scratch `[R]`.
        solution: scratch `[R]`.
    """

    taps: NDArray[np.int64]
    decay: NDArray[np.float64]
    interval: NDArray[np.int64]
    relative_ridge: NDArray[np.float64]
    error_rate: NDArray[np.float64]
    regressors: NDArray[np.float64]
    moments: NDArray[np.float64]
    products: NDArray[np.float64]
    weights: NDArray[np.float64]
    guesses: NDArray[np.float64]
    error: NDArray[np.float64]
    matrix: NDArray[np.float64]
    vector: NDArray[np.float64]
    solution: NDArray[np.float64]


def new_windows(
    regressors: NDArray[np.int64],
    decay: NDArray[np.float64],
    interval: NDArray[np.int64],
    relative_ridge: float,
    error_rate: float,
) -> Windows:
    """The state before the first sample.

    Args:
        regressors: number of each predictor `[G]`; unused places up to a multiple of `LANES64` stay zero.
        decay: as in `Windows`.
        interval: as in `Windows`.
        relative_ridge: as in `Windows`.
        error_rate: as in `Windows`.
    """
    num, windows = decay.shape
    taps = (regressors + LANES64 - 1) // LANES64 * LANES64
    most = int(taps.max())
    return Windows(
        taps=taps,
        decay=decay,
        interval=interval,
        relative_ridge=np.full(num, relative_ridge),
        error_rate=np.full(num, error_rate),
        regressors=np.zeros((num, most)),
        moments=np.zeros((num, windows, most, most)),
        products=np.zeros((num, windows, most)),
        weights=np.zeros((num, windows, most)),
        guesses=np.zeros((num, windows)),
        error=np.full(num, 50.0),
        matrix=np.zeros((most, most)),
        vector=np.zeros(most),
        solution=np.zeros(most),
    )


@njit(error_model="numpy")
def guess(state: Windows, g: int, reach: float) -> None:
    """Predicts from `state.regressors[g]`; a prediction beyond `reach` is 0."""
    for w in range(state.decay.shape[1]):
        if state.decay[g, w] > 0.0:
            value = dot(state.weights[g, w], 0, state.regressors[g], 0, state.taps[g])
            if not abs(value) < reach:
                value = 0.0
            state.guesses[g, w] = value


@njit(error_model="numpy")
def learn(state: Windows, g: int, t: int, target: float) -> None:
    """Learns the true value of sample `t` of predictor `g`, whose error is that of its first window."""
    taps, regressors = state.taps[g], state.regressors[g]
    miss = abs(target - state.guesses[g, 0])
    state.error[g] = max(state.error[g] + (miss - state.error[g]) * state.error_rate[g], 1e-3)
    expected = state.error[g] + _LEAST_ERROR
    weight = 1.0 / (expected * math.sqrt(expected))
    for w in range(state.decay.shape[1]):
        decay = state.decay[g, w]
        if not decay > 0.0:
            continue
        share = (1.0 - decay) * weight
        moments, products = state.moments[g, w], state.products[g, w]
        for i in range(taps):
            first = i // LANES64 * LANES64
            decay_and_add(
                moments[i], first, moments[i], first, decay, regressors, first, share * regressors[i], taps - first
            )
        decay_and_add(products, 0, products, 0, decay, regressors, 0, share * target, taps)
        if (t + w) % state.interval[g, w] == 0:
            _solve(state, g, w)


@njit(error_model="numpy")
def _solve(state: Windows, g: int, w: int) -> None:
    """New weights; they stay as they were where the equations have no sound solution."""
    taps, moments, products = state.taps[g], state.moments[g, w], state.products[g, w]
    matrix, vector = state.matrix, state.vector
    total = 0.0
    for i in range(taps):
        for j in range(i // LANES64 * LANES64, taps):
            value = moments[i, j]
            value = value if abs(value) > _NOTHING else 0.0
            moments[i, j] = value
            matrix[i, j] = value
        value = products[i]
        value = value if abs(value) > _NOTHING else 0.0
        products[i] = value
        vector[i] = value
        total += moments[i, i]
    ridge = _RIDGE + state.relative_ridge[g] * total / taps
    for k in range(taps):
        matrix[k, k] += ridge + _RELATIVE_RIDGE * matrix[k, k]
    for k in range(taps):
        pivot = matrix[k, k]
        if not _SMALLEST_PIVOT < pivot < 1e300:
            return
        scale = 1.0 / math.sqrt(pivot)
        for j in range(k, taps):
            matrix[k, j] *= scale
        vector[k] *= scale
        for i in range(k + 1, taps):
            factor = -matrix[k, i]
            first = i // LANES64 * LANES64  # what is below the diagonal is finite, and does not count
            add_scaled(matrix[i], first, matrix[k], first, factor, taps - first)
            vector[i] += factor * vector[k]
    solution = state.solution
    for k in range(taps):
        solution[k] = 0.0
    for k in range(taps - 1, -1, -1):
        first = k // LANES64 * LANES64
        solution[k] = (vector[k] - dot(matrix[k], first, solution, first, taps - first)) / matrix[k, k]
        if not abs(solution[k]) < _LARGEST_WEIGHT:
            return
    for i in range(taps):
        state.weights[g, w, i] = solution[i]
