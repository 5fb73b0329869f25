"""What a mix of another section says about stems: in bands where a stem is alone, its level."""

from __future__ import annotations

import numpy as np
import pytest

from soundwright.formats.instructions import Call
from soundwright.mixing.bands import NUM_FINE, response
from soundwright.mixing.likeness import guess_from_mix

RATE = 44_100


def apart() -> np.ndarray:
    """Two stems `[2, F, 2]`: one has the lower half of the bands, one the upper."""
    power = np.full((2, NUM_FINE, 2), 1e-9)
    power[:, : NUM_FINE // 2, 0] = power[:, NUM_FINE // 2 :, 1] = 1e-3
    return power


def changed(power: np.ndarray, *calls: tuple[Call, ...]) -> np.ndarray:
    """The mix of stems after calls, `[2, F]`."""
    factors = np.stack([np.abs(response(some, RATE)) ** 2 for some in calls], axis=-1)
    return (power * factors).sum(axis=-1)


def test_stems_that_are_alone_in_their_bands_are_told_apart():
    power = apart()
    guess = guess_from_mix(power, changed(power, (Call("change_volume", {"db": 6.0}),), ()), RATE)
    # Volume and EQ of half a spectrum nearly cancel, so what is found is shared among them.
    assert guess.gains[0, :4].sum() > 3
    assert abs(guess.gains[1, :4].sum()) < 1.5
    assert guess.gains.shape == guess.deviations.shape == (2, 5)
    assert (guess.deviations > 0).all()


def test_a_place_is_found_with_its_side():
    power = apart()
    right = changed(power, (), (Call("apply_pan", {"balance": 0.5}),))
    guess = guess_from_mix(power, right, RATE)
    assert guess.gains[1, 4] == pytest.approx(-9, abs=1.5)  # the right lacks more
    assert abs(guess.gains[0, 4]) < 0.5


def test_the_same_spectrum_says_nothing_and_silence_is_finite():
    power = apart()
    assert np.abs(guess_from_mix(power, power.sum(-1), RATE).gains).max() < 1e-6
    for own, other in ((0 * power, power.sum(-1)), (power, 0 * power.sum(-1)), (0 * power, 0 * power.sum(-1))):
        guess = guess_from_mix(own, other, RATE)
        assert np.isfinite(guess.gains).all()
        assert np.isfinite(guess.deviations).all()


def test_a_batch_is_its_examples():
    rng = np.random.default_rng(0)
    power, other = rng.exponential(1e-3, (3, 2, NUM_FINE, 4)), rng.exponential(1e-3, (3, 2, NUM_FINE))
    together = guess_from_mix(power, other, RATE)
    for place in range(3):
        alone = guess_from_mix(power[place], other[place], RATE)
        np.testing.assert_allclose(together.gains[place], alone.gains, atol=1e-9)
        np.testing.assert_allclose(together.deviations[place], alone.deviations, atol=1e-9)
