"""Finds the songs of a data folder: `artist/song.wav`, and `artist/song/stems/*.wav` with any stem names."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path

#: The only stem of a song that came without.
WHOLE = "mix"
STEMS_FOLDER = "stems"
FACTS = "song.json"


@dataclass(frozen=True)
class Song:
    """A song as it lies in the data folder.

    Attributes:
        artist: the name of its artist's folder.
        name: of its folder, or of its file without ending.
        stems: files by stem, sorted by name; `mix` alone where it came without stems.
        facts: a `song.json` beside the stems, if there is one.
    """

    artist: str
    name: str
    stems: dict[str, Path]
    facts: Path | None = None

    @property
    def key(self) -> str:
        """`artist/song`."""
        return f"{self.artist}/{self.name}"

    @property
    def is_whole(self) -> bool:
        """Whether it came without stems."""
        return list(self.stems) == [WHOLE]


@dataclass(frozen=True)
class FoundSongs:
    """Songs in order, what could not be used, and what was passed over."""

    songs: list[Song]
    problems: list[SoundwrightError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def raw_folder(data_dir: Path) -> Path:
    """Where the recordings are: `data` means `data/raw` where that exists.

    Raises:
        UsageError: there is no such folder.
    """
    if not data_dir.is_dir():
        what = "is a file" if data_dir.exists() else "does not exist"
        raise UsageError(
            f"expected a folder; it {what}", path=data_dir, remedy="give --data-dir: artist/song.wav in it"
        )
    return data_dir / "raw" if (data_dir / "raw").is_dir() else data_dir


def find_songs(root: Path, extensions: Sequence[str], *, exclude: Sequence[Path] = ()) -> FoundSongs:
    """Finds songs.

    Args:
        root: the folder of the artists' folders.
        extensions: endings of sound files, without the point.
        exclude: folders that are no artists: what this step wrote itself.

    Raises:
        UsageError: a folder cannot be read.
    """
    search = _Search(tuple(f".{extension}" for extension in extensions))
    skipped = {os.path.realpath(folder) for folder in exclude}
    for entry in search.entries(root):
        if entry.is_dir() and os.path.realpath(entry) not in skipped:
            search.artist(entry)
        elif search.is_sound(entry):
            search.found.notes.append(f"{show_path(entry)}: is in no artist's folder, left out -> move it into one")
    return search.found


def choose(found: FoundSongs, root: Path, *, artist: str | None, limit: int | None) -> list[Song]:
    """The songs that were asked for.

    Raises:
        UsageError: there is none, no such artist, or a limit below 1.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}", remedy="give a number of songs from 1")
    if not found.songs:
        raise UsageError(
            "holds no songs" + (f"; first: {found.problems[0]}" if found.problems else ""),
            path=root,
            remedy="put them in as artist/song.wav, or as artist/song/stems/*.wav",
        )
    songs = found.songs
    if artist is not None:
        artists = sorted({song.artist for song in songs})
        songs = [song for song in songs if song.artist == artist]
        if not songs:
            near = difflib.get_close_matches(artist[:64], artists, 1, cutoff=0.0)
            raise UsageError(f"--artist {show_path(artist)!r}: no such artist", path=root, remedy=f"such as {near[0]}")
    return songs[:limit]


class _Search:
    def __init__(self, endings: tuple[str, ...]) -> None:
        self.endings = endings
        self.found = FoundSongs([])

    def entries(self, folder: Path) -> list[Path]:
        """What is in a folder, sorted, without what is hidden."""
        try:
            found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", path=folder, remedy="chmod u+rx it") from error
        for path in found:
            if not _is_text(path.name):
                self._problem(path, "its name is no UTF-8, which dataset.json is", "rename it")
        return [path for path in found if _is_text(path.name)]

    def is_sound(self, path: Path) -> bool:
        return path.name.lower().endswith(self.endings) and path.is_file()

    def artist(self, folder: Path) -> None:
        songs: dict[str, Song] = {}
        entries = self.entries(folder)
        for entry in (path for path in entries if path.is_dir()):
            song = self._song(folder.name, entry)
            if song is not None:
                songs[song.name] = song
        for entry in (path for path in entries if self.is_sound(path)):
            other = songs.get(entry.stem)
            if other is None:
                songs[entry.stem] = Song(folder.name, entry.stem, {WHOLE: entry})
            elif other.is_whole:
                self._problem(entry, f"a second file of the song {other.key}", "leave one of them")
            # Beside stems it is their sum, which is made anew.
        self.found.songs.extend(songs[name] for name in sorted(songs))

    def _song(self, artist: str, folder: Path) -> Song | None:
        facts = folder / FACTS if (folder / FACTS).is_file() else None
        if (folder / STEMS_FOLDER).is_dir():
            stems: dict[str, Path] = {}
            for path in filter(self.is_sound, self.entries(folder / STEMS_FOLDER)):
                if path.stem in stems:
                    self._problem(path, f"a second file of the stem {show_path(path.stem)!r}", "leave one of them")
                    return None
                stems[path.stem] = path
            if stems:
                return Song(artist, folder.name, stems, facts)
            self._problem(folder / STEMS_FOLDER, "holds no sound files", "put the stems in")
            return None
        sounds = [path for path in self.entries(folder) if self.is_sound(path)]
        if len(sounds) == 1:
            return Song(artist, folder.name, {WHOLE: sounds[0]}, facts)
        if sounds:
            self._problem(folder, f"holds {len(sounds)} sound files and no folder stems", "move stems into stems/")
        return None

    def _problem(self, path: Path, what: str, remedy: str) -> None:
        self.found.problems.append(BadInput(what, path=path, remedy=remedy))


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)
