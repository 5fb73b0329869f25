from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.lossless import tables
from soundwright.lossless.mixture import code_sample, new_density, new_tables
from soundwright.lossless.range_coder import LIMIT, decoder, encoder, finish


def test_tables_are_accurate_and_rise() -> None:
    cdf, squash, stretch = tables.logistic_cdf(), tables.squash(), tables.stretch()
    z = np.arange(len(cdf)) / tables.CDF_STEPS - tables.CDF_REACH
    assert np.allclose(cdf, 1 / (1 + np.exp(-z)), rtol=1e-12, atol=0)
    x = np.arange(len(squash)) / tables.SQUASH_STEPS - tables.SQUASH_REACH
    assert np.allclose(squash, 1 / (1 + np.exp(-x)), rtol=1e-12, atol=0)
    p = (np.arange(len(stretch)) + 0.5) / tables.STRETCH_SIZE
    assert np.allclose(stretch, np.log(p / (1 - p)), rtol=1e-12, atol=1e-15)
    for table in (cdf, squash, stretch):
        assert (np.diff(table) > 0).all()


@pytest.mark.parametrize("x", [-30.0, -1.0, -1e-9, 0.0, 0.5, 3.0, 40.0])
def test_the_exponential_is_the_exponential(x: float) -> None:
    assert math.isclose(tables.exponential(x), math.exp(x), rel_tol=1e-13)


@pytest.mark.parametrize("x", [1e-9, 0.3, 1.0, 1.49, 7.0, 1e12])
def test_the_logarithm_is_the_logarithm(x: float) -> None:
    assert math.isclose(tables.natural_logarithm(x), math.log(x), rel_tol=1e-14, abs_tol=1e-15)


def code(values: list[int], centres: np.ndarray, low: int, high: int, data: bytes | None) -> tuple[bytes, list[int]]:
    """Encodes, or decodes where `data` is given, with fresh state."""
    density, lookup = new_density(np.array([[low, high]]), 5), new_tables()
    if data is None:
        buffer, state = np.zeros(64 * len(values) + 64, np.uint8), encoder()
        state[LIMIT] = len(buffer)
    else:
        buffer = np.frombuffer(bytearray(data) or bytearray(1), np.uint8)
        state = decoder(buffer)
        state[LIMIT] = len(data)
    out = [
        int(code_sample(state, buffer, value, 0, 1, row, low, high, density, lookup))
        for value, row in zip(values, centres, strict=True)
    ]
    return finish(state, buffer) if data is None else b"", out


@settings(deadline=None, max_examples=60)
@given(st.integers(-(2**23), 2**23 - 1), st.integers(1, 2**24), st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_every_value_of_any_range_comes_back(low: int, span: int, places: list[float]) -> None:
    high = low + span
    values = [min(high, low + int(place * span)) for place in places]
    rng = np.random.default_rng(len(values))
    centres = rng.uniform(low - 2, high + 2, (len(values), 5))
    data, out = code(values, centres, low, high, None)
    assert out == values
    assert code([0] * len(values), centres, low, high, data)[1] == values


def test_the_probabilities_of_all_values_add_up_to_one() -> None:
    """The ideal length of every value of a range, from the lengths of many copies of it against a fresh state."""
    low, high = -9, 14
    centres = np.array([[1.3, 0.9, 2.0, 1.0, 1.1]])
    total = 0.0
    for value in range(low, high + 1):
        state, buffer = encoder(), np.zeros(64, np.uint8)
        state[LIMIT] = len(buffer)
        code_sample(
            state, buffer, value, 0, 1, centres[0], low, high, new_density(np.array([[low, high]]), 5), new_tables()
        )
        total += state[1] / (1 << 48) / 2.0 ** (8 * state[2])
    assert total == pytest.approx(1.0, abs=1e-6)


def test_logistic_noise_costs_little_more_than_its_entropy() -> None:
    rng = np.random.default_rng(5)
    scale = 12.0
    values = np.rint(rng.logistic(0, scale, 20_000)).astype(int)
    data, _ = code(values.tolist(), np.zeros((len(values), 5)), int(values.min()), int(values.max()), None)
    entropy = math.log2(scale) + 2 / math.log(2)  # of the continuous distribution, in bits
    assert 8 * len(data) / len(values) < 1.012 * entropy
