"""Pitch by physics: a tone has its frequency, noise and silence have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.audio.pitch import difference_function, fundamental_frequency
from soundwright.audio.quality import cents
from soundwright.core.errors import UsageError

SAMPLE_RATE = 24_000
HOP = 320


def harmonic(f0_hz: float, duration_s: float = 0.5, num_harmonics: int = 6) -> np.ndarray:
    t = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    out = sum(np.sin(2 * np.pi * k * f0_hz * t + k) / k for k in range(1, num_harmonics + 1))
    return (0.1 * out).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.floats(65, 1500), st.integers(1, 6))
def test_a_harmonic_tone_has_its_frequency(f0_hz: float, num_harmonics: int) -> None:
    f0, aperiodicity = fundamental_frequency(harmonic(f0_hz, 0.3, num_harmonics), SAMPLE_RATE, hop=HOP)
    inner = slice(6, -6)
    assert np.all(aperiodicity[inner] < 0.1)
    assert max(abs(cents(f, f0_hz)) for f in f0[inner]) < 5


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5_000), st.sampled_from([1, 7, 320, 2_000]))
def test_there_is_one_frame_per_hop(num_samples: int, hop: int) -> None:
    f0, aperiodicity = fundamental_frequency(np.zeros(min(num_samples, 300 * hop), np.float32), SAMPLE_RATE, hop=hop)
    assert len(f0) == len(aperiodicity) == -(-min(num_samples, 300 * hop) // hop)


def test_silence_has_no_pitch() -> None:
    f0, aperiodicity = fundamental_frequency(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE, hop=HOP)
    assert np.all(f0 == 0)
    assert np.all(aperiodicity == 1)


def test_noise_is_aperiodic() -> None:
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    _, aperiodicity = fundamental_frequency(noise, SAMPLE_RATE, hop=HOP)
    assert np.median(aperiodicity) > 0.5


def test_frames_are_centred_on_their_samples() -> None:
    """A step in pitch in the middle of the sound is found in the middle of the frames, to within two frames."""
    sound = np.concatenate([harmonic(200, 0.4), harmonic(400, 0.4)])
    f0, _ = fundamental_frequency(sound, SAMPLE_RATE, hop=HOP)
    change = np.argmax(f0 > 300)
    assert abs(change - len(f0) / 2) <= 2


def test_level_does_not_matter() -> None:
    sound = harmonic(220)
    a, _ = fundamental_frequency(sound, SAMPLE_RATE, hop=HOP)
    b, _ = fundamental_frequency(sound * np.float32(1e-3), SAMPLE_RATE, hop=HOP)
    assert np.allclose(a, b, rtol=1e-6)


def test_the_difference_function_is_its_definition() -> None:
    frames = np.random.default_rng(1).standard_normal((3, 90))
    width, num_lags = 40, 30
    expected = np.array(
        [[np.sum((x[:width] - x[lag : lag + width]) ** 2) for lag in range(num_lags + 1)] for x in frames]
    )
    assert np.allclose(difference_function(frames, width, num_lags), expected, atol=1e-9)


@pytest.mark.parametrize(("fmin", "fmax"), [(0, 100), (200, 100), (100, 20_000)])
def test_senseless_limits_are_refused(fmin: float, fmax: float) -> None:
    with pytest.raises(UsageError, match="fmin"):
        fundamental_frequency(np.zeros(100, np.float32), SAMPLE_RATE, hop=HOP, fmin=fmin, fmax=fmax)
