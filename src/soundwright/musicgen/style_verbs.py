"""soundwright music styles: list, show, compose and check what prompts are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.musicgen.compose import Composed, compose, compose_file
from soundwright.musicgen.prompt_check import Finding, check_prompt, lacking
from soundwright.musicgen.style import Size, Style, read_style
from soundwright.musicgen.style_folders import StyleFile, available, find
from soundwright.runs.events import Note, emit

_SIZES: tuple[Size, ...] = get_args(Size)


@dataclass(frozen=True)
class Lines:
    """What a verb prints, and its exit code."""

    text: tuple[str, ...]
    exit_code: int = 0

    def lines(self) -> Iterator[str]:
        """Line by line."""
        yield from self.text


def list_styles(*, folder: list[Path] | None = None) -> Lines:
    """Lists the styles: name, tempo, what it is, where it comes from.

    Args:
        folder: Folders of your own styles; the environment variable SOUNDWRIGHT_STYLES names some too.

    Returns:
        A line per style. The exit code is 1 when one of them cannot be read.

    Raises:
        UsageError: a folder is none, or has two files for one name.
    """
    styles = available(folder or ())
    width = max(map(len, styles), default=0)
    rows, failed = [], 0
    for name, file in styles.items():
        try:
            style = read_style(file.path)
            rows.append(f"{name:<{width}}  {_tempo(style):<11}  {style.about}  [{file.origin}]")
        except BadInput as error:
            failed = 1
            rows.append(f"{name:<{width}}  cannot be used: {error.message}  [{show_path(file.path)}]")
        if file.hides:
            rows.append(f"{'':<{width}}  {_hides(file.path, file.hides)}")
    return Lines(tuple(rows), failed)


def show(name: str, *, size: Size | None = None, source: bool = False, folder: list[Path] | None = None) -> Lines:
    """Shows a style: what it is, and the prompt that each size of model is given.

    Args:
        name: The style.
        size: The prompt of one size only: small, medium or large.
        source: Print its file instead, e.g. as the beginning of a style of your own.
        folder: Folders of your own styles.

    Raises:
        UsageError: there is no such style.
        BadInput: its file is not as expected.
    """
    file = find(name, folder or ())
    style = read_style(file.path)
    if source:
        return Lines(tuple(file.path.read_text(encoding="utf-8").splitlines()))
    rows = [f"{file.name}: {style.about}", f"  {_tempo(style)}, from {file.origin}, {show_path(file.path)}"]
    if file.hides:
        rows.append(f"  {_hides(file.path, file.hides)}")
    for each in (size,) if size else _SIZES:
        rows += ["", f"{each}:", f"  {compose_file(file, each).prompt}"]
    return Lines(tuple(rows))


def compose_style(
    name: str,
    *,
    size: str = "small",
    exclusions: Literal["words", "negative"] = "words",
    extra: str = "",
    part: Literal["prompt", "negative"] = "prompt",
    folder: list[Path] | None = None,
) -> Lines:
    """Prints the prompt of a style and nothing else, for `--prompt "$(...)"`.

    Args:
        name: The style.
        size: small, medium, large, or a checkpoint's name such as stereo-small.
        exclusions: Where what is unwanted stands: `words` at the end of the prompt, or the `negative` prompt.
        extra: Your own words, after the style's.
        part: What to print: the `prompt`, or the `negative` prompt.
        folder: Folders of your own styles.

    Raises:
        UsageError: there is no such style or size.
        BadInput: its file is not as expected.
    """
    composed = compose(name, size, folders=folder or (), exclusions=exclusions, extra=extra)
    if composed.hides:
        emit(Note(f"style {composed.style}: {_hides(composed.path, composed.hides)}"))
    if part == "negative":
        return Lines((composed.negative_prompt,))
    if composed.negative_prompt:
        emit(Note(f"the exclusions are not in the prompt; give --negative-prompt {composed.negative_prompt!r}"))
    return Lines((composed.prompt,))


def check(
    prompt: str | None = None,
    *,
    style: str | None = None,
    file: Path | None = None,
    size: Size | None = None,
    folder: list[Path] | None = None,
) -> Lines:
    """Says what a prompt lacks: tempo or feel, genre, instruments, exclusions; and whether it asks for voices.

    Args:
        prompt: The prompt.
        style: A style instead, for all sizes.
        file: A file instead: a style (`.yaml`), or a text that is one prompt.
        size: One size of the style only.
        folder: Folders of your own styles.

    Returns:
        A line per point. The exit code is 1 when something is lacking.

    Raises:
        UsageError: none or several of prompt, style and file are given, or there is no such style.
        BadInput: the file cannot be read, or is no style.
    """
    given = [source for source in (prompt, style, file) if source is not None]
    if len(given) != 1:
        raise UsageError(f"expected one of a prompt, --style and --file, found {len(given)}", remedy="give one of them")
    if style is not None:
        checked = _check_style(find(style, folder or ()), size)
    elif file is not None and file.suffix.lower() in (".yaml", ".yml"):
        checked = _check_style(StyleFile(file.stem, file, "--file"), size)
    else:
        checked = {"": check_prompt(_text(file) if file else prompt or "")}
    rows = []
    for title, findings in checked.items():
        rows += [title] if title else []
        rows += [f"  {finding}" if title else str(finding) for finding in findings]
    return Lines(tuple(rows), int(any(any(lacking(findings)) for findings in checked.values())))


def _check_style(file: StyleFile, size: Size | None) -> dict[str, list[Finding]]:
    prompts: dict[Size, Composed] = {each: compose_file(file, each) for each in ((size,) if size else _SIZES)}
    return {f"{file.name}, {each}": check_prompt(made.prompt) for each, made in prompts.items()}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=file, remedy="check --file") from error
    except UnicodeDecodeError as error:
        raise BadInput("is no UTF-8 text", path=file, remedy="save it as UTF-8") from error


def _tempo(style: Style) -> str:
    return "free" if style.tempo == "free" else "-".join(f"{beats:g}" for beats in style.tempo) + " BPM"


def _hides(path: Path, hidden: tuple[Path, ...]) -> str:
    return f"{show_path(path)} takes the place of {', '.join(map(show_path, hidden))}"
