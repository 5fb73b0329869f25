"""True peaks against a 16-fold interpolation over the whole sound."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from soundwright.audio.true_peak import TruePeakMeter, true_peak


def reference_peak(sound: NDArray[np.float32], times: int = 16) -> float:
    """The highest of the sound at 16 times its rate, by Fourier transform, silence around it."""
    padded = np.pad(sound.astype(np.float64), ((0, 0), (2048, 2048)))
    size = padded.shape[1]
    spectrum = np.fft.rfft(padded)
    spectrum[:, -1] *= 0.5 if size % 2 == 0 else 1.0
    return float(times * np.abs(np.fft.irfft(spectrum, times * size)).max())


def faded(sound: NDArray[np.float64]) -> NDArray[np.float32]:
    size = len(sound)
    edge = np.minimum(1.0, np.minimum(np.arange(size), np.arange(size)[::-1]) / 1000)
    return (sound * edge).astype(np.float32)[None]


@pytest.mark.parametrize("frequency", [0.001, 0.11, 0.25, 1 / 3, 0.4, 0.43, 0.45])
@pytest.mark.parametrize("phase", [0.0, 0.7])
def test_tones_of_any_frequency_up_to_near_half_the_rate(frequency: float, phase: float) -> None:
    tone = faded(np.sin(2 * np.pi * frequency * np.arange(9000) + phase))
    assert abs(20 * np.log10(true_peak(tone) / reference_peak(tone))) < 0.05


def test_a_peak_between_samples_is_found() -> None:
    tone = np.sin(np.pi / 2 * np.arange(4800) + np.pi / 4)[None].astype(np.float32)
    assert np.abs(tone).max() < 0.71
    assert true_peak(tone) == pytest.approx(1.0, abs=0.12)  # the abrupt beginning overshoots
    assert true_peak(faded(tone[0].astype(float))) == pytest.approx(1.0, abs=0.005)


def test_noise_and_impulses() -> None:
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(20_000))
    spectrum[int(0.44 * 20_000) :] = 0
    noise = faded(np.fft.irfft(spectrum))
    assert abs(20 * np.log10(true_peak(noise) / reference_peak(noise))) < 0.1
    impulse = np.zeros((2, 500), np.float32)
    impulse[1, 250] = -0.7
    assert true_peak(impulse) == pytest.approx(0.7, abs=1e-6)


def test_pieces_of_any_size_give_the_same() -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal((2, 20_000)).astype(np.float32)
    meter = TruePeakMeter(2)
    start = 0
    while start < sound.shape[1]:
        size = int(rng.integers(0, 3000))
        meter.push(sound[:, start : start + size])
        start += size
    assert meter.peak() == true_peak(sound)


def test_silence_one_sample_nothing_and_nan() -> None:
    assert true_peak(np.zeros((2, 1000), np.float32)) == 0.0
    assert true_peak(np.zeros((1, 0), np.float32)) == 0.0
    assert true_peak(np.full((1, 1), 0.5, np.float32)) == pytest.approx(0.5)
    bad = np.zeros((1, 200), np.float32)
    bad[0, 100] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        true_peak(bad)
