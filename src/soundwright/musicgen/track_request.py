"""What is asked for: one prompt, or a file of them, as a list of tracks to make."""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from soundwright.core.errors import BadInput, SoundwrightError, UsageError
from soundwright.musicgen.options import check_duration, check_seed

#: Bytes; what is put before and after a name, up to `.NAME.flac.unfinished.json`, makes it 255 at most.
_LONGEST_NAME = 200


@dataclass(frozen=True)
class TrackRequest:
    """One track that is asked for.

    Attributes:
        name: of its file, without an ending; empty where --output names the file.
        prompt: for the model, whole.
        negative_prompt: what to lead it away from; may be empty.
        duration_s: seconds; counts from the beginning of what is continued.
        seed: of its noise; None if one is to be drawn.
        style: name of the style that the prompt was composed from.
        style_digest: SHA-256 of the style's file.
    """

    name: str
    prompt: str
    negative_prompt: str
    duration_s: float
    seed: int | None
    style: str | None = None
    style_digest: str | None = None


class _Line(BaseModel):
    """One line of a .jsonl file."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = ""
    negative_prompt: str | None = None
    name: str | None = None
    seed: int | None = None
    style: str | None = None
    duration: float | None = None


@dataclass(frozen=True)
class Defaults:
    """What holds for every track that says nothing else; the arguments of `music generate`."""

    size: str
    duration_s: float
    negative_prompt: str = ""
    seed: int | None = None
    style: str | None = None
    style_folders: tuple[Path, ...] = ()
    exclusions: Literal["words", "negative"] = "words"


def one_request(prompt: str | None, defaults: Defaults) -> TrackRequest:
    """The track of a command with --prompt or --style.

    Raises:
        UsageError: there are no words, or a number is out of range.
    """
    return _request(_Line(prompt=_one_string(prompt)), "", defaults, "--prompt")


def requests_from_file(path: Path, defaults: Defaults) -> tuple[list[TrackRequest], list[SoundwrightError]]:
    """The tracks of a --prompts file, and what is wrong with lines that cannot be used.

    On every line stands a prompt, or (.jsonl) an object with prompt, negative_prompt, name, seed, style, duration, each
    of which may be left out.

    Empty lines are skipped, and in a text file those that begin with #. A seed that holds for all is counted on, so
    that equal prompts do not give equal tracks.

    Raises:
        UsageError: the file is missing, or holds no prompt, or two of one name.
        BadInput: the file is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path, remedy="give a file of prompts") from error
    except UnicodeDecodeError as error:
        raise BadInput("is not UTF-8 text", path=path, remedy="save it as UTF-8") from error
    as_json = path.suffix.lower() in (".jsonl", ".ndjson")
    found: list[TrackRequest] = []
    problems: list[SoundwrightError] = []
    position = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or (line.lstrip().startswith("#") and not as_json):
            continue
        where = f"line {number}"
        seed = None if defaults.seed is None else defaults.seed + position
        position += 1
        try:
            parsed = _parsed(line, path, where) if as_json else _Line(prompt=line.strip())
            found.append(_request(parsed, f"{position:03d}", defaults, where, seed=seed, path=path))
        except SoundwrightError as error:
            problems.append(error)
    if not position:
        raise UsageError("holds no prompt", path=path, remedy="write one on each line")
    _require_different_names(found, path)
    return found, problems


def draw_seed() -> int:
    """A seed by chance, short enough to be typed."""
    return secrets.randbelow(2**31)


def _one_string(prompt: Any) -> str:
    # A list would silently become one track per character, as it does elsewhere.
    if prompt is not None and not isinstance(prompt, str):
        raise UsageError(
            f"--prompt is one string, found a {type(prompt).__name__}", remedy="give several with --prompts FILE"
        )
    return prompt or ""


def _parsed(line: str, path: Path, where: str) -> _Line:
    try:
        return _Line.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the line"
        raise BadInput(f"{where}: {field}: {first['msg']}", path=path, remedy="mend the line") from error
    except ValueError as error:
        raise BadInput(f"{where} is not JSON: {error}", path=path, remedy="mend the line") from error


def _request(
    line: _Line, number: str, defaults: Defaults, where: str, *, seed: int | None = None, path: Path | None = None
) -> TrackRequest:
    style = line.style or defaults.style
    own_seed = line.seed if line.seed is not None else seed if seed is not None else defaults.seed
    duration_s = defaults.duration_s if line.duration is None else line.duration
    try:
        check_duration(duration_s, where="--duration" if line.duration is None else f"{where}: duration")
        if own_seed is not None:
            check_seed(own_seed, where="--seed" if line.seed is None else f"{where}: seed")
    except UsageError as error:
        raise UsageError(error.message, path=path, remedy=error.remedy) from error
    prompt, negative = line.prompt.strip(), line.negative_prompt
    negative = defaults.negative_prompt if negative is None else negative
    digest = None
    if style:
        from soundwright.musicgen.compose import compose

        try:
            composed = compose(
                style,
                defaults.size,
                folders=list(defaults.style_folders),
                exclusions=defaults.exclusions,
                extra=prompt,
                duration_s=duration_s,
            )
        except UsageError as error:  # `music styles` has another name for the option
            remedy = error.remedy and error.remedy.replace("--folder", "--style-folders")
            raise type(error)(error.message, path=error.path, remedy=remedy) from error
        prompt, style, digest = composed.prompt, composed.style, composed.digest
        negative = ", ".join(part for part in (composed.negative_prompt, negative.strip()) if part)
    if not prompt:
        raise UsageError(
            f"{where}: the prompt is empty", path=path, remedy="describe the music in words, or give --style NAME"
        )
    name = "" if not number else safe_name(line.name) if line.name else f"{number}-{_slug(prompt)}"
    return TrackRequest(name, prompt, negative.strip(), duration_s, own_seed, style, digest)


def safe_name(name: str) -> str:
    """A name that is one part of a path on every system.

    Raises:
        UsageError: nothing of it is left.
    """
    cleaned = re.sub(r"[^\w. -]+", "-", unicodedata.normalize("NFC", name)).strip(". -")[:120]
    # Names are limited in bytes, and letters have up to four.
    cleaned = cleaned.encode()[:_LONGEST_NAME].decode(errors="ignore").strip(". -")
    if not cleaned:
        raise UsageError(f"{name!r} cannot be the name of a file", remedy="use letters and digits")
    return cleaned


def _slug(prompt: str) -> str:
    words = re.findall(r"[a-z0-9]+", unicodedata.normalize("NFKD", prompt).lower())
    return "-".join(words)[:40].rstrip("-") or "track"


def _require_different_names(found: list[TrackRequest], path: Path) -> None:
    names = [request.name.lower() for request in found]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise UsageError(f"two tracks have the name {double}", path=path, remedy="give each its own name")
