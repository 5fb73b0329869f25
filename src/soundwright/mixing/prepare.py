"""Songs -> segments of their stems, and `dataset.json`.

PROCESSED/<artist>/<song>/<index>/<stem>.wav    stereo, one rate
PROCESSED/<artist>/<song>/song.json             the segments of the song, written last
DATASET_FILE                                    all segments, split by artist and song
"""

from __future__ import annotations

import json
from pathlib import Path

from soundwright.core.errors import UsageError, show_path
from soundwright.mixing.prepare_song import PrepareSong
from soundwright.mixing.songs import choose, find_songs, raw_folder
from soundwright.runs.discover import Found
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Item
from soundwright.runs.summary import RunSummary


def prepare(
    *,
    data_dir: Path = Path("data"),
    processed_dir: Path = Path("data/processed"),
    dataset_file: Path = Path("data/dataset.json"),
    artist: str | None = None,
    limit: int | None = None,
    segment_duration: float = 4.0,
    sample_rate: int = 44_100,
    validation_split: float = 0.1,
    seed: int = 42,
    overwrite: bool = False,
    options: RunOptions = RunOptions(),
) -> RunSummary:
    """Cuts songs with stems into segments to train the mixer on, and lists them in dataset.json.

    Songs are artist/song/stems/*.wav, with any stem names, or artist/song.wav, which is used as one stem. Mono stems
    become stereo, other rates are resampled, shorter stems are silent at the end; each is said. A song that cannot be
    used is reported, and the others go on. The side of a song in the split depends on its artist.

    A rerun does what is new or has changed.

    Args:
        data_dir: Folder of the artists' folders; its subfolder raw where there is one.
        processed_dir: Folder for the segments.
        dataset_file: The list of segments.
        artist: Only this artist's songs.
        limit: At most so many songs, in the order of their names.
        segment_duration: Length of a segment in seconds; what is left at the end of a song is left out.
        sample_rate: Of the segments, in Hz.
        validation_split: Part of the songs to validate with, by whole artists; 0 for none.
        seed: Seed of the split.
        overwrite: Do every song again, and replace files in PROCESSED_DIR that were not made by this command.
        options: Workers and shards.

    Returns:
        Counts, warnings and failures.

    Raises:
        UsageError: there are no such songs, a number is out of range, or DATASET_FILE is of another make.
    """
    from soundwright.audio.files import audio_extensions

    if not 0.1 <= segment_duration <= 600:
        raise UsageError(f"--segment-duration {segment_duration:g}", remedy="give a number of seconds from 0.1 to 600")
    if not 1000 <= sample_rate <= 192_000:
        raise UsageError(f"--sample-rate {sample_rate}", remedy="give a number from 1000 to 192000")
    if not 0 <= validation_split < 1:
        raise UsageError(f"--validation-split {validation_split:g}", remedy="give a number from 0 to below 1, e.g. 0.1")
    root = raw_folder(data_dir)
    found = find_songs(root, audio_extensions(), exclude=[processed_dir, data_dir / "processed"])
    songs = {song.key: song for song in choose(found, root, artist=artist, limit=limit)}
    _refuse_foreign(dataset_file)
    items = [Item(key, (*song.stems.values(), *([song.facts] if song.facts else []))) for key, song in songs.items()]
    notes = list(found.notes)
    whole = [song for song in songs.values() if song.is_whole]
    if whole:
        notes.append(f"without stems, used as one: {len(whole)} of {len(songs)} songs, e.g. {show_path(whole[0].key)}")
    step = PrepareSong(processed_dir, float(segment_duration), sample_rate, songs, dataset_file, validation_split, seed)
    partial = artist is not None or limit is not None
    problems = [] if partial else found.problems
    return run_step(
        step,
        Found(items, problems, notes, partial=partial),
        processed_dir,
        options,
        overwrite=overwrite,
        seeds={"split": seed},
    )


def _refuse_foreign(dataset_file: Path) -> None:
    if not dataset_file.exists():
        return
    try:
        ours = "schema_version" in json.loads(dataset_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        ours = False
    if not ours:
        raise UsageError(
            "exists already and was not made by this command",
            path=dataset_file,
            remedy="move it, or give another --dataset-file",
        )
