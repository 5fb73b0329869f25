"""The limiter: under its ceiling on whatever comes, and nothing at all done to what lies under it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from soundwright.audio.limiter import Limiter, limit
from soundwright.audio.true_peak import true_peak

sys.path.insert(0, str(Path(__file__).parent))
from test_true_peak import faded, reference_peak  # type: ignore[import-not-found]

RATE = 44_100
N = RATE // 2
T = np.arange(N) / RATE


def _noise(highest: float) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(N))
    spectrum[int(highest * N) :] = 0
    return np.fft.irfft(spectrum, N)


def _impulses() -> NDArray[np.float64]:
    sound = np.zeros(N)
    sound[[100, 101, 5000, 5010, 20_000, N - 1]] = [2, -3, 5, 5, 1.5, 4]
    return sound


LOUD = {
    **{f"{f:.0f} Hz": 2 * np.sin(2 * np.pi * f * T + 0.4) for f in (50, 997, 5000, 11_025, 17_640, 0.45 * RATE)},
    "square": 1.5 * np.sign(np.sin(2 * np.pi * 100 * T + 0.01)),
    "noise to 0.44 of the rate": 3 * _noise(0.44),
    "impulses": _impulses(),
    "burst": np.where((T > 0.3) & (T < 0.31), 3, 0.1) * np.sin(2 * np.pi * 8000 * T),
    "constant": np.full(N, 1.7),
}


@pytest.mark.parametrize("ceiling_db", [-1.0, -6.0])
@pytest.mark.parametrize("name", LOUD)
def test_true_peaks_stay_under_the_ceiling(name: str, ceiling_db: float) -> None:
    sound = LOUD[name].astype(np.float32)[None]
    # A square wave has overtones up to half the rate, of which no short filter sees the last tenth.
    sound = faded(LOUD[name]) if name.endswith("Hz") else sound
    limited = limit(sound, RATE, ceiling_db=ceiling_db)
    assert limited.shape == sound.shape
    assert limited.dtype == np.float32
    for peak in (reference_peak(limited), true_peak(limited)):
        assert 20 * np.log10(peak) <= ceiling_db + 0.1


def test_full_noise_stays_under_the_ceiling_by_the_standards_own_meter() -> None:
    """BS.1770's filter of 48 taps, which sees some of what lies above 0.45 of the rate: within 0.2 dB there."""
    noise = np.random.default_rng(1).standard_normal((1, N)).astype(np.float32)
    limited = limit(noise, RATE)[0].astype(np.float64)
    phase_0 = [0.001708984375, 0.010986328125, -0.0196533203125, 0.033203125, -0.0594482421875, 0.1373291015625]
    phase_0 += [0.97216796875, -0.102294921875, 0.047607421875, -0.026611328125, 0.014892578125, -0.00830078125]
    phase_1 = [-0.0291748046875, 0.029296875, -0.0517578125, 0.089111328125, -0.16650390625, 0.465087890625]
    phase_1 += [0.77978515625, -0.2003173828125, 0.1015625, -0.0582275390625, 0.0330810546875, -0.0189208984375]
    peak = max(np.abs(np.convolve(limited, taps)).max() for p in (phase_0, phase_1) for taps in (p, p[::-1]))
    assert 20 * np.log10(peak) <= -0.8


def test_what_lies_under_the_ceiling_passes_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    quiet = (0.1 * rng.standard_normal((2, 3 * RATE))).astype(np.float32)
    quiet *= np.float32(0.89 / true_peak(quiet))
    assert np.array_equal(limit(quiet, RATE, ceiling_db=-1.0), quiet)


def test_far_from_a_peak_nothing_changes() -> None:
    rng = np.random.default_rng(0)
    sound = (0.05 * rng.standard_normal((1, 4 * RATE))).astype(np.float32)
    sound[0, RATE] = 2.0
    limited = limit(sound, RATE)
    before, after = RATE - int(0.01 * RATE), RATE + int(1.5 * RATE)
    assert np.array_equal(limited[:, :before], sound[:, :before])
    assert np.array_equal(limited[:, after:], sound[:, after:])
    assert abs(limited[0, RATE]) <= 10 ** (-1 / 20)


def test_channels_are_turned_down_together() -> None:
    sound = np.stack([LOUD["burst"], 0.3 * LOUD["997 Hz"]]).astype(np.float32)
    limited = limit(sound, RATE)
    heard = np.abs(sound).min(0) > 0.05
    gains = limited[:, heard] / sound[:, heard]
    assert np.abs(gains[0] - gains[1]).max() < 1e-5
    assert gains.min() < 0.5


def test_pieces_of_any_size_give_the_same_and_nothing_is_late() -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal((2, 3 * RATE)).astype(np.float32)
    limiter, parts, start = Limiter(RATE, 2), [], 0
    while start < sound.shape[1]:
        size = int(rng.integers(0, 60_000))
        parts.append(limiter.push(sound[:, start : start + size]))
        start += size
    parts.append(limiter.finish())
    assert np.array_equal(np.concatenate(parts, axis=1), limit(sound, RATE))
    assert limiter.reduction_db > 6


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 33, 300, 32_768, 32_801])
def test_every_length_comes_back(size: int) -> None:
    loud = np.full((1, size), 2.0, np.float32)
    limited = limit(loud, RATE)
    assert limited.shape == loud.shape
    assert not size or np.abs(limited).max() <= 10 ** (-1 / 20)
    silence = np.zeros((2, size), np.float32)
    assert np.array_equal(limit(silence, RATE), silence)


def test_nan_is_refused() -> None:
    bad = np.zeros((1, 40_000), np.float32)
    bad[0, 39_000] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        limit(bad, RATE)
