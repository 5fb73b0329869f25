"""Computed sounds for the `pocket` corpus: harmonic tones, glides, chords of sines, noises, clicks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 24_000


def synthetic_minute(rng: np.random.Generator) -> NDArray[np.float32]:
    """A minute of computed sounds, 0.4 to 2 s each, float32 `[1_440_000]`, peak 0.5."""
    out = np.zeros(60 * SAMPLE_RATE, np.float32)
    start = 0
    while start < len(out):
        num_samples = min(int(rng.uniform(0.4, 2.0) * SAMPLE_RATE), len(out) - start)
        kind = rng.random()
        if kind < 0.72:
            sound = harmonic_tone(rng, num_samples)
        elif kind < 0.80:
            sound = sum(harmonic_tone(rng, num_samples) for _ in range(int(rng.integers(2, 4))))  # type: ignore[assignment]
        elif kind < 0.93:
            sound = coloured_noise(rng, num_samples)
        else:
            sound = clicks(rng, num_samples)
        peak = float(np.abs(sound).max())
        out[start : start + num_samples] = sound * (0.5 * 10 ** rng.uniform(-1, 0) / max(peak, 1e-9))
        start += num_samples
    return out


def harmonic_tone(rng: np.random.Generator, num_samples: int) -> NDArray[np.float64]:
    """A sum of harmonics `[N]` with a random spectrum (sometimes odd harmonics only), vibrato, glide and envelope."""
    t = np.arange(num_samples) / SAMPLE_RATE
    f0 = 55 * 2 ** rng.uniform(0, 5)  # 55 to 1760 Hz
    glide = rng.uniform(-3, 3) * (rng.random() < 0.15)
    vibrato = rng.uniform(0.05, 0.5) * (rng.random() < 0.3)
    semitones = glide * t + vibrato * np.sin(2 * np.pi * rng.uniform(4, 7) * t + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(f0 * 2 ** (semitones / 12)) / SAMPLE_RATE
    slope_db = rng.uniform(1, 14)  # per octave
    odd_only = rng.random() < 0.35
    out = np.zeros(num_samples)
    for k in range(1, int(min(60, 11_000 / f0)) + 1):
        level_db = -slope_db * np.log2(k) + rng.normal(0, 5) - (rng.uniform(15, 40) if odd_only and k % 2 == 0 else 0)
        out += 10 ** (level_db / 20) * np.sin(k * phase + rng.uniform(0, 2 * np.pi))
    return out * envelope(rng, num_samples)


def envelope(rng: np.random.Generator, num_samples: int) -> NDArray[np.float64]:
    """Attack, then a hold or a decay, then a short release, `[N]` in 0..1."""
    t = np.arange(num_samples) / SAMPLE_RATE
    attack = np.clip(t / rng.uniform(0.002, 0.08), 0, 1)
    decay = np.exp(-t * rng.uniform(0.5, 8)) if rng.random() < 0.3 else np.ones(num_samples)
    release = np.clip((t[-1] - t) / rng.uniform(0.01, 0.08), 0, 1)
    return np.asarray(attack * decay * release)


def coloured_noise(rng: np.random.Generator, num_samples: int) -> NDArray[np.float64]:
    """Noise `[N]` with a random slope and one random resonance."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    f = np.fft.rfftfreq(num_samples, 1 / SAMPLE_RATE) + 20.0
    gain = f ** -rng.uniform(0, 1.5)
    centre, width = 100 * 2 ** rng.uniform(0, 6.5), rng.uniform(0.1, 2)
    gain *= 1 + rng.uniform(0, 10) * np.exp(-((np.log2(f / centre) / width) ** 2))
    return np.fft.irfft(spectrum * gain, num_samples) * envelope(rng, num_samples)


def clicks(rng: np.random.Generator, num_samples: int) -> NDArray[np.float64]:
    """A train of short decaying pulses `[N]`."""
    out = np.zeros(num_samples)
    out[rng.integers(0, num_samples, max(1, num_samples // 4000))] = rng.standard_normal(max(1, num_samples // 4000))
    tail = np.exp(-np.arange(400) / rng.uniform(3, 80)) * np.cos(np.arange(400) * rng.uniform(0.05, 2.0))
    return np.convolve(out, tail)[:num_samples]
