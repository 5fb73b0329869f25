"""The demo's recordings: three computed instruments whose pitch and brightness stand in the file names.

    organ/organ_pitch_64.00_bright_.75.wav

`pitch` is a MIDI note number (69 is 440 Hz), `bright` runs from 0 (dark) to 1. Since both are known exactly, every
later step can be checked against the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.files import write_wav

SAMPLE_RATE = 44_100
DURATION_S = 3.0

_PITCHES = (45, 52, 57, 64, 69, 76)
_BRIGHTNESSES = (0.25, 0.75)

Instrument = Callable[[float, float, np.random.Generator], NDArray[np.float64]]


def write_demo_corpus(folder: Path, *, seed: int = 0) -> int:
    """Writes 36 clips of 3 s, 44.1 kHz stereo, into one folder per instrument; clips that are there are left.

    Returns:
        The number of clips.
    """
    count = 0
    for name, instrument in INSTRUMENTS.items():
        for pitch in _PITCHES:
            for bright in _BRIGHTNESSES:
                path = folder / name / f"{name}_pitch_{pitch:.2f}_bright_{f'{bright:.2f}'.lstrip('0')}.wav"
                count += 1
                if path.exists():
                    continue
                rng = np.random.default_rng([seed, pitch, int(bright * 100), list(INSTRUMENTS).index(name)])
                # A level of its own for each clip: something for `corpus normalize` to do.
                level = rng.uniform(0.05, 0.5)
                mono = instrument(440 * 2 ** ((pitch - 69) / 12), bright, rng)
                write_wav(path, _stereo(mono * level / np.abs(mono).max(), rng), SAMPLE_RATE)
    return count


def organ(hz: float, bright: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Sustained harmonics; brightness flattens their slope. Slow tremolo."""
    t = _times()
    slope = 2.5 - 2.0 * bright
    tone = sum(k**-slope * np.sin(2 * np.pi * k * hz * t + rng.uniform(0, 2 * np.pi)) for k in _harmonics(hz))
    fade = np.clip(np.minimum(t / 0.03, (DURATION_S - t) / 0.1), 0, 1)
    return np.asarray(tone * fade * (1 + 0.1 * np.sin(2 * np.pi * 5 * t)))


def pluck(hz: float, bright: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A plucked string as decaying harmonics; high ones start weaker (when dark) and die sooner."""
    t = _times()
    tone = np.zeros_like(t)
    for k in _harmonics(hz):
        comb = abs(np.sin(np.pi * k * 0.21))  # plucked at about a fifth of its length
        decay = np.exp(-t * (0.8 + 0.25 * k * (1.5 - bright)))
        tone += comb * k ** -(1.6 - bright) * decay * np.sin(2 * np.pi * k * hz * t + rng.uniform(0, 0.1))
    return np.asarray(tone * np.clip(np.minimum(t / 0.004, (DURATION_S - t) / 0.1), 0, 1))


def reed(hz: float, bright: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Odd harmonics, a slow attack, a little vibrato and breath."""
    t = _times()
    phase = 2 * np.pi * hz * (t + 0.0007 * np.sin(2 * np.pi * 5.5 * t) / hz * np.clip(t, 0, 1) * 10)
    slope = 2.2 - 1.5 * bright
    tone = sum(k**-slope * np.sin(k * phase + rng.uniform(0, 2 * np.pi)) for k in _harmonics(hz) if k % 2)
    breath = 0.01 * (1 + 2 * bright) * rng.standard_normal(len(t))
    return np.asarray((tone + breath) * np.clip(np.minimum(t / 0.15, (DURATION_S - t) / 0.2), 0, 1))


INSTRUMENTS: dict[str, Instrument] = {"organ": organ, "pluck": pluck, "reed": reed}


def _times() -> NDArray[np.float64]:
    return np.arange(round(DURATION_S * SAMPLE_RATE)) / SAMPLE_RATE


def _harmonics(hz: float) -> range:
    return range(1, int(min(40, 11_000 / hz)) + 1)


def _stereo(mono: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    angle = rng.uniform(0.2, 0.8) * np.pi / 2
    return np.stack([np.cos(angle) * mono, np.sin(angle) * mono]).astype(np.float32)
