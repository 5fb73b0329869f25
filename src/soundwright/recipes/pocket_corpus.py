"""Audio for training and judging the `pocket` codec, made from scratch so that its licence is clean.

Three sources: FluidSynth with the FluidR3 GM sound font (MIT), espeak-ng (its output is unrestricted), and tones,
glides and noises computed here. Everything is a pure function of the seed, so the recipe is shipped and the audio is
not. FluidSynth renders at 48 kHz and the result is resampled: at 24 kHz it aliases.

What is held out from training: the General MIDI programs in `HELD_OUT_PROGRAMS` (among them the four instruments on
which single notes are judged), the voices in `HELD_OUT_VOICES`, and every seed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.files import read_audio, write_wav
from soundwright.recipes import fluidsynth
from soundwright.recipes.midi import Note
from soundwright.recipes.random_music import mix_notes, single_notes, solo_notes
from soundwright.recipes.tones import synthetic_minute

SAMPLE_RATE = 24_000
RENDER_RATE = 48_000

#: Instruments on which single notes are judged: name -> (GM program, lowest and highest MIDI key).
NOTE_INSTRUMENTS = {
    "clarinet": (71, 50, 84),
    "trumpet": (56, 54, 82),
    "piano": (0, 36, 84),
    "strings": (48, 40, 84),
}
#: GM programs (0-based) that no training file uses. Sound effects (120-127) are not used at all.
HELD_OUT_PROGRAMS = (0, 6, 11, 19, 24, 33, 40, 48, 52, 56, 65, 71, 73, 81, 89)
TRAINING_PROGRAMS = tuple(p for p in range(112) if p not in HELD_OUT_PROGRAMS)
#: Programs that hold a note as long as the key is down.
SUSTAINED = tuple(p for p in (*range(16, 24), *range(40, 45), *range(48, 96)) if p not in HELD_OUT_PROGRAMS)

HELD_OUT_VOICES = ("en-gb+f2", "de+m3", "fr-fr+f4", "es+m7")
TRAINING_LANGUAGES = ("en-us", "it", "pt", "nl", "sv", "pl", "cs", "ru", "el", "tr", "fi", "hu", "ro", "da", "hi", "sw")
TRAINING_VARIANTS = ("m1", "m2", "m4", "m5", "f1", "f3", "f5", "croak")
_SYLLABLES = (
    "ba ne ti lo su ra mi ka do fe shi ta gu len por san vel tri mo ster an kel ish dor fla nu que zam hi wo pan chi"
)

#: How many minutes of each kind a training corpus has. Solo material is what the note gates hang on.
TRAINING_MINUTES = {"mix": 80, "solo": 50, "note": 70, "speech": 20, "tone": 30}


def render_corpus(output: Path, *, seed: int = 1, minutes: dict[str, int] | None = None, workers: int = 2) -> None:
    """Renders the training recordings to `output`, one WAV file per minute; files that stand are kept.

    Args:
        output: folder for `<kind>-<index>.wav`.
        seed: changes every file.
        minutes: minutes per kind; `TRAINING_MINUTES` by default.
        workers: files rendered at once.

    Raises:
        UsageError: FluidSynth, the sound font or espeak-ng is missing.
    """
    require_tools()
    output.mkdir(parents=True, exist_ok=True)
    jobs = [(kind, i) for kind, count in (minutes or TRAINING_MINUTES).items() for i in range(count)]

    def render(job: tuple[str, int]) -> None:
        kind, index = job
        path = output / f"{kind}-{index:03d}.wav"
        if not path.exists():
            samples = _KINDS[kind](np.random.default_rng([seed, sorted(_KINDS).index(kind), index]))
            write_wav(path, samples, SAMPLE_RATE)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(render, jobs))


def held_out_music(seed: int = 7_001) -> dict[str, NDArray[np.float32]]:
    """The held-out clips of 10 s by name, float32 `[N]` at 24 kHz: 12 mixes, 5 solos, 4 voices, 3 computed sounds."""
    require_tools()
    clips: dict[str, NDArray[np.float32]] = {}
    for i in range(12):
        rng = np.random.default_rng([seed, 0, i])
        clips[f"mix-{i:02d}"] = fluid(mix_notes(rng, 10.0, HELD_OUT_PROGRAMS), 10.0, reverb=i % 2 == 1)
    for i in range(5):
        rng = np.random.default_rng([seed, 1, i])
        clips[f"solo-{i:02d}"] = fluid(solo_notes(rng, 10.0, HELD_OUT_PROGRAMS), 10.0)
    for i, voice in enumerate(HELD_OUT_VOICES):
        clips[f"speech-{i:02d}"] = fit(speak(np.random.default_rng([seed, 2, i]), voice), 10.0)
    for i in range(3):
        clips[f"tone-{i:02d}"] = fit(synthetic_minute(np.random.default_rng([seed, 3, i])), 10.0)
    return clips


def held_out_notes() -> dict[tuple[str, int], NDArray[np.float32]]:
    """The 48 single notes: (instrument, MIDI key) -> float32 `[N]`, 1.6 s held and 0.2 s of release, at 24 kHz."""
    require_tools()
    notes = {}
    for name, (program, low, high) in NOTE_INSTRUMENTS.items():
        keys = np.round(np.linspace(low, high, 12)).astype(int)
        line = [Note(0.1 + 2.0 * i, 1.6, int(key), 96, program) for i, key in enumerate(keys)]
        audio = fluid(line, 2.0 * len(keys))
        for i, key in enumerate(keys):
            start = int(2.0 * i * SAMPLE_RATE)
            notes[name, int(key)] = audio[start : start + int(1.9 * SAMPLE_RATE)]
    return notes


def require_tools() -> Path:
    """Returns the sound font's path.

    Raises:
        UsageError: a program or the sound font is missing; the remedy is the line to type.
    """
    return fluidsynth.require_tools("espeak-ng")


def fluid(notes: list[Note], duration_s: float, *, reverb: bool = False) -> NDArray[np.float32]:
    """Renders notes with FluidSynth to mono float32 `[N]` at 24 kHz with a peak of 0.5."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "a.wav")
        fluidsynth.render_notes(notes, wav, RENDER_RATE, reverb=reverb)
        mono = read_audio(wav, sample_rate=SAMPLE_RATE, mono=True)
    peak = float(np.abs(mono).max())
    return fit(mono * np.float32(0.5 / max(peak, 1e-6)), duration_s)


def speak(rng: np.random.Generator, voice: str) -> NDArray[np.float32]:
    """About 12 s of nonsense words in a voice of espeak-ng, float32 `[N]` at 24 kHz."""
    syllables = _SYLLABLES.split()
    words = ["".join(rng.choice(syllables, rng.integers(1, 4))) for _ in range(40)]
    text = " ".join(w + ("." if rng.random() < 0.12 else "") for w in words)
    pitch, speed = str(rng.integers(20, 80)), str(rng.integers(120, 200))
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "a.wav")
        fluidsynth.run_tool(["espeak-ng", "-v", voice, "-p", pitch, "-s", speed, "-w", str(wav), text])
        return read_audio(wav, sample_rate=SAMPLE_RATE, mono=True)


def fit(samples: NDArray[np.float32], duration_s: float) -> NDArray[np.float32]:
    """Cuts or zero-pads `[n]` to the duration."""
    num_samples = round(duration_s * SAMPLE_RATE)
    return np.pad(samples[:num_samples], (0, max(0, num_samples - len(samples)))).astype(np.float32)


def _mix_minute(rng: np.random.Generator) -> NDArray[np.float32]:
    return fluid(mix_notes(rng, 60.0, TRAINING_PROGRAMS), 60.0, reverb=bool(rng.random() < 0.5))


def _solo_minute(rng: np.random.Generator) -> NDArray[np.float32]:
    return fluid(solo_notes(rng, 60.0, TRAINING_PROGRAMS), 60.0, reverb=bool(rng.random() < 0.2))


def _note_minute(rng: np.random.Generator) -> NDArray[np.float32]:
    return fluid(single_notes(rng, 60.0, TRAINING_PROGRAMS, SUSTAINED), 60.0)


def _speech_minute(rng: np.random.Generator) -> NDArray[np.float32]:
    parts: list[NDArray[np.float32]] = []
    while sum(map(len, parts)) < 60 * SAMPLE_RATE:
        voice = f"{rng.choice(TRAINING_LANGUAGES)}+{rng.choice(TRAINING_VARIANTS)}"
        part = speak(rng, voice)
        if rng.random() < 0.6:  # speech without any background teaches a codec that silence is common
            noise = np.cumsum(rng.standard_normal(len(part))) if rng.random() < 0.3 else rng.standard_normal(len(part))
            noise = noise - np.convolve(noise, np.ones(400) / 400, "same")
            part = part + (noise / noise.std() * part.std() * 10 ** rng.uniform(-2, -0.5)).astype(np.float32)
        parts.append(part / np.float32(max(2 * np.abs(part).max(), 1e-6)))
    return fit(np.concatenate(parts), 60.0)


_KINDS: dict[str, Callable[[np.random.Generator], NDArray[np.float32]]] = {
    "mix": _mix_minute,
    "solo": _solo_minute,
    "note": _note_minute,
    "speech": _speech_minute,
    "tone": synthetic_minute,
}
