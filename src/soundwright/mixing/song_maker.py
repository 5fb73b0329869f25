"""Small songs with stems from plain numpy, for tests and the demo: no sound font, no download, a second or less each.

Four stems as other people name them: a voice-like lead, drums, bass, and a pad of chords. Key, tempo, sounds, levels
and places differ by seed and stay within what a finished mix has; sections of eight beats alternate between a sparse
verse and a full chorus.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEMS = ("vocals", "drums", "bass", "other")
#: RMS in dB below full scale where a stem plays, and how far one song may be from another.
_LEVEL_DB = {"vocals": -24.0, "drums": -23.0, "bass": -26.0, "other": -29.0}
_LEVEL_SPREAD_DB = 1.0
_OTHER_ASIDE = 0.15  # balance of channels of the chords, to either side
_PROGRESSIONS = ((0, 5, 3, 4), (0, 3, 4, 3), (5, 3, 0, 4), (0, 4, 5, 3))
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
#: Formants of five vowels in Hz, after Peterson and Barney (1952).
_VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))

Sound = NDArray[np.float64]


def make_song(seed: int, duration_s: float, sample_rate: int) -> dict[str, NDArray[np.float32]]:
    """A song, the same for the same arguments.

    Args:
        seed: of everything.
        duration_s: length in seconds.
        sample_rate: Hz.

    Returns:
        The stems vocals, drums, bass and other, float32 `[2, N]`; their sum stays below full scale.
    """
    band = _Band(np.random.default_rng(seed), duration_s, sample_rate)
    stems = {name: getattr(band, name)() for name in STEMS}
    for name, sound in stems.items():
        power = float(np.mean(np.square(sound[np.abs(sound) > 1e-4]))) if np.any(np.abs(sound) > 1e-4) else 1.0
        level_db = _LEVEL_DB[name] + band.rng.uniform(-_LEVEL_SPREAD_DB, _LEVEL_SPREAD_DB)
        sound *= 10 ** (level_db / 20) / np.sqrt(power)
    peak = float(np.abs(np.sum(list(stems.values()), axis=0)).max(initial=0.0))
    scale = min(1.0, 0.95 / max(peak, 1e-9))
    return {name: (sound * scale).astype(np.float32) for name, sound in stems.items()}


class _Band:
    """What the players of one song have in common."""

    def __init__(self, rng: np.random.Generator, duration_s: float, sample_rate: int) -> None:
        self.rng, self.rate = rng, sample_rate
        self.num_samples = max(1, round(duration_s * sample_rate))
        self.beat_s = 60.0 / rng.uniform(80, 140)
        self.num_beats = int(np.ceil(duration_s / self.beat_s))
        self.scale = _MAJOR if rng.random() < 0.6 else _MINOR
        self.tonic = int(rng.integers(40, 52))  # MIDI key
        self.degrees = _PROGRESSIONS[int(rng.integers(len(_PROGRESSIONS)))]
        self.swing = float(rng.choice([0.0, 0.0, 0.12]))

    def vocals(self) -> Sound:
        """A line with vibrato, its harmonics shaped by vowels; rests between phrases."""
        out = self._silence()
        vibrato_hz, degree = self.rng.uniform(4.8, 6.2), 7
        for beat in range(self.num_beats):
            degree = int(np.clip(degree + self.rng.integers(-2, 3), 4, 13))
            if beat % 8 == 7 or self.rng.random() < (0.1 if self._full(beat) else 0.3):
                continue
            t = self._time(self.beat_s * 0.95)
            hz = self._hz(degree + 7)
            phase = 2 * np.pi * hz * t + 0.5 * np.sin(2 * np.pi * vibrato_hz * t) * np.minimum(1, t / 0.2)
            self._add(out, beat, self._voice(phase, hz) * _envelope(t, 0.03, 0.08))
        return out

    def drums(self) -> Sound:
        """Kick, snare and hats; the hats stand to one side, more of them in the chorus."""
        out = self._silence()
        kick_hz, snare_hz = self.rng.uniform(45, 60), self.rng.uniform(170, 220)
        side = self.rng.uniform(0.15, 0.4)
        for beat in range(self.num_beats):
            t = self._time(0.35)
            if beat % 4 in (0, 2) or (self._full(beat) and self.rng.random() < 0.3):
                fall = kick_hz * t + 6 * (1 - np.exp(-t * 30)) * kick_hz / 55
                self._add(out, beat, np.sin(2 * np.pi * fall) * np.exp(-t * 14))
            if beat % 4 in (1, 3):
                noise = self.rng.standard_normal(len(t)) * np.exp(-t * 22)
                self._add(out, beat, 0.5 * noise + 0.6 * np.sin(2 * np.pi * snare_hz * t) * np.exp(-t * 25))
            for step in (0.0, 0.5) if self._full(beat) else (0.0,):
                noise = np.diff(self.rng.standard_normal(len(t) + 1)) * np.exp(-t * 60)
                self._add(out, beat + step + (self.swing if step else 0), 0.16 * noise, balance=side)
        return out

    def bass(self) -> Sound:
        """The root of each chord, in quarters or eighths."""
        out = self._silence()
        brightness = self.rng.uniform(0.5, 0.9)
        for beat in range(self.num_beats):
            for step in (0.0, 0.5) if self._full(beat) else (0.0,):
                t = self._time(self.beat_s * (0.45 if self._full(beat) else 0.9))
                phase = 2 * np.pi * self._hz(self._degree(beat) - 7) * t
                tone = sum(brightness**k * np.sin((k + 1) * phase) for k in range(5))
                self._add(out, beat + step, tone * _envelope(t, 0.008, 0.05) * np.exp(-2 * t))
        return out

    def other(self) -> Sound:
        """Three notes of each chord, a little out of tune between the channels, so that it is wide."""
        out = self._silence()
        detune, rolloff = self.rng.uniform(0.002, 0.005), self.rng.uniform(0.45, 0.75)
        for beat in range(0, self.num_beats, 2):
            t = self._time(self.beat_s * 2)
            shape = _envelope(t, 0.05, 0.1) * (1.0 if self._full(beat) else 0.6)
            for channel, factor in enumerate((1 - detune, 1 + detune)):
                chord = np.zeros(len(t))
                for third in (0, 2, 4):
                    phase = 2 * np.pi * self._hz(self._degree(beat) + third + 3) * factor * t
                    chord += sum(rolloff**k * np.sin((k + 1) * phase + k) for k in range(7))
                self._add(out[channel : channel + 1], beat, chord * shape)
        balance = _OTHER_ASIDE * self.rng.choice([-1, 1])
        return np.asarray(out * np.array([[1 - balance], [1 + balance]]))

    def _voice(self, phase: Sound, hz: float) -> Sound:
        vowel = np.array(_VOWELS[int(self.rng.integers(len(_VOWELS)))])
        tone = np.zeros(len(phase))
        for k in range(1, 1 + int(min(25, 0.45 * self.rate / hz, 5000 / hz))):
            # Resonances of 120 Hz width on a source that falls by 12 dB per octave.
            near = 1 / (1 + ((k * hz - vowel) / 120) ** 2)
            tone += (0.08 + float(near @ [1.0, 0.6, 0.3])) / k * np.sin(k * phase)
        return tone

    def _full(self, beat: int) -> bool:
        """Whether this beat is of the chorus."""
        return beat // 8 % 2 == 1

    def _degree(self, beat: int) -> int:
        return self.degrees[beat // 4 % 4]

    def _hz(self, degree: int) -> float:
        octave, place = divmod(degree, 7)
        return float(440 * 2 ** ((self.tonic + 12 * octave + self.scale[place] - 69) / 12))

    def _time(self, duration_s: float) -> Sound:
        return np.asarray(np.arange(max(1, round(duration_s * self.rate))) / self.rate)

    def _silence(self) -> Sound:
        return np.zeros((2, self.num_samples))

    def _add(self, out: Sound, beat: float, sound: Sound, *, balance: float = 0.0) -> None:
        start = round(beat * self.beat_s * self.rate)
        part = sound[: max(0, out.shape[1] - start)]
        gains = np.array([[1 - balance], [1 + balance]]) if len(out) == 2 else 1.0
        out[:, start : start + len(part)] += gains * part


def _envelope(t: Sound, attack_s: float, release_s: float) -> Sound:
    return np.asarray(np.minimum(np.minimum(t / attack_s, (t[-1] - t) / release_s), 1.0))
