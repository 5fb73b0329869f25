"""What a mixer is evaluated on: segments of held-out songs, each with another section of its song beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from soundwright.core.errors import UsageError
from soundwright.mixing.executor import Samples, as_stereo

#: Seconds of a segment; long enough for a phrase, short enough for two sections in half a minute.
SEGMENT_S = 7.4
_Song = TypeVar("_Song")


@dataclass(frozen=True)
class Item:
    """A segment of a good mix.

    Attributes:
        name: of song and place.
        song: for the bootstrap.
        sample_rate: Hz.
        here: stems `[2, N]`.
        there: stems of another section, of the same length.
    """

    name: str
    song: str
    sample_rate: int
    here: dict[str, Samples]
    there: dict[str, Samples]


def items_of(source: Path, *, per_song: int = 4, limit: int | None = None) -> Iterator[Item]:
    """Reads segments.

    Args:
        source: a folder artist/song/stems/*.wav, or a `dataset.json`, of which the validation side is used.
        per_song: segments of a song, at most.
        limit: songs, at most; of all artists in turn.

    Raises:
        UsageError: the source does not exist; there are no songs with two sections.
        BadInput: a file is damaged.
    """
    if not source.exists():
        raise UsageError("does not exist", path=source, remedy="give songs artist/song/stems/*.wav, or a dataset.json")
    found = False
    for item in (_of_dataset if source.is_file() else _of_songs)(source, per_song, limit):
        found = True
        yield item
    if not found:
        raise UsageError(
            "holds no held-out song with stems and two sections",
            path=source,
            remedy="give a dataset.json of mix prepare with a validation split, or a folder artist/song/stems/*.wav",
        )


def _of_songs(folder: Path, per_song: int, limit: int | None) -> Iterator[Item]:
    from soundwright.audio.files import audio_extensions, read_audio
    from soundwright.mixing.songs import find_songs

    for song in _in_turn(find_songs(folder, audio_extensions()).songs, lambda song: song.artist)[:limit]:
        stems, rate = {}, 0
        for name, path in song.stems.items():
            rate = rate or _rate(path)
            stems[name] = as_stereo(read_audio(path, sample_rate=rate))
        length = round(SEGMENT_S * rate)
        count = min(sound.shape[1] for sound in stems.values()) // length
        cuts = [{n: x[:, i * length : (i + 1) * length] for n, x in stems.items()} for i in range(count)]
        yield from _pairs(song.key, cuts, rate, per_song)


def _of_dataset(path: Path, per_song: int, limit: int | None) -> Iterator[Item]:
    from soundwright.mixing.dataset import read_dataset

    dataset = read_dataset(path)
    songs: dict[str, list[str]] = {}
    for segment in dataset.side("validation"):
        songs.setdefault(f"{segment.artist}/{segment.song}", []).append(segment.key)
    for song, keys in _in_turn(list(songs.items()), lambda entry: entry[0].split("/")[0])[:limit]:
        yield from _pairs(song, [dataset.load(key) for key in keys], dataset.sample_rate, per_song)


def _in_turn(songs: list[_Song], artist_of: Callable[[_Song], str]) -> list[_Song]:
    """The first song of each artist, then the second of each: so that a few songs are of many artists."""
    seen: Counter[str] = Counter()
    places = []
    for song in songs:
        places.append(seen[artist_of(song)])
        seen[artist_of(song)] += 1
    return [songs[i] for i in sorted(range(len(songs)), key=lambda i: places[i])]


def _pairs(song: str, cuts: list[dict[str, Samples]], rate: int, per_song: int) -> Iterator[Item]:
    """Each segment with a random other one."""
    rng = np.random.default_rng([*song.encode("utf-8", "surrogateescape")])
    if len(cuts) < 2:
        return
    for place in range(min(len(cuts), per_song)):
        other = int(rng.choice([p for p in range(len(cuts)) if p != place]))
        yield Item(f"{song}/{place}-{other}", song, rate, cuts[place], cuts[other])


def _rate(path: Path) -> int:
    from soundwright.audio.files import open_audio

    with open_audio(path) as reader:
        return int(reader.info.sample_rate)
