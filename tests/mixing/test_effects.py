"""The effects against physics: responses, inverses, silence, and any rate and length."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from soundwright.mixing.effects import biquads
from soundwright.mixing.effects.balance import pan
from soundwright.mixing.effects.cutoff import remove_above, remove_below
from soundwright.mixing.effects.dynamics import ATTACK_S, MOST_DB, RELEASE_S, compress, expand, static_gain_db
from soundwright.mixing.effects.equalizer import HIGH_HZ, LOW_HZ, MID_HZ, equalize, sections
from soundwright.mixing.effects.gain import change_volume
from soundwright.mixing.effects.reverb import DECAY_S, reverberate, room

RATE = 44_100
Sound = NDArray[np.float64]


def noise(num_samples: int = RATE, level: float = 0.2, seed: int = 0) -> Sound:
    return level * np.random.default_rng(seed).standard_normal((2, num_samples))


def tone(hz: float, amplitude: float, duration_s: float, rate: int = RATE) -> Sound:
    wave = amplitude * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate)
    return np.stack([wave, wave])


def impulse(num_samples: int) -> Sound:
    sound = np.zeros((2, num_samples))
    sound[:, 0] = 1.0
    return sound


def rms_db(samples: Sound) -> float:
    return float(10 * np.log10(np.mean(np.square(samples))))


def response_db(sos: list[biquads.Section], hz: list[float], rate: int = RATE) -> NDArray[np.float64]:
    rows = [[b0, b1, b2, 1.0, a1, a2] for b0, b1, b2, a1, a2 in sos]
    _, h = signal.freqz_sos(rows, worN=hz, fs=rate)
    return np.asarray(20 * np.log10(np.abs(h)))


# Gain and place.


def test_gain_is_in_decibels() -> None:
    assert rms_db(change_volume(noise(), -6.0)) - rms_db(noise()) == pytest.approx(-6.0)


@pytest.mark.parametrize("balance", [-1.0, -0.3, 0.5, 1.0])
def test_balance_moves_a_sound_and_minus_balance_moves_it_back(balance: float) -> None:
    moved = pan(noise(), balance)
    left, right = rms_db(moved[:1]) - rms_db(noise()[:1]), rms_db(moved[1:]) - rms_db(noise()[1:])
    assert right - left == pytest.approx(18 * balance)
    assert right + left == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(pan(moved, -balance), noise(), atol=1e-12)


# Tone.


def test_the_kernel_is_the_filter_that_the_coefficients_say() -> None:
    for count in (1, 2, 3):
        sos = sections(5.0, -4.0, 3.0, RATE)[:count]
        rows = [[b0, b1, b2, 1.0, a1, a2] for b0, b1, b2, a1, a2 in sos]
        np.testing.assert_allclose(biquads.filter_stereo(noise(), sos), signal.sosfilt(rows, noise()), atol=1e-12)
    with pytest.raises(ValueError, match="at most 3"):
        biquads.filter_stereo(noise(), [biquads.peak(900, 3.0, RATE)] * 4)


def test_the_kernel_and_scipy_are_one_filter() -> None:
    """Which of them runs depends on how much there is to filter, and must not be heard."""
    sound = noise()
    sound[:, len(sound[0]) // 4 :] = 0  # it rings out
    for count in range(4):
        sos = sections(5.0, -4.0, 3.0, RATE)[:count]
        one, other = biquads._by_scipy(sound, sos), biquads._compiled(sound, sos)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-58)
        np.testing.assert_array_equal(one.astype(np.float32), other.astype(np.float32))
    assert biquads._by_scipy(sound[:, :0], sections(5.0, 0.0, 0.0, RATE)).shape == (2, 0)


def test_the_kernel_is_loaded_where_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[str] = []
    for name in ("_by_scipy", "_compiled"):
        monkeypatch.setattr(biquads, name, lambda samples, sections, name=name: ways.append(name))
    monkeypatch.setattr(biquads, "_filtered", 0)
    monkeypatch.setattr(biquads, "_MANY", 250)
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    for _ in range(3):
        biquads.filter_stereo(np.zeros((2, 100)), [])
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(biquads, "_filtered", 0)
    biquads.filter_stereo(np.zeros((2, 100)), [])
    assert ways == ["_by_scipy", "_by_scipy", "_compiled", "_compiled"]


def test_bands_do_what_they_say_where_they_say() -> None:
    np.testing.assert_allclose(response_db([biquads.low_shelf(200, 6, RATE)], [1, 200, 10_000]), [6, 3, 0], atol=0.01)
    np.testing.assert_allclose(
        response_db([biquads.high_shelf(4000, 6, RATE)], [10, 4000, 22_000]), [0, 3, 6], atol=0.01
    )
    np.testing.assert_allclose(response_db([biquads.peak(900, -6, RATE)], [1, 900, 22_000]), [0, -6, 0], atol=0.01)
    np.testing.assert_allclose(
        response_db([biquads.low_pass(1000, RATE)], [1, 1000, 2000]), [0, -3.01, -12.3], atol=0.15
    )
    np.testing.assert_allclose(
        response_db([biquads.high_pass(1000, RATE)], [500, 1000, 20_000]), [-12.3, -3.01, 0], atol=0.15
    )


@pytest.mark.parametrize("rate", [1000, 8000, 44_100, 96_000])
@pytest.mark.parametrize("gain_db", [-12.0, 12.0])
def test_poles_and_zeros_lie_inside_the_circle_and_change_places_with_the_sign(rate: int, gain_db: float) -> None:
    for plus, minus in zip(sections(*[gain_db] * 3, rate), sections(*[-gain_db] * 3, rate), strict=True):
        zeros, poles = np.roots(plus[:3]), np.roots([1.0, *plus[3:]])
        assert np.abs(zeros).max() < 1
        assert np.abs(poles).max() < 1
        np.testing.assert_allclose(np.sort(zeros), np.sort(np.roots([1.0, *minus[3:]])), atol=1e-9)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 192_000])
@pytest.mark.parametrize("gains", [(12.0, -12.0, 12.0), (-3.5, 0.0, 2.0), (-12.0, 12.0, -12.0)])
def test_the_negated_equalizer_undoes_it(rate: int, gains: tuple[float, float, float]) -> None:
    low, mid, high = gains
    changed = equalize(noise(rate), rate, low_gain=low, mid_gain=mid, high_gain=high)
    # By way of float32, as between two runs of the executor.
    stored = changed.astype(np.float32).astype(np.float64)
    back = equalize(stored, rate, low_gain=-low, mid_gain=-mid, high_gain=-high)
    assert np.abs(changed - noise(rate)).max() > 0.1
    assert np.abs(back - noise(rate)).max() < 1e-6


def test_a_tone_in_each_band_gets_its_gain() -> None:
    for hz, expected in ((LOW_HZ / 8, 6.0), (MID_HZ, -5.0), (HIGH_HZ * 4, 4.0)):
        sound = tone(hz, 0.1, 2.0)
        changed = equalize(sound, RATE, low_gain=6.0, mid_gain=-5.0, high_gain=4.0)
        assert rms_db(changed[:, RATE:]) - rms_db(sound[:, RATE:]) == pytest.approx(expected, abs=0.6)


def test_a_step_settles_at_the_gain_of_low_frequencies() -> None:
    step = np.ones((2, RATE))
    assert equalize(step, RATE, low_gain=6.0, mid_gain=3.0, high_gain=-6.0)[:, -1] == pytest.approx(10 ** (6 / 20))
    assert remove_below(step, RATE, 80.0)[:, -1] == pytest.approx(0.0, abs=1e-9)
    assert remove_above(step, RATE, 80.0)[:, -1] == pytest.approx(1.0)


def test_a_low_pass_above_half_the_rate_has_nothing_to_remove() -> None:
    sound = noise(4000)
    assert remove_above(sound, 8000, 12_000.0) is sound


# Dynamics.


@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize("level_db", [-50.0, -22.0, -20.0, -18.0, -10.0, 0.0])
def test_a_steady_tone_gets_the_gain_of_the_static_curve(rate: int, level_db: float) -> None:
    sound = tone(997, 10 ** (level_db / 20), 1.5, rate)
    changed = compress(sound, rate, threshold_db=-20.0, ratio=4.0)
    end = slice(rate, None)
    expected = static_gain_db(level_db, -20.0, 4.0)
    assert rms_db(changed[:, end]) - rms_db(sound[:, end]) == pytest.approx(expected, abs=0.05)


def test_the_static_curve_has_the_ratio_above_and_a_knee_without_corners() -> None:
    assert static_gain_db(-40.0, -20.0, 4.0) == 0.0
    assert static_gain_db(-20.0, -20.0, 4.0) == pytest.approx(-0.5625)  # a quarter of the way into a knee of 6 dB
    assert static_gain_db(-4.0, -20.0, 4.0) == pytest.approx(-12.0)
    levels = np.linspace(-40, 0, 4001)
    slopes = np.diff([static_gain_db(level, -20.0, 4.0) for level in levels]) / 0.01
    assert np.abs(np.diff(slopes)).max() < 0.01
    assert slopes.min() == pytest.approx(-0.75)
    assert static_gain_db(20.0, -40.0, 8.0) == -MOST_DB


def test_gain_goes_down_with_the_attack_and_up_with_the_release() -> None:
    sound = np.concatenate([tone(2000, 0.01, 0.5), tone(2000, 0.5, 0.5), tone(2000, 0.01, 1.0)], axis=1)
    changed = compress(sound, RATE, threshold_db=-20.0, ratio=4.0)
    power = np.convolve(np.square(sound[0]), np.ones(441), "valid")
    gain_db = 10 * np.log10(np.convolve(np.square(changed[0]), np.ones(441), "valid") / power)
    full_db = static_gain_db(-6.0, -20.0, 4.0)
    down = np.flatnonzero(gain_db < 0.63 * full_db)[0] / RATE - 0.5
    up = np.flatnonzero((gain_db > 0.37 * full_db) & (np.arange(len(gain_db)) > 1.02 * RATE))[0] / RATE - 1.0
    assert 0 < down < 3 * ATTACK_S
    assert RELEASE_S / 2 < up < 2 * RELEASE_S


def test_both_channels_get_the_same_gain() -> None:
    sound = tone(997, 0.5, 0.5) * np.array([[1.0], [0.25]])
    changed = compress(sound, RATE, threshold_db=-30.0, ratio=4.0)
    np.testing.assert_allclose(changed[1], 0.25 * changed[0], atol=1e-12)


@pytest.mark.parametrize(("threshold_db", "ratio"), [(-40.0, 8.0), (-20.0, 2.0), (-6.0, 4.0)])
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_the_expander_undoes_the_compressor_and_the_other_way_round(
    threshold_db: float, ratio: float, rate: int
) -> None:
    sound = noise(2 * rate) * np.repeat([0.05, 1.0, 0.3, 2.0], rate // 2)
    settings = {"threshold_db": threshold_db, "ratio": ratio}
    squeezed = compress(sound, rate, **settings)
    assert np.abs(squeezed - sound).max() > 0.01
    stored = squeezed.astype(np.float32).astype(np.float64)
    assert np.abs(expand(stored, rate, **settings) - sound).max() < 2e-6
    np.testing.assert_allclose(compress(expand(sound, rate, **settings), rate, **settings), sound, atol=1e-9)


def test_expanding_what_was_not_compressed_stays_within_the_limit() -> None:
    sound = noise(RATE)
    wide = expand(sound, RATE, threshold_db=-40.0, ratio=8.0)
    assert 1.0 <= np.abs(wide / sound).max() <= 10 ** (MOST_DB / 20) * (1 + 1e-9)


# Reverb.


def test_the_room_decays_at_its_rate_at_any_sample_rate() -> None:
    for rate in (8000, 44_100, 48_000):
        answer = room(impulse(2 * rate), rate)
        power = np.square(answer).sum(axis=0)
        left_db = 10 * np.log10(np.cumsum(power[::-1])[::-1] / power.sum())  # Schroeder's backward integration
        late, end = (int(seconds * rate) for seconds in (0.4, 1.2))
        decay_s = -60 * 0.8 / (left_db[end] - left_db[late])
        assert decay_s == pytest.approx(DECAY_S, rel=0.2)
        assert np.abs(power[-rate // 10 :]).max() < 1e-5 * power.max()


def test_the_room_adds_a_known_energy_no_dc_and_width() -> None:
    for rate in (8000, 44_100):
        # Of an impulse in one channel comes back its energy in both together.
        sound = np.zeros((2, 4 * rate))
        sound[0, 0] = 1.0
        added = reverberate(sound, rate, 0.5) - sound
        assert np.square(added).sum() == pytest.approx(0.25, rel=1e-3)
        assert abs(added.sum()) < 1e-3
        assert abs(np.corrcoef(added)[0, 1]) < 0.3
        steady = reverberate(np.ones((2, 4 * rate)), rate, 1.0)
        assert steady[:, -1] == pytest.approx(1.0, abs=1e-3)


def test_noise_comes_back_no_louder_than_it_went_in() -> None:
    sound = noise(4 * RATE)
    for amount in (0.1, 0.5, 1.0):
        grown = np.square(reverberate(sound, RATE, amount)).mean() / np.square(sound).mean()
        assert 1.0 < grown < 1 + 1.2 * amount**2


def test_the_direct_sound_stays_and_nothing_comes_before_it() -> None:
    sound = np.roll(impulse(RATE), 1000, axis=1)
    changed = reverberate(sound, RATE, 1.0)
    assert not changed[:, :1000].any()
    assert changed[:, 1000] == pytest.approx(1.0)


# What holds for all.

ALL = {
    "eq": lambda x, rate: equalize(x, rate, low_gain=12, mid_gain=-12, high_gain=12),
    "high pass": lambda x, rate: remove_below(x, rate, 300.0),
    "low pass": lambda x, rate: remove_above(x, rate, 3000.0),
    "compressor": lambda x, rate: compress(x, rate, threshold_db=-30, ratio=8),
    "expander": lambda x, rate: expand(x, rate, threshold_db=-30, ratio=8),
    "reverb": lambda x, rate: reverberate(x, rate, 1.0),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("rate", [1000, 8000, 44_100, 192_000])
def test_silence_stays_silence_and_any_length_keeps_its_length(name: str, rate: int) -> None:
    assert not ALL[name](np.zeros((2, 5000)), rate).any()
    for num_samples in (1, 2, 3, 31, 513):
        sound = noise(num_samples)
        kept = sound.copy()
        changed = ALL[name](sound, rate)
        assert changed.shape == (2, num_samples)
        assert np.isfinite(changed).all()
        np.testing.assert_array_equal(sound, kept)


@pytest.mark.parametrize("name", ALL)
def test_runs_are_alike_and_the_future_changes_nothing(name: str) -> None:
    sound = noise(6000)
    whole = ALL[name](sound, RATE)
    np.testing.assert_array_equal(whole, ALL[name](sound, RATE))
    np.testing.assert_array_equal(whole[:, :3000], ALL[name](sound[:, :3000], RATE))


@pytest.mark.parametrize("name", ALL)
def test_what_has_rung_out_is_exactly_silent(name: str) -> None:
    """A filter that goes on in subnormal numbers costs a hundred times as much as one that sounds."""
    sound = np.zeros((2, 600_000))
    sound[:, :100] = noise(100)
    changed = ALL[name](sound, 1000)
    assert not changed[:, -1000:].any()
    assert not (np.abs(changed[changed != 0]) < 1e-300).any()
