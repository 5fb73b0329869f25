"""The plan of an album: stems and transitions, in a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from soundwright.core.errors import BadInput
from soundwright.musicgen.options import LONGEST_S

#: Document 003: the small model makes stems of a minute, the medium one transitions of half a minute.
_DEFAULTS: dict[str, tuple[str, float]] = {"stem": ("small", 60.0), "transition": ("medium", 30.0)}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class AlbumTrack(_Strict):
    """One part of the set.

    Attributes:
        name: of its file and in the list of tracks.
        kind: `stem` (60 s of the small model) or `transition` (30 s of the medium one), if nothing else is said.
        prompt: words; with a style, added to the style's.
        style: name of a style.
        negative_prompt: what to lead away from.
        model: another model.
        duration: seconds.
        seed: of its own.
        crossfade: seconds that it shares with the part before it, instead of the album's.
    """

    name: str
    kind: Literal["stem", "transition"] = "stem"
    prompt: str = ""
    style: str | None = None
    negative_prompt: str = ""
    model: str | None = None
    duration: float | None = Field(default=None, gt=0, le=LONGEST_S)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    crossfade: float | None = Field(default=None, ge=0)

    def chosen_model(self, models: dict[str, str]) -> str:
        """Its model, by its kind if it says none; `models` has other ones for the kinds."""
        return self.model or models.get(self.kind) or _DEFAULTS[self.kind][0]

    def length_s(self) -> float:
        """Its duration in seconds, by its kind if it says none."""
        return self.duration if self.duration is not None else _DEFAULTS[self.kind][1]


class AlbumPlan(_Strict):
    """A set.

    Attributes:
        title: of the whole.
        tracks: in their order.
        crossfade: seconds that neighbours share.
        loudness: of every track, LUFS, so that no transition is louder than what it leads to.
        seed: of the first track; each next one has the next. Drawn once if left out.
        format: of all files.
        models: other models for the kinds: `stem`, `transition`.
    """

    title: str
    tracks: list[AlbumTrack] = Field(min_length=1)
    crossfade: float = Field(default=6.0, ge=0)
    loudness: float = Field(default=-14.0, ge=-70, le=-5)
    seed: int | None = Field(default=None, ge=0, lt=2**62)
    format: Literal["wav", "flac", "ogg", "mp3"] = "wav"
    models: dict[Literal["stem", "transition"], str] = Field(default_factory=dict)

    def overlap_s(self, index: int) -> float:
        """Seconds that track `index` shares with the one before it."""
        if index == 0:
            return 0.0
        own = self.tracks[index].crossfade
        return self.crossfade if own is None else own

    @model_validator(mode="after")
    def _parts_fit(self) -> AlbumPlan:
        for index, track in enumerate(self.tracks):
            if not (track.prompt.strip() or track.style):
                raise ValueError(f"track {index + 1} ({track.name}) has neither prompt nor style")
            after = self.overlap_s(index + 1) if index + 1 < len(self.tracks) else 0.0
            if self.overlap_s(index) + after > track.length_s():
                raise ValueError(
                    f"track {index + 1} ({track.name}) lasts {track.length_s():g} s and its crossfades "
                    f"{self.overlap_s(index) + after:g} s"
                )
        names = [track.name.lower() for track in self.tracks]
        double = next((name for name in names if names.count(name) > 1), None)
        if double:
            raise ValueError(f"two tracks have the name {double}")
        return self


def read_plan(path: Path) -> AlbumPlan:
    """Reads the plan of an album.

    Raises:
        BadInput: it is missing, no YAML, or not as expected; one line that names the field.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy="give a plan in YAML") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        where = " ".join(str(error).split())
        raise BadInput(f"is no YAML: {where}", path=path, remedy="mend the file") from error
    try:
        return AlbumPlan.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the plan"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        message = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{field}: {message}{more}", path=path, remedy="mend the plan") from error
