"""Quality measures on sounds whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.audio.quality import (
    cents,
    harmonic_to_rest_db,
    mel_distance_db,
    note_pitch_hz,
    si_sdr_db,
)
from soundwright.core.errors import UsageError

SAMPLE_RATE = 24_000
RNG = np.random.default_rng(5)
NOISE = (0.1 * RNG.standard_normal(SAMPLE_RATE)).astype(np.float32)
T = np.arange(SAMPLE_RATE) / SAMPLE_RATE
TONE = (0.1 * np.sin(2 * np.pi * 440 * T)).astype(np.float32)


def test_a_sound_is_no_distance_from_itself() -> None:
    assert mel_distance_db(NOISE, NOISE, SAMPLE_RATE) == 0
    assert si_sdr_db(NOISE, NOISE) > 100


def test_a_gain_of_6_db_is_a_mel_distance_of_6_db() -> None:
    assert mel_distance_db(NOISE, 2 * NOISE, SAMPLE_RATE) == pytest.approx(6.02, abs=0.1)


def test_the_mel_distance_is_blind_to_the_sign_and_si_sdr_to_the_level() -> None:
    assert mel_distance_db(NOISE, -NOISE, SAMPLE_RATE) == 0
    assert si_sdr_db(NOISE, 0.1 * NOISE) > 100


@settings(max_examples=15, deadline=None)
@given(st.floats(-20, 40))
def test_si_sdr_is_the_ratio_that_was_mixed(ratio_db: float) -> None:
    other = RNG.standard_normal(SAMPLE_RATE)
    clean = NOISE.astype(np.float64)
    clean = clean - clean.mean()
    other -= other.mean()
    other -= clean * np.dot(other, clean) / np.dot(clean, clean)  # orthogonal: the target keeps its scale
    other *= np.sqrt(np.dot(clean, clean) / np.dot(other, other)) * 10 ** (-ratio_db / 20)
    assert si_sdr_db(clean, clean + other) == pytest.approx(ratio_db, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(st.floats(5, 30), st.floats(150, 1200))
def test_harmonic_to_rest_is_the_ratio_that_was_mixed(ratio_db: float, f0_hz: float) -> None:
    """A tone and a second one between its harmonics, whose powers are known."""
    tone = np.sin(2 * np.pi * f0_hz * T)
    between = np.sin(2 * np.pi * 1.5 * f0_hz * T) * 10 ** (-ratio_db / 20)
    assert harmonic_to_rest_db(tone + between, SAMPLE_RATE, f0_hz) == pytest.approx(ratio_db, abs=1)


def test_roughness_at_the_frame_rate_lowers_harmonic_to_rest() -> None:
    rough = TONE * (1 + 0.3 * np.sin(2 * np.pi * 75 * T))
    expected = 10 * np.log10(1 / (2 * 0.15**2))
    assert harmonic_to_rest_db(rough, SAMPLE_RATE, 440) == pytest.approx(expected, abs=0.5)
    assert harmonic_to_rest_db(TONE, SAMPLE_RATE, 440) > 45


def test_the_pitch_of_a_note_is_that_of_its_loud_part() -> None:
    note = np.concatenate([np.zeros(4_000), TONE, 1e-3 * NOISE])
    assert abs(cents(note_pitch_hz(note, SAMPLE_RATE), 440)) < 3
    assert note_pitch_hz(np.zeros(SAMPLE_RATE), SAMPLE_RATE) == 0


def test_cents() -> None:
    assert cents(880, 440) == pytest.approx(1200)
    assert cents(0, 440) == float("inf")


def test_an_impulse_is_measured_without_warnings() -> None:
    impulse = np.zeros(SAMPLE_RATE)
    impulse[100] = 1.0
    assert np.isfinite(mel_distance_db(impulse, NOISE, SAMPLE_RATE))


def test_different_lengths_and_silence_are_refused() -> None:
    with pytest.raises(UsageError, match="length"):
        mel_distance_db(NOISE, NOISE[:-1], SAMPLE_RATE)
    with pytest.raises(UsageError, match="silent"):
        si_sdr_db(np.zeros(10), np.ones(10))
    with pytest.raises(UsageError, match="at least"):
        harmonic_to_rest_db(np.zeros(10), SAMPLE_RATE, 440)
    with pytest.raises(UsageError, match="pitch"):
        harmonic_to_rest_db(TONE, SAMPLE_RATE, 0)
