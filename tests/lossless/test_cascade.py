from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from soundwright.lossless.cascade import Settings, new_cascade, predict, update
from soundwright.lossless.cascade_lanes import LANES, LANES64, add_scaled, decay_and_add, dot
from soundwright.lossless.cascade_least_squares import follow, solve

SETTINGS = Settings(
    own=np.array([32, 16]),
    other=np.array([16, 16]),
    decay=np.array([0.9995, 0.998]),
    interval=np.array([8, 8]),
    rate=0.005,
    taps=np.array([64, 32]),
    steps=np.array([0.01, 0.005]),
)


@njit
def _dot(a, a_start, b, b_start, count):  # type: ignore[no-untyped-def]
    return dot(a, a_start, b, b_start, count)


@njit
def _add(a, b, start, scale, count):  # type: ignore[no-untyped-def]
    add_scaled(a, 0, b, start, scale, count)


@njit
def _decay(a, old, decay, b, scale, count):  # type: ignore[no-untyped-def]
    decay_and_add(a, 0, old, 0, decay, b, 1, scale, count)


@pytest.mark.parametrize(("kind", "lanes"), [(np.float32, LANES), (np.float64, LANES64)])
def test_the_order_of_a_sum_is_the_documented_one(kind: type, lanes: int) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=200).astype(kind) for _ in range(2))
    count = 5 * lanes
    totals = np.zeros(lanes, kind)
    for step in range(5):
        part = slice(step * lanes, (step + 1) * lanes)
        totals += a[3:][part] * b[7:][part]
    while len(totals) > 1:
        totals = totals[: len(totals) // 2] + totals[len(totals) // 2 :]
    assert _dot(a, 3, b, 7, count) == totals[0]


def test_updates_equal_plain_numpy() -> None:
    rng = np.random.default_rng(1)
    a, b, old = (rng.normal(size=100) for _ in range(3))
    expected = a[:64] + 0.3 * b[5:69]
    _add(a, b, 5, 0.3, 64)
    assert np.array_equal(a[:64], expected)
    _decay(a, old, 0.9, b, 2.0, 48)
    assert np.array_equal(a[:48], 0.9 * old[:48] + 2.0 * b[1:49])


@pytest.mark.parametrize("own", [0, 1])
def test_least_squares_equals_the_textbook(own: int) -> None:
    """The matrix from the history of correlations is that of the weighted regression, solved by numpy."""
    rng = np.random.default_rng(2)
    length, lags, decay = 300, 48, 0.99
    signal = np.zeros((2, lags + length))
    signal[:, lags:] = rng.normal(0, 100, (2, length))
    signal[1] += 0.5 * signal[0]
    correlations = np.zeros((2, 2, lags + 2, lags))
    for t in range(length):
        follow(correlations, signal, lags + t, t, decay, 2)
    weights = np.zeros(48)
    solve(correlations, own, 32, 16, length - 1, np.zeros((48, 48)), np.zeros(48), weights)
    delay = 1 - own
    rows = np.array(
        [
            np.concatenate([signal[own, n - 32 : n], signal[1 - own, n - delay - 15 : n - delay + 1]])
            for n in range(lags, lags + length)
        ]
    )
    window = np.sqrt(decay ** np.arange(length)[::-1])
    expected = np.linalg.lstsq(rows * window[:, None], signal[own, lags:] * window, rcond=None)[0]
    assert np.allclose(weights, expected, atol=1e-6)


def _residual(samples: np.ndarray) -> np.ndarray:
    limits = np.stack([samples.min(axis=1), samples.max(axis=1)], axis=1)
    state = new_cascade(SETTINGS, limits, samples.shape[1])
    out = np.zeros(samples.shape)
    for t in range(samples.shape[1]):
        for c in range(len(samples)):
            predict(SETTINGS, state, c, t)
            out[c, t] = samples[c, t] - state.centres[c, 0]
            update(SETTINGS, state, c, t, int(samples[c, t]))
    return out


def test_tones_are_predicted_down_to_the_rounding() -> None:
    n = np.arange(6000)
    tones = sum(np.sin(2 * np.pi * f * n / 44100) * a for f, a in ((440, 8000), (1234.5, 4000), (5000, 2000)))
    residual = _residual(np.rint(np.stack([tones, tones[::-1]])).astype(np.int64))
    assert residual[:, 3000:].std() < 1.0


def test_the_second_channel_sees_the_current_sample_of_the_first() -> None:
    noise = np.random.default_rng(3).integers(-1000, 1000, 2000)
    residual = _residual(np.stack([noise, -noise // 2]))
    assert residual[0, 1000:].std() > 400
    assert residual[1, 1000:].std() < 2


def test_a_prediction_uses_nothing_of_the_future() -> None:
    rng = np.random.default_rng(4)
    one = rng.integers(-500, 500, (2, 400))
    other = one.copy()
    other[:, 300:] = rng.integers(-500, 500, (2, 100))
    limits = np.array([[-500, 500]] * 2)
    states = [new_cascade(SETTINGS, limits, 400) for _ in range(2)]
    for t in range(301):
        for state in states:
            predict(SETTINGS, state, 0, t)
        assert np.array_equal(states[0].centres[0], states[1].centres[0])
        for state, samples in zip(states, (one, other), strict=True):
            update(SETTINGS, state, 0, t, int(samples[0, t]))
            predict(SETTINGS, state, 1, t)
            update(SETTINGS, state, 1, t, int(samples[1, t]))


def test_no_product_is_fused_into_a_sum() -> None:
    """A fused multiply-add rounds once instead of twice: a machine with it would decode something else."""
    signal, table = np.zeros((2, 100)), np.zeros((2, 2, 50, 48))
    kernel = njit(follow.py_func, error_model="numpy")  # what comes from the cache shows no assembly
    kernel(table, signal, 60, 1, 0.9, 2)
    plain = njit(lambda a, b, c: a * b + c)
    plain(1.0, 2.0, 3.0)
    _dot(signal[0], 0, signal[1], 0, 64)
    for function in (kernel, plain, _dot):
        texts = function.inspect_asm().values()
        assert texts
        for text in texts:
            assert not any(fused in text for fused in ("fmadd", "fmsub", "fnmadd", "fmla"))
