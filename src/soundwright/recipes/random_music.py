"""Random scores: music in parts, solo lines, single notes. A score is a list of notes, a function of its generator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundwright.recipes.midi import Note

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 7, 9, 12, 14))


def _key(scale: NDArray[np.int_], degree: int, lowest: int) -> int:
    octave, index = divmod(degree, len(scale))
    return int(np.clip(lowest + int(scale[index]) % 24 + 12 * octave, 24, 103))


def mix_notes(rng: np.random.Generator, duration_s: float, programs: tuple[int, ...]) -> list[Note]:
    """Random music in four parts (melody, chords, bass, drums) that changes key, tempo and instruments."""
    notes: list[Note] = []
    start = 0.0
    while start < duration_s:
        beat = 60.0 / rng.uniform(70, 160)
        bars = int(rng.integers(2, 5))
        scale = np.array(_SCALES[rng.integers(len(_SCALES))]) + int(rng.integers(0, 12))
        lead, chords, bass = (int(p) for p in rng.choice(programs, 3))
        drums, step = rng.random() < 0.6, int(rng.integers(-2, 10))
        for bar in range(bars):
            t0 = start + 4 * bar * beat
            degree = int(rng.choice([0, 3, 4, 5]))
            for offset in (0, 2, 4):
                notes.append(
                    Note(t0, 3.9 * beat, _key(scale, degree + offset, 48), int(rng.integers(50, 90)), chords, 1)
                )
            for i in range(4):
                if rng.random() < 0.8:
                    notes.append(
                        Note(t0 + i * beat, 0.9 * beat, _key(scale, degree, 28), int(rng.integers(70, 110)), bass, 2)
                    )
            position = 0.0
            while position < 4:
                length = float(rng.choice([0.5, 0.5, 1, 1, 2]))
                step = int(np.clip(step + rng.integers(-3, 4), -4, 16))
                if rng.random() < 0.85:
                    notes.append(
                        Note(
                            t0 + position * beat,
                            0.92 * length * beat,
                            _key(scale, step, 60),
                            int(rng.integers(70, 120)),
                            lead,
                            0,
                        )
                    )
                position += length
            if drums:
                for i in range(8):
                    notes.append(Note(t0 + i * beat / 2, 0.1, 42, int(rng.integers(40, 90)), 0, 9))
                    if i % 4 == 0 or rng.random() < 0.15:
                        notes.append(Note(t0 + i * beat / 2, 0.1, 36, 100, 0, 9))
                    if i % 4 == 2:
                        notes.append(Note(t0 + i * beat / 2, 0.1, int(rng.choice([38, 40, 39])), 95, 0, 9))
        start += 4 * bars * beat
    return [n for n in notes if n.start_s < duration_s - 0.05]


def solo_notes(rng: np.random.Generator, duration_s: float, programs: tuple[int, ...]) -> list[Note]:
    """A line of one instrument, sometimes in two voices; the instrument changes every few seconds."""
    notes: list[Note] = []
    t = 0.0
    while t < duration_s:
        program, until = int(rng.choice(programs)), t + rng.uniform(3, 7)
        key, second = int(rng.integers(45, 85)), rng.random() < 0.2
        while t < until:
            length = float(rng.choice([0.12, 0.25, 0.4, 0.8, 1.5]))
            key = int(np.clip(key + rng.integers(-5, 6), 36, 96))
            velocity = int(rng.integers(50, 125))
            notes.append(Note(t, 0.97 * length, key, velocity, program))
            if second:
                notes.append(Note(t, 0.97 * length, key - int(rng.choice([3, 4, 5, 7, 12])), velocity, program))
            t += length * (1.0 if rng.random() < 0.8 else 1.4)
    return [n for n in notes if n.start_s < duration_s - 0.05]


def single_notes(
    rng: np.random.Generator, duration_s: float, programs: tuple[int, ...], sustained: tuple[int, ...]
) -> list[Note]:
    """Single held notes over the whole range, three of four on instruments that sustain."""
    notes: list[Note] = []
    t = 0.05
    while t < duration_s - 0.3:
        program = int(rng.choice(sustained if rng.random() < 0.75 else programs))
        length = float(rng.uniform(0.7, 2.2))
        notes.append(Note(t, length, int(rng.integers(36, 92)), int(rng.integers(60, 120)), program))
        t += length + 0.12
    return notes
