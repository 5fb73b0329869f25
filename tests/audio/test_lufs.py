"""BS.1770-4 and EBU R 128: the cases of EBU Tech 3341, and parity with pyloudnorm."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray

from soundwright.audio.lufs import LoudnessMeter, integrated_loudness, k_weighting

RATE = 48_000


def tones(*parts: tuple[float, float], channels: int = 2) -> NDArray[np.float32]:
    """Sines of 1 kHz, each with its level in dBFS (of the peak) and its length in seconds, on all channels."""
    found = []
    for level_db, duration_s in parts:
        t = np.arange(round(duration_s * RATE)) / RATE
        found.append(10 ** (level_db / 20) * np.sin(2 * np.pi * 1000 * t))
    return np.tile(np.concatenate(found).astype(np.float32), (channels, 1))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(-23, 20)], -23),
        ([(-33, 20)], -33),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
    ids=["-23", "-33", "relative gate", "absolute gate", "mean of power"],
)
def test_the_cases_of_ebu_tech_3341(parts: list[tuple[float, float]], expected: float) -> None:
    assert abs(integrated_loudness(tones(*parts), RATE) - expected) <= 0.1


def test_five_channels_have_the_weights_of_the_standard() -> None:
    tone = tones((0, 20), channels=1)
    levels = 10 ** (np.array([-28.0, -28.0, -24.0, -30.0, -30.0]) / 20)
    sound = (levels[:, None] * tone).astype(np.float32)
    assert abs(integrated_loudness(sound, RATE) + 23) <= 0.1
    with_low = np.concatenate([sound[:3], np.ones_like(tone), sound[3:]])  # the low-frequency channel counts nothing
    assert abs(integrated_loudness(with_low, RATE) + 23) <= 0.1


def test_the_filters_are_those_of_the_standard_at_48_khz() -> None:
    expected = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    assert np.abs(k_weighting(48_000) - expected).max() < 1e-8


@pytest.mark.parametrize("rate", [22_050, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_parity_with_pyloudnorm(rate: int, channels: int) -> None:
    rng = np.random.default_rng(rate)
    level = np.repeat(10 ** (rng.uniform(-3, 0, 40)), rate // 5)  # loud and quiet, so that both gates close
    sound = (0.2 * level * rng.standard_normal((channels, len(level)))).astype(np.float32)
    ours = integrated_loudness(sound, rate)
    assert abs(ours - pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(sound.T.astype(float))) < 0.001
    # Its default filters are another approximation.
    assert abs(ours - pyloudnorm.Meter(rate).integrated_loudness(sound.T.astype(float))) < 0.1


def test_pieces_of_any_size_give_the_same() -> None:
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal((2, 100_001))).astype(np.float32)
    meter = LoudnessMeter(22_050, 2)
    start = 0
    while start < sound.shape[1]:
        size = int(rng.integers(0, 9000))
        meter.push(sound[:, start : start + size])
        start += size
    assert meter.integrated() == pytest.approx(integrated_loudness(sound, 22_050), abs=1e-9)


def test_silence_one_sample_and_nothing_have_no_loudness() -> None:
    for sound in (np.zeros((1, RATE), np.float32), np.ones((1, 1), np.float32), np.zeros((1, 0), np.float32)):
        assert integrated_loudness(sound, RATE) == -math.inf


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_cannot_be_measured_is_refused(bad: float) -> None:
    sound = np.zeros((1, 100), np.float32)
    sound[0, 50] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        integrated_loudness(sound, RATE)
    with pytest.raises(ValueError, match="4 channels"):
        LoudnessMeter(RATE, 4)
    with pytest.raises(ValueError, match="8000"):
        LoudnessMeter(4000, 1)
