"""Songs with stems for training the mixer, rendered from scores: free of licence, as many as are wanted.

    python -m soundwright.recipes.rendered_songs OUT --songs 80 --seed 1

    OUT/<artist>/<song>/stems/{vocals,drums,bass,other}.wav     what a finished mix is the sum of
    OUT/<artist>/<song>/song.json                               tempo, sections, and how it was mixed

Each song is mixed by one rule, so that there is something to learn: levels by style, a little apart from artist to
artist and song to song; lead, drums and bass in the middle; chords to one side. There is no singer: a lead instrument
stands for the voice. FluidSynth runs once per song, with the stems one behind the other.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.files import read_audio, write_wav
from soundwright.audio.lufs import integrated_loudness
from soundwright.formats.instructions import Call, Instructions, render
from soundwright.mixing.executor import MixingTools
from soundwright.mixing.tools import canonical
from soundwright.recipes.fluidsynth import render_notes, require_tools
from soundwright.recipes.midi import Note
from soundwright.recipes.song_score import STEMS, STYLES, Artist, Score, make_artist, make_score
from soundwright.runs import atomic

SONGS_PER_ARTIST = 4
_TAIL_S = 3.0  # between the stems in the rendering, for what rings on
_HEADROOM = 0.98

#: Loudness of each stem in LUFS, and what a style changes about it.
LEVELS = {"vocals": -20.0, "drums": -20.0, "bass": -22.0, "other": -24.0}
STYLE_LEVELS = {
    "rock": {"other": 2.0},
    "pop": {"vocals": 1.0},
    "electro": {"drums": 1.5, "bass": 1.5},
    "jazz": {"drums": -3.0, "bass": -0.5},
    "folk": {"drums": -4.0, "vocals": 1.0, "bass": -1.0},
    "funk": {"bass": 2.0},
    "ballad": {"vocals": 1.0, "drums": -2.0},
    "latin": {"other": 1.0},
}
_ARTIST_DB, _SONG_DB = 0.7, 0.4  # standard deviations


def render_songs(
    output: Path, *, songs: int = 80, seed: int = 1, duration_s: float = 30.0, sample_rate: int = 44_100
) -> list[Path]:
    """Renders songs; those that stand already are kept.

    Args:
        output: folder for the artists' folders.
        songs: how many; four by each artist.
        seed: changes every song.
        duration_s: length of a song in seconds.
        sample_rate: Hz.

    Returns:
        The songs' folders.

    Raises:
        UsageError: FluidSynth or the sound font is missing.
    """
    require_tools()
    folders = []
    for number in range(songs):
        place, take = divmod(number, SONGS_PER_ARTIST)
        style = list(STYLES)[place % len(STYLES)]
        folder = output / f"{place:02d}-{style}" / f"song-{take + 1}"
        if not (folder / "song.json").exists():  # written last
            artist_rng = np.random.default_rng([seed, 0, place])
            artist = make_artist(artist_rng, style)
            levels = {stem: artist_rng.normal(0, _ARTIST_DB) for stem in STEMS}
            rng = np.random.default_rng([seed, 1, place, take])
            score = make_score(rng, artist, duration_s)
            mix = _decide(rng, artist_rng, levels)
            stems = _level(_render(score, duration_s, sample_rate), artist, mix, sample_rate)
            for stem, samples in stems.items():
                write_wav(folder / "stems" / f"{stem}.wav", samples, sample_rate)
            atomic.write_json(folder / "song.json", _facts(score, artist, mix))
        folders.append(folder)
    return folders


def _render(score: Score, duration_s: float, sample_rate: int) -> dict[str, NDArray[np.float32]]:
    """The stems `[2, N]` as the sound font gives them, of one length."""
    each_s = duration_s + _TAIL_S
    notes = [
        Note(place * each_s + note.start_s, note.duration_s, note.key, note.velocity, note.program, note.channel)
        for place, stem in enumerate(STEMS)
        for note in score.notes[stem]
    ]
    with tempfile.TemporaryDirectory() as name:
        wav = Path(name, "song.wav")
        render_notes(notes, wav, sample_rate)
        sound = read_audio(wav)
    length = round(duration_s * sample_rate)
    sound = np.pad(sound, ((0, 0), (0, max(0, math.ceil(len(STEMS) * each_s * sample_rate) - sound.shape[1]))))
    starts = [round(place * each_s * sample_rate) for place in range(len(STEMS))]
    fade = np.minimum(1.0, np.arange(length, 0, -1) / (0.02 * sample_rate)).astype(np.float32)
    return {stem: sound[:, start : start + length] * fade for stem, start in zip(STEMS, starts, strict=True)}


def _decide(
    rng: np.random.Generator, artist_rng: np.random.Generator, levels: dict[str, float]
) -> dict[str, tuple[Call, ...]]:
    """How a song is mixed: its levels beside the style's, its places, its room."""
    side = float(artist_rng.choice([-1, 1]))
    room = float(artist_rng.uniform(0.05, 0.2))
    places = {"other": side * rng.uniform(0.1, 0.3)}
    mix: Instructions = {
        stem: (
            Call("change_volume", {"db": levels[stem] + rng.normal(0, _SONG_DB)}),
            Call("apply_pan", {"balance": places.get(stem, 0.0)}),
            Call("apply_reverb", {"amount": room if stem in ("vocals", "other") else 0.0}),
        )
        for stem in STEMS
    }
    return {stem: canonical({stem: calls}).get(stem, ()) for stem, calls in mix.items()}


def _level(
    stems: dict[str, NDArray[np.float32]], artist: Artist, mix: Instructions, sample_rate: int
) -> dict[str, NDArray[np.float32]]:
    """Brings the stems to the style's levels, mixes them, and lowers all together if their sum would clip."""
    leveled = {}
    for stem, samples in stems.items():
        wanted = LEVELS[stem] + STYLE_LEVELS[artist.style].get(stem, 0.0)
        loudness = integrated_loudness(samples, sample_rate)
        gain_db = wanted - loudness if math.isfinite(loudness) else 0.0
        leveled[stem] = samples * np.float32(10 ** (gain_db / 20))
    mixed, total = MixingTools(sample_rate).mix(leveled, mix)
    peak = max(float(np.abs(sound).max()) for sound in (total, *mixed.values()))
    return {stem: samples * np.float32(min(1.0, _HEADROOM / peak)) for stem, samples in mixed.items()}


def _facts(score: Score, artist: Artist, mix: Instructions) -> dict[str, Any]:
    return {
        "bpm": round(score.bpm, 2),
        "style": artist.style,
        "segments": [{"start": start, "end": end, "label": label} for start, end, label in score.sections],
        "mix": render(mix),
        "rendered_with": "FluidSynth, FluidR3 GM",
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--songs", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--duration", type=float, default=30.0, help="seconds")
    parser.add_argument("--sample-rate", type=int, default=44_100, help="Hz")
    options = parser.parse_args()
    folders = render_songs(
        options.output,
        songs=options.songs,
        seed=options.seed,
        duration_s=options.duration,
        sample_rate=options.sample_rate,
    )
    print(f"{len(folders)} songs -> {options.output}")


if __name__ == "__main__":
    main()
