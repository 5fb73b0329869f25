"""A style and a model size become a prompt: several sentences, what is unwanted last.

The order is that of document 003: genre, sub-genre, tempo and feel; then instrument by instrument; how it develops; the
mix; the user's own words; the exclusions. Nothing is drawn at random: the same style file gives the same prompt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from soundwright.core.errors import UsageError
from soundwright.musicgen.style import Size, Style, read_style
from soundwright.musicgen.style_folders import StyleFile, find

Exclusions = Literal["words", "negative"]
_SIZES: tuple[Size, ...] = get_args(Size)
#: The melody models have the decoders of these.
_MELODY: dict[str, Size] = {"melody": "medium", "melody-large": "large"}

_LONGEST_TRANSITION_S = 45.0


@dataclass(frozen=True)
class Composed:
    """A prompt and where it comes from.

    Attributes:
        prompt: the words for the model.
        negative_prompt: what the model is led away from; empty where the exclusions stand in words.
        style: the style's name.
        digest: SHA-256 of the style's file.
        path: that file.
        size: the size that it is composed for.
        hides: other files of the style's name that were not taken.
    """

    prompt: str
    negative_prompt: str
    style: str
    digest: str
    path: Path
    size: Size
    hides: tuple[Path, ...] = ()


def compose(
    style: str,
    size: str,
    *,
    folders: Sequence[Path] = (),
    exclusions: Exclusions = "words",
    extra: str = "",
    duration_s: float | None = None,
) -> Composed:
    """Composes the prompt of a style for a model.

    Args:
        style: a style's name.
        size: small, medium or large, or a checkpoint's name such as stereo-small or melody.
        folders: of the user's own styles.
        exclusions: `words` puts them at the end of the prompt, `negative` into the negative prompt instead.
        extra: the user's own words, after the style's.
        duration_s: of the track, seconds. The medium model's form is a transition of half a minute; a longer track has
            the style's own.

    Raises:
        UsageError: there is no such style, size or way of exclusion.
        BadInput: the style's file is not as expected.
    """
    return compose_file(find(style, folders), size, exclusions=exclusions, extra=extra, duration_s=duration_s)


def compose_file(
    file: StyleFile,
    size: str,
    *,
    exclusions: Exclusions = "words",
    extra: str = "",
    duration_s: float | None = None,
) -> Composed:
    """Composes the prompt of a style's file; otherwise as `compose`.

    Raises:
        UsageError: there is no such size or way of exclusion.
        BadInput: the style's file is not as expected.
    """
    if exclusions not in get_args(Exclusions):
        raise UsageError(f"expected exclusions in words or negative, found {exclusions!r}", remedy="choose one of them")
    chosen = size_of(size)
    style = read_style(file.path)
    wanted = style.of_size(chosen)
    if chosen == "medium" and duration_s is not None and duration_s > _LONGEST_TRANSITION_S:
        wanted = wanted.model_copy(update={"form": style.form})
    sentences = [
        _opening(wanted),
        *(_sentence(text) for text in wanted.instruments.values()),
        *(_sentence(text) for text in (wanted.form, wanted.mix, " ".join(extra.split())) if text),
    ]
    negative = ""
    if exclusions == "words":
        sentences.append(_without(wanted.exclusions))
    else:
        negative = ", ".join(wanted.exclusions)
    digest = hashlib.sha256(file.path.read_bytes()).hexdigest()
    return Composed(" ".join(sentences), negative, file.name, digest, file.path, chosen, file.hides)


def size_of(model: str) -> Size:
    """The size that a checkpoint's name stands for.

    Raises:
        UsageError: it stands for none, e.g. a folder.
    """
    name = model.removeprefix("stereo-")
    if name in _SIZES:
        return name
    if name in _MELODY:
        return _MELODY[name]
    raise UsageError(f"expected a size, {', '.join(_SIZES)}, found {model!r}", remedy="give the nearest one")


def _opening(style: Style) -> str:
    if style.tempo == "free":
        tempo = "in free, beatless time"
    else:
        tempo = "around " + " to ".join(f"{beats:g}" for beats in style.tempo) + " BPM"
    return _sentence(f"{style.genre} music: {style.sub_genre}, {tempo}, {style.feel}")


def _sentence(text: str) -> str:
    text = text if text.endswith((".", "!", "?")) else f"{text}."
    return text[0].upper() + text[1:]


def _without(things: Sequence[str]) -> str:
    return _sentence("no " + ", no ".join(things) + ", instrumental only")
