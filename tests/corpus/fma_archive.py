"""Makes archives laid out as those of the FMA dataset, small and with computed music: for tests and for notebooks.

    python tests/corpus/fma_archive.py FOLDER --tracks 20 --seconds 12

writes `fma_small.zip` and `fma_metadata.zip`. As the published ones they are ZIP64, compressed with bzip2, and have
`README.txt`, `checksums` and `TTT/TTTTTT.mp3` in one folder.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from unittest import mock

import numpy as np
import soundfile

GENRES = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
RATE = 24_000


def music(track: int, duration_s: float = 1.0, rate: int = RATE) -> bytes:
    """An MP3 of plucked notes; another track, another tune."""
    rng = np.random.default_rng(track)
    note = np.arange(round(0.25 * rate)) / rate
    steps = rng.choice([0, 2, 4, 7, 9, 12], size=max(1, round(duration_s / 0.25)))
    root = 110.0 * 2 ** (rng.integers(0, 12) / 12)
    notes = [
        sum(np.sin(2 * np.pi * k * root * 2 ** (step / 12) * note) / k for k in range(1, 6)) * np.exp(-6 * note)
        for step in steps
    ]
    samples = (0.2 * np.concatenate(notes))[: round(duration_s * rate)]
    return encoded(samples, rate)


def encoded(samples: np.ndarray, rate: int = RATE) -> bytes:
    """Samples `[N]` as MP3."""
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format="MP3")
    return content.getvalue()


def bad_tracks(duration_s: float = 1.0) -> dict[str, bytes]:
    """What was met in the published archives, and worse: no content, no sound, too little sound, half a file."""
    whole = music(999, 4 * duration_s)
    return {
        "empty": b"",
        "garbage": bytes(np.random.default_rng(0).integers(0, 256, 4_000, dtype=np.uint8)),
        "short": music(998, duration_s / 4),
        "cut": whole[: len(whole) // 2],
        "silent": encoded(np.zeros(round(duration_s * RATE))),
    }


def padded(mp3: bytes, num_bytes: int, seed: int = 0) -> bytes:
    """The MP3 behind an ID3 tag of so many bytes that do not compress: large as a true one, and quickly made."""
    frame = b"PRIV" + _seven_bits(num_bytes) + bytes(2) + np.random.default_rng(seed).bytes(num_bytes)
    return b"ID3\4\0\0" + _seven_bits(len(frame)) + frame + mp3


def _seven_bits(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def path_of(track: int) -> str:
    """`2` -> `000/000002.mp3`."""
    return f"{track // 1000:03d}/{track:06d}.mp3"


def make_archive(
    path: Path,
    tracks: Mapping[int, bytes] | Iterable[int],
    *,
    duration_s: float = 1.0,
    wrong_checksums: Iterable[int] = (),
    compression: int = zipfile.ZIP_BZIP2,
    checksums: bool = True,
) -> dict[str, bytes]:
    """Writes an archive; its top folder has the name of the file.

    Args:
        path: the zip file.
        tracks: number -> MP3, or numbers of tracks to compute.
        duration_s: length of computed tracks in seconds.
        wrong_checksums: tracks for which `checksums` is to lie.
        compression: of `zipfile`.
        checksums: whether the archive has that member.

    Returns:
        File name, such as `000002.mp3` -> content.
    """
    contents = dict(tracks) if isinstance(tracks, Mapping) else {track: music(track, duration_s) for track in tracks}
    root, wrong = path.stem, set(wrong_checksums)
    lines = [
        f"{hashlib.sha1(data + b'!' * (track in wrong)).hexdigest()}  {path_of(track)}\n"
        for track, data in contents.items()
    ]
    # With this limit the end record is a zip64 one too, as of archives of more than 4 GB.
    with mock.patch.object(zipfile, "ZIP_FILECOUNT_LIMIT", 0), zipfile.ZipFile(path, "w", compression) as archive:
        members = {"README.txt": b"Computed music.\n", **({"checksums": "".join(lines).encode()} if checksums else {})}
        members |= {path_of(track): data for track, data in contents.items()}
        for name, data in members.items():
            with archive.open(f"{root}/{name}", "w", force_zip64=True) as member:
                member.write(data)
    return {Path(path_of(track)).name: data for track, data in contents.items()}


def make_metadata(path: Path, tracks: Iterable[int], *, without_genre: Iterable[int] = ()) -> None:
    """Writes a metadata archive whose `tracks.csv` has the columns that matter and some that do not."""
    columns = [
        ("", ""),
        ("album", "comments"),
        ("album", "information"),
        ("album", "title"),
        ("artist", "name"),
        ("set", "split"),
        ("set", "subset"),
        ("track", "genre_top"),
        ("track", "license"),
        ("track", "title"),
    ]
    no_genre = set(without_genre)
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow([group for group, _ in columns])
    rows.writerow([name for _, name in columns])
    rows.writerow(["track_id"] + [""] * (len(columns) - 1))
    for track in tracks:
        genre = "" if track in no_genre else GENRES[track % len(GENRES)]
        licence = ("CC BY", 'CC BY-NC-SA 3.0, "de"', "Public Domain")[track % 3]
        information = f'<p>An album,\nof "{track}" and others.</p>\n'
        row = [track, 0, information, "Album", f"Artist {track % 7}", "training", "small", genre, licence, f"T {track}"]
        rows.writerow(row)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, data in {
            "README.txt": "Metadata.",
            "raw_tracks.csv": "x" * 1000,
            "tracks.csv": text.getvalue(),
        }.items():
            with archive.open(f"fma_metadata/{name}", "w", force_zip64=True) as member:
                member.write(data.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes fma_small.zip and fma_metadata.zip with computed music.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tracks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--bad", action="store_true", help="with tracks that are empty, garbage, short, cut, silent")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    contents = {track: music(track, arguments.seconds) for track in range(2, 2 + arguments.tracks)}
    if arguments.bad:
        contents |= dict(enumerate(bad_tracks(arguments.seconds).values(), 2 + arguments.tracks))
    make_archive(arguments.folder / "fma_small.zip", contents)
    make_metadata(arguments.folder / "fma_metadata.zip", contents)


if __name__ == "__main__":
    main()
