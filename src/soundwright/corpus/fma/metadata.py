"""Artist, title, licence and genre of each track, from `tracks.csv` in the metadata archive.

That table is large and holds far more: it is read once, as a stream, and what concerns the tracks of the archive at
hand is kept in the state folder. Its header has three rows: a group ("track", "artist", "album", "set"), a name within
the group, and, below the first column only, `track_id`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from soundwright.core.errors import BadInput
from soundwright.corpus.fma.archive import OpenArchive
from soundwright.runs import atomic

_COLUMNS = {
    "artist": ("artist", "name"),
    "title": ("track", "title"),
    "license": ("track", "license"),
    "genre": ("track", "genre_top"),
}
#: Longer than any album's description; Python's own limit is half of it.
_LONGEST_FIELD = 1 << 18


@dataclass(frozen=True)
class Track:
    """What the metadata say of a track; empty where they say nothing."""

    artist: str = ""
    title: str = ""
    license: str = ""
    genre: str = ""


def track_id(key: str) -> str:
    """The file name without its ending: of FMA the six digits of the track's number."""
    return PurePosixPath(key).name[: -len(".mp3")]


def read_tracks(metadata: OpenArchive, keys: Iterable[str]) -> dict[str, Track]:
    """Reads the table for the tracks with these keys.

    Raises:
        BadInput: there is no such table in the archive, or it is damaged or laid out otherwise.
    """
    member = metadata.member("tracks.csv")
    if member is None:
        raise BadInput("the metadata archive has no tracks.csv", remedy="check --metadata")
    key_of = {int(name): key for key in keys if (name := track_id(key)).isdecimal()}
    found: dict[str, Track] = {}

    def take(source: IO[bytes]) -> None:
        found.clear()
        with io.TextIOWrapper(source, encoding="utf-8", errors="replace", newline="") as text:
            _take_rows(csv.reader(text), key_of, found)

    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        metadata.read(member, take)
    except csv.Error as error:
        raise BadInput(f"cannot be read as a table: {error}", path=member.filename, remedy="check it") from error
    finally:
        csv.field_size_limit(limit)
    return found


def _take_rows(rows: Iterable[list[str]], key_of: Mapping[int, str], found: dict[str, Track]) -> None:
    rows = iter(rows)
    heads = list(zip(next(rows, []), next(rows, []), strict=False))
    missing = [f"{group}.{name}" for group, name in _COLUMNS.values() if (group, name) not in heads]
    if missing:
        raise BadInput(f"tracks.csv has no column {', '.join(missing)}", remedy="check --metadata")
    at = {field: heads.index(head) for field, head in _COLUMNS.items()}
    for row in rows:
        key = key_of.get(int(row[0])) if row and row[0].isdecimal() else None
        if key is not None and len(row) == len(heads):
            found[key] = Track(**{field: " ".join(row[column].split()) for field, column in at.items()})


def save(tracks: Mapping[str, Track], path: Path) -> None:
    """Keeps the table."""
    atomic.write_text(path, json.dumps({key: asdict(track) for key, track in sorted(tracks.items())}, indent=0))


def load(path: Path) -> dict[str, Track]:
    """The inverse of `save`."""
    return {key: Track(**fields) for key, fields in json.loads(path.read_text(encoding="utf-8")).items()}
