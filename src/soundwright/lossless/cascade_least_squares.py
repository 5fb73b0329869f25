"""Linear prediction by exponentially weighted least squares over two channels, solved afresh every few samples.

The regressors are the last samples of the own channel and of the other one, so the normal matrix is made of
correlations of two signals at two lags each. With an exponential window, moving both lags by one is the same as going
back in time by one; so one vector of correlations per pair of signals and its recent history hold the whole matrix,
and a sample costs O(taps) to follow instead of O(taps squared). The covariance method of linear prediction with the
shift structure of Morf and others, "Efficient solution of covariance equations for linear prediction" (1977); the use
of the other channel's current sample follows Ghido, "OptimFROG" and Liebchen, MPEG-4 ALS.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.lossless.cascade_lanes import LANES64, add_scaled, decay_and_add

with needs_extra("lossless", "compressing without loss"):
    from numba import njit

_RIDGE = 1e-3  # in squared steps: far below the noise of rounding (1/12), so that quiet partials are still predicted
_RELATIVE_RIDGE = 1e-9
_SILENCE = 1e-20  # below this energy a correlation is zero, before it becomes a subnormal number
_LARGEST_WEIGHT = 1e4


@njit(error_model="numpy")
def follow(
    correlations: NDArray[np.float64], signal: NDArray[np.float64], now: int, time: int, decay: float, num: int
) -> None:
    """Takes the samples of one moment into the correlations.

    Args:
        correlations: `[2, 2, rows, L]`; row t modulo rows, lag k at L - 1 - k, of signals p (at the moment) and q.
        signal: `[2, ...]`.
        now: the index of the newest sample in `signal`.
        time: the moment t.
        decay: of the exponential window, per sample.
        num: number of signals, 1 or 2.
    """
    rows, lags = correlations.shape[2], correlations.shape[3]
    row, before = time % rows, (time + rows - 1) % rows
    for p in range(num):
        for q in range(num):
            table = correlations[p, q]
            decay_and_add(table[row], 0, table[before], 0, decay, signal[q], now - lags + 1, signal[p, now], lags)
    for p in range(num):
        if correlations[p, p, row, lags - 1] < _SILENCE:
            for q in range(num):
                correlations[p, q, row, :] = 0.0
                correlations[q, p, row, :] = 0.0


@njit(error_model="numpy")
def solve(
    correlations: NDArray[np.float64],
    own: int,
    own_taps: int,
    other_taps: int,
    time: int,
    matrix: NDArray[np.float64],
    vector: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> None:
    """The weights of the next prediction; they stay as they were where the equations have no sound solution.

    Args:
        correlations: as in `follow`, up to the moment `time`.
        own: which channel is predicted; channel 1 sees the current sample of channel 0.
        own_taps: a multiple of `LANES64`.
        other_taps: a multiple of `LANES64`; 0 with one channel.
        time: the last moment known of both channels.
        matrix: scratch `[taps + 1, taps]` or more, its width a multiple of `LANES64`.
        vector: scratch `[taps]`.
        weights: written `[taps]`, own first, each oldest sample first.
    """
    rows, last = correlations.shape[2], correlations.shape[3] - 1
    now = time + 4 * rows  # keeps the remainders below positive
    other, delay = 1 - own, 1 - own
    taps = own_taps + other_taps
    for i in range(own_taps):
        row = (now - 1 - i) % rows
        for j in range(i, own_taps):
            matrix[i, j] = correlations[own, own, row, last - (j - i)]
        for j in range(other_taps):
            lag = delay + j - 1 - i
            if lag >= 0:
                matrix[i, own_taps + j] = correlations[own, other, row, last - lag]
            else:
                matrix[i, own_taps + j] = correlations[other, own, (now - delay - j) % rows, last + lag]
        vector[i] = correlations[own, own, now % rows, last - 1 - i]
    for i in range(other_taps):
        row = (now - delay - i) % rows
        for j in range(i, other_taps):
            matrix[own_taps + i, own_taps + j] = correlations[other, other, row, last - (j - i)]
        vector[own_taps + i] = correlations[own, other, now % rows, last - (delay + i)]
    if not _solve_symmetric(matrix, vector, taps):
        return
    for i in range(own_taps):
        weights[own_taps - 1 - i] = vector[i]
    for i in range(other_taps):
        weights[taps - 1 - i] = vector[own_taps + i]


@njit(error_model="numpy")
def _solve_symmetric(matrix: NDArray[np.float64], vector: NDArray[np.float64], size: int) -> bool:
    """Cholesky in place of the upper triangle, then both substitutions; false where the matrix is not definite."""
    for k in range(size):
        matrix[k, k] += _RIDGE + _RELATIVE_RIDGE * matrix[k, k]
    for k in range(size):
        pivot = matrix[k, k]
        if not 1e-9 < pivot < 1e300:
            return False
        scale = 1.0 / math.sqrt(pivot)
        for j in range(k, size):
            matrix[k, j] *= scale
        vector[k] *= scale
        for i in range(k + 1, size):
            factor = -matrix[k, i]
            first = i // LANES64 * LANES64  # below the diagonal lies nothing that is read
            add_scaled(matrix[i], first, matrix[k], first, factor, size - first)
            vector[i] += factor * vector[k]
    for k in range(size - 1, -1, -1):
        total = vector[k]
        for j in range(k + 1, size):
            total -= matrix[k, j] * vector[j]
        vector[k] = total / matrix[k, k]
        if not abs(vector[k]) < _LARGEST_WEIGHT:
            return False
    return True
