"""How far a decoded sound is from the recording: four numbers that see different faults.

A mel distance hears the envelope and is blind to pitch; SI-SDR compares the waveform; pitch error and the ratio of
harmonics to the rest are for single notes. All take mono arrays of one sample rate. numpy only.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.pitch import fundamental_frequency
from soundwright.core.errors import UsageError

Samples = NDArray[np.float32] | NDArray[np.float64]
_MEL_SCALES = {256: 32, 512: 64, 1024: 96, 2048: 128}  # window -> number of bands


def mel_distance_db(reference: Samples, decoded: Samples, sample_rate: int) -> float:
    """Mean absolute difference of mel levels in dB, over bins, frames and four window lengths.

    The reference is brought to -20 dBFS RMS and the decoded sound by the same gain. Hann windows of 256 to 2048
    samples, hop a quarter, power in 32 to 128 HTK triangles from 0 to half the sample rate, 10 log10(p + 1e-8).

    Args:
        reference: `[N]`.
        decoded: `[N]`.
        sample_rate: Hz.

    Raises:
        UsageError: the lengths differ.
    """
    a, b = _pair(reference, decoded)
    gain = 0.1 / max(float(np.sqrt(np.mean(a**2))), 1e-9)
    distances = []
    for size, bands in _MEL_SCALES.items():
        matrix = mel_matrix(size, bands, sample_rate)
        levels = [10 * np.log10(_power(x * gain, size, size // 4) @ matrix + 1e-8) for x in (a, b)]
        distances.append(float(np.mean(np.abs(levels[0] - levels[1]))))
    return float(np.mean(distances))


def si_sdr_db(reference: Samples, decoded: Samples) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., "SDR - half-baked or well done?", 2019).

    Raises:
        UsageError: the lengths differ, or the reference is silent.
    """
    a, b = _pair(reference, decoded)
    a, b = a - a.mean(), b - b.mean()
    power = float(np.dot(a, a))
    if power == 0:
        raise UsageError("SI-SDR needs a reference that is not silent")
    target = a * (float(np.dot(a, b)) / power)
    rest = b - target
    return float(10 * np.log10((np.dot(target, target) + 1e-20) / (np.dot(rest, rest) + 1e-20)))


def note_pitch_hz(samples: Samples, sample_rate: int, *, fmin: float = 60.0, fmax: float = 1600.0) -> float:
    """The pitch of a single held note `[N]`: the median of YIN over its periodic frames; 0 where there is none."""
    f0, aperiodicity = fundamental_frequency(
        np.asarray(samples, np.float32),
        sample_rate,
        hop=sample_rate // 75,
        fmin=fmin,
        fmax=fmax,
        window=sample_rate // 20,
    )
    power = np.array([np.mean(np.square(part)) for part in np.array_split(np.asarray(samples, np.float64), len(f0))])
    held = (aperiodicity < 0.3) & (power > 0.01 * power.max())
    return float(np.median(f0[held])) if held.any() else 0.0


def cents(found_hz: float, expected_hz: float) -> float:
    """How far a pitch is from another, in cents (1200 per octave); infinite where there is no pitch."""
    if found_hz <= 0 or expected_hz <= 0:
        return float("inf")
    return float(1200 * np.log2(found_hz / expected_hz))


def harmonic_to_rest_db(samples: Samples, sample_rate: int, f0_hz: float, *, window: int = 4096) -> float:
    """Power around the harmonics of `f0_hz` over all other power, in dB, of a held note `[N]`.

    Roughness between harmonics (a codec's frame rate modulating the tone) lowers it long before pitch is lost. Hann
    windows; a harmonic's neighbourhood is 3 bins, or 1.5 % of its frequency where that is more (strings are stretched),
    but never more than a quarter of f0 to either side. A pure tone gives 49 dB, the rest being the window's side lobes.

    Args:
        samples: the held part of the note, at least one window.
        sample_rate: Hz.
        f0_hz: the note's fundamental.
        window: samples.

    Raises:
        UsageError: the note is shorter than a window, or has no pitch.
    """
    if f0_hz <= 0:
        raise UsageError(f"expected a note with a pitch, found a fundamental of {f0_hz:g} Hz")
    if len(samples) < window:
        raise UsageError(f"expected at least {window} samples of a held note, found {len(samples)}")
    power = _power(np.asarray(samples, np.float64), window, window // 4).sum(axis=0)
    hz = np.arange(len(power)) * sample_rate / window
    number = np.maximum(np.round(hz / f0_hz), 1)
    reach = np.maximum(3 * sample_rate / window, np.minimum(0.015 * number * f0_hz, 0.25 * f0_hz))
    harmonic = np.abs(hz - number * f0_hz) <= reach
    return float(10 * np.log10((power[harmonic].sum() + 1e-20) / (power[~harmonic].sum() + 1e-20)))


@functools.cache
def mel_matrix(window: int, num_bands: int, sample_rate: int) -> NDArray[np.float64]:
    """HTK triangles from 0 Hz to half the sample rate, peak 1, `[window / 2 + 1, num_bands]`."""
    hz = np.arange(window // 2 + 1) * sample_rate / window
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, num_bands + 2) / 2595) - 1)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rise, fall = (hz[:, None] - low) / (middle - low), (high - hz[:, None]) / (high - middle)
    return np.maximum(np.minimum(rise, fall), 0.0)


def _power(samples: NDArray[np.float64], size: int, hop: int) -> NDArray[np.float64]:
    """Power spectra `[frames, size / 2 + 1]`, scaled so that a full sine has about 1 in its bin."""
    padded = np.pad(samples, (0, max(0, size - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size + 1)[:-1]
    return np.asarray(np.abs(np.fft.rfft(frames * window)) ** 2 / (window.sum() / 2) ** 2)


def _pair(reference: Samples, decoded: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(reference) != len(decoded):
        raise UsageError(f"expected two sounds of one length, found {len(reference)} and {len(decoded)} samples")
    return np.asarray(reference, np.float64), np.asarray(decoded, np.float64)
