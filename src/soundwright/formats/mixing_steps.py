"""`steps.json`: mixing instructions as numbered steps, so that each can be looked at, refused by number, and run again.

{"schema_version": 1,
 "steps": [{"number": 1, "stem": "drums", "tool": "change_volume", "arguments": {"db": -3.0},
            "confidence": 0.93, "note": "softer by 3 dB", "refused": false}],
 "notes": ["too much reverb on vocals"],
 "stems": {"drums": {"file": "drums.wav", "sha256": "...", "sample_rate": 44100, "channels": 2, "num_samples": 441000}},
 "sample_rate": 44100, "model": "tiny", "prompt": "...", "reference": null, "loudness_lufs": -14.0}
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from soundwright.core.errors import BadInput
from soundwright.formats.complaints import complaint
from soundwright.formats.instructions import MAX_NAME, Call, Instructions
from soundwright.runs import atomic

_Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=MAX_NAME)]
_LARGEST = 10_000_000  # bytes


class Step(BaseModel):
    """One call of a tool.

    Attributes:
        number: from 1, each once; the order of execution.
        stem: its name; empty for a single file.
        tool: its name.
        arguments: by name.
        confidence: 0 to 1; None where nobody has said.
        note: what it does and why, for a person.
        refused: whether somebody decided against it; it is then not carried out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(ge=1, strict=True)
    stem: str = Field(max_length=MAX_NAME)
    tool: _Name
    arguments: dict[_Name, _Finite] = {}
    confidence: Annotated[float, Field(ge=0, le=1, strict=True)] | None = None
    note: str = ""
    refused: bool = Field(default=False, strict=True)


class SoundFile(BaseModel):
    """A sound file that was worked on, so that it can be known again.

    Attributes:
        file: its name, without folders.
        sha256: of its bytes.
        sample_rate: Hz.
        channels: how many.
        num_samples: per channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    sample_rate: int = Field(gt=0, strict=True)
    channels: int = Field(gt=0, strict=True)
    num_samples: int = Field(gt=0, strict=True)


class Steps(BaseModel):
    """What `steps.json` holds.

    Attributes:
        schema_version: 1.
        steps: in the order of their numbers.
        notes: what was found and no tool can mend.
        stems: the files that the steps were made for, by stem.
        sample_rate: Hz, at which they are carried out; None where nobody has said.
        model: who made them.
        prompt: what was asked.
        reference: a mix that they were made after.
        loudness_lufs: what the mix was brought to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    steps: list[Step]
    notes: list[str] = []
    stems: dict[Annotated[str, Field(max_length=MAX_NAME)], SoundFile] = {}
    sample_rate: Annotated[int, Field(gt=0, strict=True)] | None = None
    model: str = ""
    prompt: str = ""
    reference: SoundFile | None = None
    loudness_lufs: _Finite | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Steps:
        numbers = [step.number for step in self.steps]
        if any(second <= first for first, second in zip(numbers, numbers[1:], strict=False)):
            raise ValueError("expected the numbers of the steps to rise")
        return self

    def instructions(
        self, *, without: Collection[int] = (), places: Mapping[int, tuple[int, int]] = MappingProxyType({})
    ) -> dict[str, tuple[Call, ...]]:
        """The calls by stem, but for refused steps.

        Args:
            without: numbers of more steps that are left out.
            places: line and column of steps that were read from text, by number; the others are told by their number.
        """
        calls: dict[str, list[Call]] = {}
        for step in self.steps:
            if not step.refused and step.number not in without:
                calls.setdefault(step.stem, []).append(
                    Call(step.tool, dict(step.arguments), places.get(step.number, step.number))
                )
        return {stem: tuple(some) for stem, some in calls.items()}


def number_steps(instructions: Instructions, *, notes: Iterable[str] = ()) -> Steps:
    """Instructions as steps, numbered from 1; without confidences."""
    calls = [(stem, call) for stem, some in instructions.items() for call in some]
    steps = [
        Step(number=number, stem=stem, tool=call.tool, arguments=dict(call.arguments))
        for number, (stem, call) in enumerate(calls, start=1)
    ]
    return Steps(steps=steps, notes=list(notes))


def write_steps(path: Path, steps: Steps) -> None:
    """Writes `steps.json`, atomically."""
    atomic.write_json(path, steps.model_dump(mode="json"))


def read_steps(path: Path) -> Steps:
    """Reads `steps.json`.

    Raises:
        BadInput: it is missing, too large, no such JSON, or of a version that this release does not know.
    """
    remedy = "mend it, or make it again: soundwright mix fix"
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"is too large: more than {_LARGEST:,} bytes", path=path, remedy=remedy)
        return Steps.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy=remedy) from error
    except ValidationError as error:
        raise BadInput(f"is no steps.json: {complaint(error, Steps)}", path=path, remedy=remedy) from error
    except (ValueError, RecursionError) as error:
        what = "nested too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0][:200]
        raise BadInput(f"is no JSON: {what}", path=path, remedy=remedy) from error
