from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from soundwright.core.errors import BadInput
from soundwright.lossless import coding
from soundwright.lossless.cascade_deep import new_deep, predict_deep, update_deep
from soundwright.lossless.cascade_pitch import LONGEST_LAG, SHORTEST_LAG, follow_pitch, new_pitch
from soundwright.lossless.cascade_presets import PRESETS
from soundwright.lossless.cascade_windows import guess, learn, new_windows

VOICE = PRESETS[2]


def voice(length: int, period: int = 131, sigma: float = 20.0) -> np.ndarray:
    """A waveform of white noise that comes back every period, under noise."""
    rng = np.random.default_rng(3)
    wave = rng.normal(0, 2000, period)
    return np.rint(wave[np.arange(length) % period] + rng.normal(0, sigma, length)).astype(np.int32)


def test_weighted_least_squares_equals_the_textbook() -> None:
    rng = np.random.default_rng(1)
    length, taps, decay = 400, 20, 0.98
    inputs = rng.normal(0, 30, (length, taps))
    targets = inputs @ rng.normal(0, 1, taps) + rng.normal(0, 5, length)
    state = new_windows(np.array([taps]), np.array([[decay, 0.0]]), np.array([[1, 1]]), 0.0, 0.4)
    weights, error = np.zeros(length), 50.0
    for t in range(length):
        state.regressors[0, :taps] = inputs[t]
        guess(state, 0, 1e6)
        error += (abs(targets[t] - state.guesses[0, 0]) - error) * 0.4
        weights[t] = (error + 2.0) ** -1.5 * decay ** (length - 1 - t)
        learn(state, 0, t, targets[t])
    root = np.sqrt(weights)
    expected = np.linalg.lstsq(inputs * root[:, None], targets * root, rcond=None)[0]
    assert np.allclose(state.weights[0, 0, :taps], expected, atol=1e-4)
    assert not state.weights[0, 1].any()
    assert not state.weights[0, :, taps:].any()


def test_the_pitch_search_finds_the_best_lag() -> None:
    sound = voice(2000).astype(np.float64)
    signal = np.concatenate([np.zeros(LONGEST_LAG), sound])
    state = new_pitch(np.array([0.98]), len(signal))
    for t in range(len(sound)):
        follow_pitch(state, signal, LONGEST_LAG + t, True)
    window = 0.98 ** np.arange(len(sound))[::-1]
    scores = {}
    for lag in range(SHORTEST_LAG, LONGEST_LAG + 1):
        before = signal[LONGEST_LAG - lag : LONGEST_LAG - lag + len(sound)]
        product = (window * sound * before).sum()
        scores[lag] = product * abs(product) / ((window * before**2).sum() + 1)
    assert state.lag[0] == max(scores, key=scores.__getitem__)
    assert state.lag[0] % 131 == 0


def _run(sound: np.ndarray, upto: int) -> list[np.ndarray]:
    limits = np.array([[-32768, 32767]])
    state = new_deep(VOICE, limits, len(sound))
    centres = []
    for t in range(upto):
        predict_deep(VOICE, state, t)
        centres.append(state.centres[0].copy())
        update_deep(VOICE, state, t, int(sound[t]))
    return centres


def test_a_deep_prediction_uses_nothing_of_the_future() -> None:
    one = voice(700)
    other = one.copy()
    other[600:] = -other[600:]
    first, second = _run(one, 602), _run(other, 602)
    assert np.array_equal(first[:601], second[:601])
    assert not np.array_equal(first[601], second[601])


def test_a_voice_is_predicted_from_its_last_period() -> None:
    sound = voice(3000)
    residual = sound - np.array([centres[0] for centres in _run(sound, 3000)])
    assert residual[1500:].std() < 60  # of 2000; what repeats cannot be known better than to its noise


def test_one_channel_takes_the_deep_preset_where_it_is_smaller() -> None:
    sound = voice(6000)[None]
    data = coding.encode_block(sound, 16)
    assert data[0] == 1 + 2
    assert np.array_equal(coding.decode_block(data, 1, 6000, 16), sound)
    limits = np.array([[sound.min(), sound.max()]])
    sizes = [len(coding._run(sound.astype(np.int64), limits, preset, 0, None) or b"") for preset in range(3)]
    assert sizes[2] < 0.9 * min(sizes[:2])


def test_two_channels_never_take_it() -> None:
    pair = np.stack([voice(1500), voice(1500, 77)])
    data = coding.encode_block(pair, 16)
    assert data[0] % 8 in (1, 2)
    with pytest.raises(BadInput, match="one channel"):
        coding.decode_block(bytes([3]) + data[1:], 2, 1500, 16)


def test_silence_leaves_nothing_subnormal() -> None:
    sound = np.concatenate([voice(800), np.zeros(20_000, np.int32)])
    limits = np.array([[sound.min(), sound.max()]])
    state = new_deep(VOICE, limits, len(sound))
    for t in range(len(sound)):
        predict_deep(VOICE, state, t)
        update_deep(VOICE, state, t, int(sound[t]))
    tiny = np.finfo(np.float64).tiny
    tables = (
        state.bank.moments,
        state.bank.products,
        state.stack.moments,
        state.pitch.correlations,
        state.pitch.energy,
    )
    for table in tables:
        assert not ((table != 0) & (np.abs(table) < 1e6 * tiny)).any()


def test_no_product_of_the_deep_kernels_is_fused_into_a_sum() -> None:
    state = new_windows(np.array([16]), np.array([[0.98]]), np.array([[1]]), 0.0, 0.4)
    kernels = [njit(function.py_func, error_model="numpy") for function in (guess, learn, follow_pitch)]
    kernels[0](state, 0, 1e6)
    kernels[1](state, 0, 0, 1.0)
    kernels[2](new_pitch(np.array([0.98]), 1000), np.zeros(1000), 500, True)
    for kernel in kernels:
        for text in kernel.inspect_asm().values():
            assert not any(fused in text for fused in ("fmadd", "fmsub", "fnmadd", "fmla"))
