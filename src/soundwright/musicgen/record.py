"""`track.json`: what a track was made from and with, enough to make it again.

The same record, but for its part `run` (when, where, how long), stands in the sound file itself as a comment, so equal
settings give equal files.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import soundwright
from soundwright.audio.tags import Tags
from soundwright.core.errors import BadInput
from soundwright.runs import atomic


class _Part(BaseModel):
    # Later versions may add to a record; what they add does not stop an earlier one from reading it.
    model_config = ConfigDict(extra="allow")


class ModelFacts(_Part):
    """Which weights.

    Attributes:
        name: as the user gave it, or the name of a folder.
        hub_id: of a hub repository.
        revision: of the same.
        digest: SHA-256 over the weight files.
        licence: of the weights.
        folder: where a folder of one's own lies; not in the sound file, which goes to other people.
    """

    name: str
    hub_id: str | None
    revision: str
    digest: str
    licence: str
    folder: str | None = None


class InputFacts(_Part):
    """A sound file that went in; the sound file that came out has only its name."""

    path: str
    sha256: str


class StyleFacts(_Part):
    """The style that the prompt was composed from."""

    name: str
    digest: str


class SamplingFacts(_Part):
    """How tokens were drawn."""

    temperature: float
    top_k: int
    top_p: float
    cfg_coef: float
    extend_stride: float


class FinishFacts(_Part):
    """What was asked of level and ends."""

    loudness: float | None = None
    peak: float | None = None
    fade_in: float = 0.0
    fade_out: float = 0.0


class Record(_Part):
    """A track's record.

    Attributes:
        prompt: as the model read it, whole.
        negative_prompt: may be empty.
        style: where the prompt was composed from a style.
        duration_s: as asked.
        seed: of the noise.
        model: which weights, and their licence.
        sampling: how tokens were drawn.
        precision: the arithmetic, as `precision.resolve` names it.
        device: kind of device, `cpu` or `cuda`.
        continue_from: the sound that the track goes on from.
        melody: the melody that it follows.
        finish: level and fades.
        format: of the file.
        engine: what the engine says of itself: versions, device.
        sound: length, level and digests of what came out; empty until it is done.
        run: when and where; not part of the record in the file.
    """

    schema_version: Literal[1] = 1
    kind: Literal["soundwright music track"] = "soundwright music track"
    prompt: str
    negative_prompt: str = ""
    style: StyleFacts | None = None
    duration_s: float
    seed: int
    model: ModelFacts
    sampling: SamplingFacts
    precision: str
    device: str
    continue_from: InputFacts | None = None
    melody: InputFacts | None = None
    finish: FinishFacts
    format: str
    engine: dict[str, Any] = Field(default_factory=dict)
    sound: dict[str, Any] = Field(default_factory=dict)
    run: dict[str, Any] = Field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """What decides the sound: two records that agree here are of the same track."""
        chosen = self.model_dump(exclude={"engine", "sound", "run", "device", "schema_version", "kind"})
        chosen["model"] = self.model.digest  # the same weights in another folder are the same
        for name in ("continue_from", "melody"):
            chosen[name] = chosen[name] and chosen[name]["sha256"]
        return chosen

    def differences(self, other: Record) -> list[str]:
        """Names of the settings in which another record differs."""
        mine, theirs = self.settings(), other.settings()
        return [name for name in mine if mine[name] != theirs.get(name)]

    def settings_digest(self) -> str:
        """SHA-256 of the settings; kept in `sound`, it tells whether somebody changed them afterwards."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()

    @property
    def edited(self) -> bool:
        """Whether the settings are others than those that the sound was made with."""
        now = self.settings_digest()
        return bool(self.sound.get("sha256_settings", now) != now)

    def in_file(self) -> dict[str, Any]:
        """The part that stands in the sound file: without time, and without places on this machine."""
        told = self.model_dump(exclude={"run": True, "model": {"folder"}})
        for name in ("continue_from", "melody"):
            if told[name]:
                told[name]["path"] = Path(told[name]["path"]).name
        return told

    def tags(self) -> Tags:
        """The tags of the sound file; the whole record is its comment."""
        source = self.model.hub_id or self.model.name
        return Tags(
            title=self.prompt,
            artist=f"MusicGen ({source}), seed {self.seed}",
            copyright=f"Model weights: {self.model.licence}",
            software=f"soundwright {soundwright.__version__}",
            comment=json.dumps(self.in_file(), ensure_ascii=True, allow_nan=False, separators=(",", ":")),
        )

    def write(self, path: Path) -> None:
        """Writes the record atomically."""
        atomic.write_json(path, self.model_dump())


def record_path(output: Path) -> Path:
    """Where the record of a sound file stands: beside it, `track.json` for `track.wav`."""
    return output.with_suffix(".json")


def state_path(output: Path) -> Path:
    """Where the tokens of an unfinished track are kept."""
    return output.with_name(f".{output.name}.tokens.npz")


def read_record(path: Path) -> Record:
    """Reads a `track.json`, or the record inside a sound file.

    Raises:
        BadInput: it is missing, or no record of a track.
    """
    remedy = "give the track.json that stands beside a track, or the track"
    try:
        if path.suffix.lower() == ".json":
            text = path.read_text(encoding="utf-8")
        else:
            from soundwright.audio.tagged import read_tags

            text = read_tags(path).comment
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy=remedy) from error
    except UnicodeDecodeError as error:
        raise BadInput("is not UTF-8 text", path=path, remedy=remedy) from error
    try:
        return Record.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "it"
        raise BadInput(f"is no record of a track: {field}: {first['msg']}", path=path, remedy=remedy) from error
    except ValueError as error:
        raise BadInput("holds no record of a track", path=path, remedy=remedy) from error


def record_at(output: Path) -> Record | None:
    """The record of a track of ours at `output`; None where there is none, or something else."""
    path = record_path(output)
    if not path.is_file():
        return None
    try:
        return read_record(path)
    except BadInput:
        return None
