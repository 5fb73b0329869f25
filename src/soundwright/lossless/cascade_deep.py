"""A deeper predictor for one channel: the cascade, least squares around the pitch lag, and least squares over them all.

To the cascade come several predictors by weighted least squares, each from its newest samples and from those around
the lag where the sound last looked as it does now, with short windows, from 30 samples on: voices change that fast.
What all of them say is combined by least squares once more (stacking: Wolpert, 1992; Breiman, 1996), with three
windows, whose mean is the prediction. About four times the work of the cascade alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.lossless.cascade import Cascade, Settings, new_cascade, predict, update
from soundwright.lossless.cascade_pitch import LONGEST_LAG, Pitch, follow_pitch, new_pitch
from soundwright.lossless.cascade_windows import Windows, guess, learn, new_windows

with needs_extra("lossless", "compressing without loss"):
    from numba import njit

NUM_CENTRES = 8
_MARGIN = 16  # between the longest lag and the start of the signal: samples around it are read too


class DeepSettings(NamedTuple):
    """What a preset of the deep cascade says: at least two predictors of two windows, three windows of the stack.

    Attributes:
        cascade: of the cascade inside.
        own: newest samples used by each predictor `[G]`.
        track: number of the pitch search it uses `[G]`.
        half: samples used on each side of the lag; -1 for none, not even at the lag `[G]`.
        decay: of its windows, 0 for none `[G, W]`.
        interval: samples between two solutions `[G, W]`.
        pitch_decay: of the searches `[T]`.
        pitch_interval: samples between two searches.
        parts: numbers of those centres of the cascade that are stacked too.
        stack_decay: windows of the stack `[1, V]`.
        stack_interval: samples between two solutions `[1, V]`.
    """

    cascade: Settings
    own: NDArray[np.int64]
    track: NDArray[np.int64]
    half: NDArray[np.int64]
    decay: NDArray[np.float64]
    interval: NDArray[np.int64]
    pitch_decay: NDArray[np.float64]
    pitch_interval: int
    parts: NDArray[np.int64]
    stack_decay: NDArray[np.float64]
    stack_interval: NDArray[np.int64]


class Deep(NamedTuple):
    """The state for one channel of N samples.

    Attributes:
        cascade: of the cascade inside.
        signal: samples so far `[pad + N]`.
        pitch: of the searches.
        bank: of the predictors.
        stack: of their combination.
        reference: the prediction to which the stack adds `[1]`.
        centres: the prediction and further ones for the density `[1, NUM_CENTRES]`.
    """

    cascade: Cascade
    signal: NDArray[np.float64]
    pitch: Pitch
    bank: Windows
    stack: Windows
    reference: NDArray[np.float64]
    centres: NDArray[np.float64]


def new_deep(settings: DeepSettings, limits: NDArray[np.int64], num_samples: int) -> Deep:
    """The state before the first sample; `limits` `[1, 2]`."""
    stacked = int((settings.decay > 0).sum()) + len(settings.parts)
    return Deep(
        cascade=new_cascade(settings.cascade, limits, num_samples),
        signal=np.zeros(LONGEST_LAG + _MARGIN + num_samples),
        pitch=new_pitch(settings.pitch_decay, LONGEST_LAG + _MARGIN + num_samples),
        bank=new_windows(settings.own + 2 * settings.half + 1, settings.decay, settings.interval, 0.0, 0.4),
        stack=new_windows(np.array([stacked]), settings.stack_decay, settings.stack_interval, 0.01, 0.3),
        reference=np.zeros(1),
        centres=np.zeros((1, NUM_CENTRES)),
    )


@njit(error_model="numpy")
def predict_deep(settings: DeepSettings, state: Deep, t: int) -> None:
    """Fills `state.centres` for sample `t`."""
    predict(settings.cascade, state.cascade, 0, t)
    signal, bank, stack = state.signal, state.bank, state.stack
    low, high = state.cascade.limits[0, 0] - 1.0, state.cascade.limits[0, 1] + 1.0
    reach = 4.0 * (high - low) + 2.0 * max(abs(low), abs(high))
    now = LONGEST_LAG + _MARGIN + t
    reference, place = 0.0, 0
    for g in range(len(settings.own)):
        own, regressors = settings.own[g], bank.regressors[g]
        for i in range(own):
            regressors[i] = signal[now - own + i]
        if settings.half[g] >= 0:
            first = now - state.pitch.lag[settings.track[g]] - settings.half[g]
            for i in range(2 * settings.half[g] + 1):
                regressors[own + i] = signal[first + i]
        guess(bank, g, reach)
        if g == 0:
            reference = min(max(bank.guesses[0, 1], low), high)
        for w in range(bank.decay.shape[1]):
            if bank.decay[g, w] > 0.0:
                stack.regressors[0, place] = min(max(bank.guesses[g, w], low), high) - reference
                place += 1
    for number in settings.parts:
        stack.regressors[0, place] = state.cascade.centres[0, number] - reference
        place += 1
    guess(stack, 0, reach)
    state.reference[0] = reference
    centres, mean = state.centres[0], 0.0
    for v in range(3):
        centres[1 + v] = min(max(reference + stack.guesses[0, v], low), high)
        mean += centres[1 + v]
    centres[0] = mean / 3.0
    centres[4] = reference
    centres[5] = min(max(bank.guesses[1, 1], low), high)
    centres[6] = state.cascade.centres[0, 0]
    centres[7] = min(max(bank.guesses[0, 0], low), high)


@njit(error_model="numpy")
def update_deep(settings: DeepSettings, state: Deep, t: int, value: int) -> None:
    """Learns from the true sample `t`."""
    now = LONGEST_LAG + _MARGIN + t
    state.signal[now] = value
    for g in range(len(settings.own)):
        learn(state.bank, g, t, float(value))
    learn(state.stack, 0, t, value - state.reference[0])
    follow_pitch(state.pitch, state.signal, now, t % settings.pitch_interval == 0)
    update(settings.cascade, state.cascade, 0, t, value)
