"""The record of a joined set, `TITLE.json`: which tracks it is of; and which files are its own and may be replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

import soundwright
from soundwright.audio.tags import Tags
from soundwright.core.digest import file_digest
from soundwright.core.errors import UsageError
from soundwright.musicgen.record import Record, record_path
from soundwright.runs import atomic

#: Endings of what stands beside a set.
BESIDE = (".cue", ".txt")


class SetTrack(BaseModel):
    """A track of a set: where it begins in it, and what it is."""

    name: str
    file: str
    file_sha256: str
    start_s: float
    crossfade_s: float
    prompt: str
    seed: int
    model: str
    model_digest: str
    licence: str


class SetRecord(BaseModel):
    """A set.

    Attributes:
        title: of it all.
        tracks: in their order.
        sound: length, rate and channels.
        run: digests of the files; not part of the record in the sound file.
    """

    schema_version: Literal[1] = 1
    kind: Literal["soundwright music set"] = "soundwright music set"
    title: str
    tracks: list[SetTrack] = Field(min_length=1)
    sound: dict[str, Any]
    run: dict[str, Any] = Field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """What decides the files."""
        return self.model_dump(exclude={"run"})

    def tags(self) -> Tags:
        """The tags of the sound file; the record is its comment."""
        models = ", ".join(dict.fromkeys(track.model for track in self.tracks))
        licences = ", ".join(dict.fromkeys(track.licence for track in self.tracks))
        return Tags(
            title=self.title,
            artist=f"MusicGen ({models})",
            copyright=f"Model weights: {licences}",
            software=f"soundwright {soundwright.__version__}",
            comment=json.dumps(self.facts(), ensure_ascii=True, allow_nan=False, separators=(",", ":")),
        )

    def begin(self, target: Path) -> None:
        """Says that the files are being written: whatever stands there then is the set's own."""
        atomic.write_json(record_path(target), self.model_dump())

    def finish(self, target: Path) -> None:
        """Says that the files are whole."""
        files = {path.name: file_digest(path) for path in files_of(target)}
        atomic.write_json(record_path(target), {**self.model_dump(), "run": {"files": files}})

    def is_whole(self, target: Path) -> bool:
        """Whether all files stand there as they were written."""
        return all(self._is_own(path) for path in files_of(target))

    def _is_own(self, path: Path) -> bool:
        return path.is_file() and self.run.get("files", {}).get(path.name) == file_digest(path)

    def is_not_ours(self, target: Path) -> Path | None:
        """A file that stands where one of the set goes and is another, if there is one."""
        if not self.run:  # it was stopped while they were written
            return None
        return next((path for path in files_of(target) if path.exists() and not self._is_own(path)), None)


def set_track(name: str, path: Path, record: Record, start_s: float, crossfade_s: float) -> SetTrack:
    """What the set's record says of a track."""
    return SetTrack(
        name=name,
        file=path.name,
        file_sha256=file_digest(path),
        start_s=start_s,
        crossfade_s=crossfade_s,
        prompt=record.prompt,
        seed=record.seed,
        model=record.model.hub_id or record.model.name,
        model_digest=record.model.digest,
        licence=record.model.licence,
    )


def files_of(target: Path) -> list[Path]:
    """The sound, the cue sheet and the list of tracks."""
    return [target, *(target.with_suffix(ending) for ending in BESIDE)]


def set_record_at(target: Path) -> SetRecord | None:
    """The record of a set; None where there is none, or something else."""
    try:
        return SetRecord.model_validate_json(record_path(target).read_bytes())
    except (OSError, ValidationError):
        return None


def require_own_files(target: Path, *, overwrite: bool) -> None:
    """Refuses to replace files that a set of this name did not write, before its tracks are made.

    Raises:
        UsageError: one stands there, and `overwrite` is false.
    """
    record = set_record_at(target)
    if record is None:
        foreign = next((path for path in [*files_of(target), record_path(target)] if path.exists()), None)
    else:
        foreign = record.is_not_ours(target)
    if foreign is not None and not overwrite:
        raise UsageError(
            "exists already and is not as this command wrote it",
            path=foreign,
            remedy="move it, give the set another title or --output, or --overwrite",
        )
