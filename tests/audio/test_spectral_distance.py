"""The multi-resolution distance hears level, tone and place, and nothing where there is no difference."""

from __future__ import annotations

import numpy as np
import pytest

from soundwright.audio.spectral_distance import multi_resolution_stft
from soundwright.core.errors import UsageError


def test_it_is_zero_for_the_same_and_grows_with_the_difference() -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal((2, 20_000))
    distances = [multi_resolution_stft(sound, sound * 10 ** (db / 20)) for db in (0, 1, 3, 6)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    # A gain of g changes every magnitude by |g - 1| of itself and its logarithm by |log g|.
    assert distances[3] == pytest.approx(10**0.3 - 1 + 0.3 * np.log(10), rel=0.01)


def test_it_hears_place_and_tone_and_not_the_sign() -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal((2, 20_000))
    assert multi_resolution_stft(sound, sound[::-1] * [[2.0], [0.5]]) > 0.5
    assert multi_resolution_stft(sound[0], np.convolve(sound[0], [0.5, 0.5], "same")) > 0.2
    assert multi_resolution_stft(sound, -sound) == 0


def test_silence_and_single_samples_are_bearable() -> None:
    silence = np.zeros((2, 5000), np.float32)
    assert multi_resolution_stft(silence, silence) == 0
    assert np.isfinite(multi_resolution_stft(silence, silence + 0.1))
    assert multi_resolution_stft(np.ones((2, 1)), np.ones((2, 1))) == 0
    assert multi_resolution_stft(np.zeros((2, 0)), np.zeros((2, 0))) == 0


def test_shapes_must_agree() -> None:
    with pytest.raises(UsageError, match="one shape"):
        multi_resolution_stft(np.zeros(10), np.zeros(11))
