"""Second-order sections as matrix products are the recursion that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from soundwright.audio.lufs import k_weighting
from soundwright.audio.recursive_filter import SectionCascade


def recursion(sections: NDArray[np.float64], samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Direct form I, sample by sample."""
    out = samples.copy()
    for b0, b1, b2, _, a1, a2 in sections:
        x, out = out, np.zeros_like(out)
        for n in range(x.shape[1]):
            out[:, n] = b0 * x[:, n]
            if n >= 1:
                out[:, n] += b1 * x[:, n - 1] - a1 * out[:, n - 1]
            if n >= 2:
                out[:, n] += b2 * x[:, n - 2] - a2 * out[:, n - 2]
    return out


@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_it_is_the_recursion_whatever_the_pieces(rate: int) -> None:
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((2, 3_000))
    expected = recursion(k_weighting(rate), samples)
    cascade, parts, start = SectionCascade(k_weighting(rate), 2), [], 0
    for size in (0, 1, 255, 256, 257, 700, 1_531):
        parts.append(cascade(samples[:, start : start + size]))
        start += size
    assert start == 3_000
    assert np.abs(np.concatenate(parts, axis=1) - expected).max() < 1e-11


def test_a_constant_does_not_pass_the_high_pass() -> None:
    filtered = SectionCascade(k_weighting(48_000), 1)(np.ones((1, 48_000)))
    assert abs(filtered[0, -1]) < 1e-6
    assert abs(filtered[0, 0]) > 1


def test_without_sections_nothing_changes() -> None:
    samples = np.random.default_rng(1).standard_normal((1, 600))
    assert np.array_equal(SectionCascade(np.zeros((0, 6)), 1)(samples), samples)


def test_single_precision_goes_in() -> None:
    samples = np.random.default_rng(2).standard_normal((1, 600)).astype(np.float32)
    sections = k_weighting(44_100)
    assert np.array_equal(SectionCascade(sections, 1)(samples), SectionCascade(sections, 1)(samples.astype(float)))
