"""Finds how far back the sound last looked as it does now: the lag of the greatest normalised correlation.

For voices that is the pitch period or a multiple; the samples around that place are regressors as good as the newest
ones. The search works backwards from samples that the decoder has (backward adaptation of the pitch predictor of
speech coders: Atal, "Predictive coding of speech at low bit rates", 1982; long-term prediction of MPEG-4 ALS sends the
lag instead). Correlations have an exponential window, so a sample costs one multiply-add per lag.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.lossless.cascade_lanes import LANES64, decay_and_add

with needs_extra("lossless", "compressing without loss"):
    from numba import njit

SHORTEST_LAG = 32
NUM_LAGS = 23 * LANES64
LONGEST_LAG = SHORTEST_LAG + NUM_LAGS - 1  # 37 Hz at 16 kHz
_NOTHING = 1e-30


class Pitch(NamedTuple):
    """The state of T searches with windows of different lengths.

    Attributes:
        decay: of the windows, per sample `[T]`.
        correlations: longest lag first `[T, NUM_LAGS]`.
        energy: of the window that ended at each moment `[T, like the signal]`.
        score: scratch `[NUM_LAGS]`.
        lag: the best ones `[T]`.
    """

    decay: NDArray[np.float64]
    correlations: NDArray[np.float64]
    energy: NDArray[np.float64]
    score: NDArray[np.float64]
    lag: NDArray[np.int64]


def new_pitch(decay: NDArray[np.float64], length: int) -> Pitch:
    """The state before the first sample of a signal that has `length` places."""
    return Pitch(
        decay=decay,
        correlations=np.zeros((len(decay), NUM_LAGS)),
        energy=np.zeros((len(decay), length)),
        score=np.zeros(NUM_LAGS),
        lag=np.full(len(decay), 100),
    )


@njit(error_model="numpy")
def follow_pitch(state: Pitch, signal: NDArray[np.float64], now: int, search: bool) -> None:
    """Takes one sample in.

    Args:
        state: changed.
        signal: the samples so far, after at least `LONGEST_LAG` zeros.
        now: the index of the newest sample in `signal`.
        search: whether to look for the best lag anew; without, it stays.
    """
    for k in range(len(state.decay)):
        decay, value = state.decay[k], signal[now]
        table, energy = state.correlations[k], state.energy[k]
        decay_and_add(table, 0, table, 0, decay, signal, now - LONGEST_LAG, value, NUM_LAGS)
        before = energy[now - 1] * decay
        energy[now] = value * value + (before if before > _NOTHING else 0.0)
        if search:
            for i in range(NUM_LAGS):
                c = table[i]
                c = c if abs(c) > _NOTHING else 0.0
                table[i] = c
                state.score[i] = c * abs(c) / (energy[now - LONGEST_LAG + i] + 1.0)
            best = 0.0
            for i in range(NUM_LAGS):
                if state.score[i] > best:
                    best = state.score[i]
                    state.lag[k] = LONGEST_LAG - i
