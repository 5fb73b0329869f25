"""Makes the folder of test audio for `benchmarks/lossless.py`: rendered music, speech, real recordings, 8-bit copies.

`python benchmarks/lossless_corpus.py FOLDER` writes `FOLDER/<tune|report>/<class>/*.wav`, the same bytes every time on
one machine. The parameters of the codec were tuned on `tune` only; figures are quoted from `report`.

Music: General MIDI scores rendered by FluidSynth with FluidR3 (Debian `fluid-soundfont-gm`), peak -0.5 dBFS, TPDF
dither. Speech: espeak-ng with pink noise at -55 dB, 16 kHz. Recordings: what Debian's `alsa-utils` (voices),
`sonic-pi-samples` (loops and instruments, CC0) and `supercollider-common` install; never from a lossy source that we
know of. 8-bit: the top byte of music and speech. What is not installed is left out and said.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from soundwright.recipes.midi import Note, write_midi
from soundwright.recipes.random_music import mix_notes, solo_notes

_SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
_SONIC_PI = Path("/usr/share/sonic-pi/samples")
_ALSA = Path("/usr/share/sounds/alsa")
_SUPERCOLLIDER = Path("/usr/share/SuperCollider/sounds")
_RATE = 44_100

# General MIDI programs of lead, chords and bass. Styles in even positions are for tuning, odd ones for reports.
_MIXES = {
    "pop": (81, 4, 33, 25),
    "rock": (30, 29, 34, 27),
    "strings": (48, 40, 42, 44),
    "jazz": (66, 0, 32, 26),
    "organ": (19, 16, 18, 20),
    "brass": (61, 56, 58, 60),
    "folk": (24, 21, 22, 105),
    "synth": (80, 90, 38, 88),
    "choir": (52, 53, 46, 49),
    "funk": (63, 7, 36, 11),
}
_SOLOS = {"piano": (0,), "piano_bright": (1,), "guitar": (24,), "flute": (73,), "harpsichord": (6,), "cello": (42,)}
_LOOPS = (
    "loop_amen_full",
    "loop_compus",
    "loop_garzul",
    "loop_mika",
    "loop_safari",
    "loop_tabla",
    "loop_weirdo",
    "loop_3d_printer",
    "ambi_glass_hum",
    "ambi_haunted_hum",
    "ambi_lunar_land",
    "ambi_sauna",
    "guit_em9",
    "guit_e_fifths",
    "vinyl_hiss",
    "misc_cineboom",
)
_TEXTS = {
    "en-us": "A lossless archive gives every sample back. The quick brown fox jumps over the lazy dog, twice a day.",
    "en-gb": "She sells sea shells by the sea shore, and the shells that she sells are sea shells, I am sure of it.",
    "de": "Der schnelle braune Fuchs springt über den faulen Hund, und niemand weiss so recht, warum er das tut.",
    "fr-fr": "Portez ce vieux whisky au juge blond qui fume sur son île intérieure, à côté de l'alcôve ovoïde.",
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, nargs="?")
    arguments.add_argument("--seconds", type=float, default=12.0, help="of each rendered file")
    options = arguments.parse_args()
    if options.folder is None:  # as in `make bench`
        print("makes the files for benchmarks/lossless.py, in a folder that you name")
        return
    makers = (_rendered_music, _recorded_music, _speech, _eight_bit)
    for make in makers:
        print(f"{make.__name__.strip('_').replace('_', ' ')}: {make(options.folder, options.seconds)} files")


def _half(index: int) -> str:
    return "report" if index % 2 else "tune"


def _write(path: Path, samples: NDArray[np.int16], rate: int) -> None:
    """Samples `[N, C]`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")


def _rendered_music(folder: Path, seconds: float) -> int:
    if not shutil.which("fluidsynth") or not _SOUND_FONT.exists():
        print("fluidsynth or FluidR3 is not installed: no rendered music")
        return 0
    for index, (name, programs) in enumerate({**_MIXES, **_SOLOS}.items()):
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        notes = (
            _piano_piece(rng, seconds, programs[0])
            if name.startswith("piano")
            else (mix_notes if name in _MIXES else solo_notes)(rng, seconds, programs)
        )
        _write(folder / _half(index) / "music" / f"{name}.wav", _render(notes, seconds, rng), _RATE)
    return len(_MIXES) + len(_SOLOS)


def _piano_piece(rng: np.random.Generator, seconds: float, program: int) -> list[Note]:
    """Broken chords over a held bass, with the overlaps of a pedal."""
    notes: list[Note] = []
    time_s, root = 0.1, 48
    while time_s < seconds:
        root = int(np.clip(root + rng.choice([-5, -2, 2, 5, 7]), 36, 60))
        notes.append(Note(time_s, 2.2, root - 12, int(rng.integers(45, 70)), program))
        for step in rng.permutation([0, 4, 7, 12, 16, 19, 24, 12]):
            notes.append(
                Note(time_s, float(rng.uniform(0.4, 1.6)), root + int(step), int(rng.integers(40, 95)), program)
            )
            time_s += 0.22
    return [note for note in notes if note.start_s < seconds - 0.1]


def _render(notes: list[Note], seconds: float, rng: np.random.Generator) -> NDArray[np.int16]:
    with tempfile.TemporaryDirectory() as scratch:
        score, sound = Path(scratch) / "score.mid", Path(scratch) / "sound.wav"
        write_midi(score, notes)
        command = [
            "fluidsynth",
            "-ni",
            "-q",
            "-g",
            "0.5",
            "-r",
            str(_RATE),
            "-O",
            "float",
            "-T",
            "wav",
            "-F",
            str(sound),
        ]
        subprocess.run([*command, str(_SOUND_FONT), str(score)], check=True, capture_output=True)
        samples, _ = soundfile.read(sound, dtype="float64", frames=int(seconds * _RATE))
    samples *= 10 ** (-0.5 / 20) * 32767 / np.abs(samples).max()
    dither = rng.uniform(-0.5, 0.5, samples.shape) + rng.uniform(-0.5, 0.5, samples.shape)  # triangular, 2 steps wide
    return np.clip(np.rint(samples + dither), -32768, 32767).astype(np.int16)


def _recorded_music(folder: Path, seconds: float) -> int:
    found = [path for name in _LOOPS if (path := _SONIC_PI / f"{name}.flac").exists()]
    if not found:
        print("sonic-pi-samples is not installed: no recorded music")
    for index, path in enumerate(found):
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
        _write(folder / _half(index) / "music" / f"real_{path.stem}.wav", samples[: 20 * rate], rate)
    return len(found)


def _speech(folder: Path, seconds: float) -> int:
    count = 0
    if not shutil.which("espeak-ng"):
        print("espeak-ng is not installed: no synthetic speech")
    else:
        for index, (language, text) in enumerate(_TEXTS.items()):
            _write(folder / _half(index) / "speech16k" / f"espeak_{language}.wav", _speak(language, text), 16_000)
            count += 1
    voices = sorted(_ALSA.glob("*_*.wav"))
    if not voices:
        print("alsa-utils is not installed: no recorded voices")
    for index, half in enumerate(("tune", "report")):
        if voices:
            parts = [soundfile.read(path, dtype="float64")[0] for path in voices[index::2]]
            at_16k = soxr.resample(np.concatenate(parts), 48_000, 16_000)
            _write(folder / half / "speech16k" / "real_alsa_voices.wav", _to_int16(at_16k[:, None]), 16_000)
            count += 1
    walk = _SUPERCOLLIDER / "a11wlk01.wav"
    if walk.exists():
        samples, rate = soundfile.read(walk, dtype="float64")
        _write(
            folder / "report" / "speech16k" / "real_a11wlk01.wav",
            _to_int16(soxr.resample(samples, rate, 16_000)[:, None]),
            16_000,
        )
        count += 1
    return count


def _to_int16(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def _speak(language: str, text: str) -> NDArray[np.int16]:
    rng = np.random.default_rng(zlib.crc32(language.encode()))
    with tempfile.TemporaryDirectory() as scratch:
        sound = Path(scratch) / "speech.wav"
        subprocess.run(["espeak-ng", "-v", language, "-w", str(sound), text], check=True, capture_output=True)
        samples, rate = soundfile.read(sound, dtype="float64")
    speech = soxr.resample(samples, rate, 16_000)
    white = np.fft.rfft(rng.standard_normal(len(speech)))
    pink = np.fft.irfft(white / np.sqrt(np.maximum(np.arange(len(white)), 1)), len(speech))
    return _to_int16((speech + pink * 10 ** (-55 / 20) / pink.std())[:, None])


def _eight_bit(folder: Path, seconds: float) -> int:
    """The top byte of every third 16-bit file, as unsigned 8-bit WAV."""
    count = 0
    for path in sorted([*folder.glob("*/music/*.wav"), *folder.glob("*/speech16k/*.wav")])[::3]:
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
        target = folder / path.parts[-3] / "eight_bit" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(target, samples & np.int16(-256), rate, subtype="PCM_U8")
        count += 1
    return count


if __name__ == "__main__":
    main()
