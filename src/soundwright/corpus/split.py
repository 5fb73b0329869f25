"""Segments -> two lists, one to train on and one to validate with.

    OUTPUT/train.jsonl, valid.jsonl     {"path": "/abs/<file>.wav"}, sorted
    OUTPUT/split.json                   how the split was made, and which tracks are on which side

The segments of a track sound alike: with some of them in training, a model does well on the others without having
learned anything that helps with new music. So whole tracks go to one side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path
from soundwright.corpus.segment_table import TABLE_NAME, read_segment_table
from soundwright.corpus.shuffle import shuffled
from soundwright.formats.file_lists import manifest_text
from soundwright.runs import atomic
from soundwright.runs.discover import CHECK_EXTENSIONS, find_files
from soundwright.runs.step import Item

By = Literal["track", "segment"]

TRAIN, VALID, RECORD = "train.jsonl", "valid.jsonl", "split.json"

_NUMBERED = re.compile(r"(.+)_[0-9]+", re.DOTALL)


@dataclass(frozen=True)
class Side:
    """One side of a split: its files, sorted, and their tracks, sorted."""

    files: tuple[Path, ...]
    tracks: tuple[str, ...]


@dataclass(frozen=True)
class SplitResult:
    """A split that was made.

    Attributes:
        output: the folder of the lists.
        by: whether tracks or segments were divided.
        tracks_from: by which rule the track of a segment was told.
        train: what to train on.
        valid: what to validate with.
        failures: files that are in neither list.
        notes: what concerns no single file.
    """

    output: Path
    by: By
    tracks_from: str
    train: Side
    valid: Side
    failures: list[SoundwrightError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 all good, 1 some files are in neither list."""
        return 1 if self.failures else 0

    @property
    def leaking_tracks(self) -> tuple[str, ...]:
        """Tracks with segments on both sides."""
        return tuple(sorted({*self.train.tracks} & {*self.valid.tracks}))

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        for error in self.failures:
            yield f"failed: {error}"
        for note in self.notes:
            yield f"note: {note}"
        if self.leaking_tracks:
            num_tracks = len({*self.train.tracks, *self.valid.tracks})
            yield (
                f"warning: split by segment: {len(self.leaking_tracks)} of {num_tracks} tracks have segments on both "
                "sides, so validation looks better than it is -> leave out --by segment"
            )
        failed = f", {len(self.failures)} failed" if self.failures else ""
        yield (
            f"split: {_count(len(self.train.files), 'file')} of {_count(len(self.train.tracks), 'track')} to train on, "
            f"{_count(len(self.valid.files), 'file')} of {_count(len(self.valid.tracks), 'track')} to validate with"
            f"{failed} (tracks by {self.tracks_from}) -> {show_path(self.output)}"
        )


def split(
    input: Path,
    output: Path,
    *,
    ratio: float = 0.9,
    seed: int = 42,
    by: By = "track",
    extensions: Sequence[str] | None = None,
) -> SplitResult:
    """Divides segments into a training and a validation list, so that no track is on both sides.

    The file segments.csv in INPUT says which track each segment is from. Where there is none, names do: what stands
    before the last `_` and its number is the track, and a file without a number is a track of its own.

    The same tracks, ratio and seed always give the same split; another track more may change the side of any. Files
    that are missing, unreadable or empty are reported and left out.

    Args:
        input: Folder of segments.
        output: Folder for train.jsonl, valid.jsonl and split.json; an earlier split in it is replaced.
        ratio: Part of the tracks to train on, rounded to whole tracks; each side gets at least one.
        seed: Seed of the shuffle.
        by: Divide tracks, or single segments. By segment, segments of one track are on both sides: validation then
            looks better than it is.
        extensions: File endings to look for, where there is no segments.csv. Default: all that libsndfile reads.

    Returns:
        Both sides, and what was left out.

    Raises:
        UsageError: INPUT is no folder or holds no usable file, there is only one track, the ratio is not between 0 and
            1, or OUTPUT holds lists that were not made by this command.
        BadInput: segments.csv is damaged.
    """
    if not 0 < ratio < 1:
        raise UsageError(f"--ratio {ratio:g}", remedy="give a number between 0 and 1, e.g. 0.9")
    candidates = _find(input, output, extensions)
    _prepare(output)
    # Where the lists are read from, relative paths mean something else.
    root = input.resolve() if ".." in input.parts else input.absolute()
    failures = list(candidates.problems)
    track_of: dict[str, str] = {}
    for name, track in candidates.track_of.items():
        error = _unusable(root / name)
        if error is None:
            track_of[name] = track
        else:
            failures.append(error)
    if not track_of:
        raise UsageError(f"none of its {len(failures)} files can be used; first: {failures[0]}", path=input)
    unit_of = track_of if by == "track" else {name: name for name in track_of}
    training = _draw(sorted(set(unit_of.values())), ratio, seed, input, by)

    def side(wanted: bool) -> Side:
        names = [name for name, unit in unit_of.items() if (unit in training) == wanted]
        return Side(tuple(sorted(root / name for name in names)), tuple(sorted({track_of[name] for name in names})))

    result = SplitResult(output, by, candidates.tracks_from, side(True), side(False), failures, candidates.notes)
    _write(result, ratio, seed)
    return result


@dataclass(frozen=True)
class _Candidates:
    """Files that may be divided: the track of each by its path relative to the folder, and by which rule."""

    track_of: dict[str, str]
    tracks_from: str
    problems: list[SoundwrightError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _find(input: Path, output: Path, extensions: Sequence[str] | None) -> _Candidates:
    from soundwright.audio.files import audio_extensions

    wanted = extensions or audio_extensions()
    if not (input / TABLE_NAME).is_file():
        found = find_files(input, wanted, exclude=[output], remedy=CHECK_EXTENSIONS)
        tracks = {item.key: track_of_name(item.key) for item in found.items}
        return _Candidates(tracks, "name: what stands before the last _<number>", found.problems, found.notes)
    listed = {row.file: row.source for row in read_segment_table(input)}
    if not listed:
        raise UsageError(
            f"its {TABLE_NAME} lists no segment", path=input, remedy="give a shorter --duration to `corpus segment`"
        )
    others = [item for item in _files_in(input, wanted, output) if item.key not in listed]
    notes = []
    if others:
        notes.append(
            f"{_count(len(others), 'file')} not in {TABLE_NAME}, left out, e.g. {show_path(others[0].path)} "
            f"-> remove what is old, or {TABLE_NAME} if it is"
        )
    return _Candidates(listed, TABLE_NAME, notes=notes)


def _files_in(input: Path, extensions: Sequence[str], output: Path) -> list[Item]:
    try:
        return find_files(input, extensions, exclude=[output]).items
    except UsageError:
        return []  # there is none; that those which are listed are missing is told of each


def track_of_name(key: str) -> str:
    """The track by the name of a segment: `a/kick_007.wav` -> `a/kick`."""
    stem = str(PurePosixPath(key).with_suffix(""))
    numbered = _NUMBERED.fullmatch(stem)
    return numbered[1] if numbered else stem


def _unusable(path: Path) -> SoundwrightError | None:
    from soundwright.audio.files import probe

    if not path.is_file():
        return BadInput("is missing", path=path, remedy="run `corpus segment` again")
    try:
        info = probe(path)
    except SoundwrightError as error:
        return error
    return None if info.num_samples else BadInput("holds no samples", path=path, remedy="leave out the file")


def _draw(units: list[str], ratio: float, seed: int, input: Path, by: By) -> set[str]:
    """Those of the sorted units to train on."""
    if len(units) < 2:
        remedy = "give more recordings"
        if by == "track":
            remedy += ", or --by segment (validation then looks better than it is: it has heard the track)"
        raise UsageError(f"holds only one {by}, which cannot be divided", path=input, remedy=remedy)
    num_train = min(max(round(ratio * len(units)), 1), len(units) - 1)
    return set(shuffled(units, seed)[:num_train])


def _prepare(output: Path) -> None:
    """Makes the output folder, and refuses one with lists of somebody else."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}", path=output, remedy="choose another output folder"
        ) from error
    if (output / RECORD).exists():
        return
    for name in (TRAIN, VALID):
        if (output / name).exists():
            raise UsageError(
                "exists already and was not made by this command",
                path=output / name,
                remedy="move it, or choose another output folder",
            )


def _write(result: SplitResult, ratio: float, seed: int) -> None:
    record: dict[str, Any] = {"by": result.by, "ratio": ratio, "seed": seed, "tracks_from": result.tracks_from}
    for name, side in (("train", result.train), ("valid", result.valid)):
        record[name] = {"num_files": len(side.files), "tracks": side.tracks}
    texts = {
        TRAIN: manifest_text(result.train.files),
        VALID: manifest_text(result.valid.files),
        RECORD: json.dumps(record, indent=2) + "\n",
    }
    if all(_holds(result.output / name, text) for name, text in texts.items()):
        return
    # A stop on the way must not leave an old list beside a new one: they may share tracks.
    for name in (TRAIN, VALID):
        (result.output / name).unlink(missing_ok=True)
    for name in (RECORD, TRAIN, VALID):
        atomic.write_text(result.output / name, texts[name])


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode("utf-8")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
