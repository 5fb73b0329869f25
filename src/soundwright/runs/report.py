"""HTML report pages: one file with its style inside, light and dark, no script, nothing fetched from outside.

A page is a list of sections, a section a list of blocks. Whatever text goes in is escaped, so a file name
cannot become markup. Pictures and sounds go in as bytes (then they are part of the file) or as paths relative
to the page (then the page moves together with its folder).

    page = Page("Keyboard corpus", lead="12 recordings, 6 kbps")
    page.section("Sound", Row(Player("a.wav", "original"), Player("a.decoded.wav", "decoded")))
    page.section("Steps", Table(["step", "files", "seconds"], [["encode", 12, 8.1]]))
    page.write(Path("report.html"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Literal, Protocol

from soundwright.runs import atomic
from soundwright.runs.markup import Media, escape, number, source

#: Colours a text by what it means.
Tone = Literal["", "muted", "good", "warn", "bad"]


class Block(Protocol):
    """Anything that knows its own markup. A block may stand in a section, a row, or a cell of a table."""

    def html(self) -> str:
        """The markup, everything in it escaped."""


@dataclass(frozen=True)
class Text:
    """A paragraph; line breaks are kept."""

    text: str
    tone: Tone = ""

    def html(self) -> str:
        """See `Block`."""
        return f"<p{_class(self.tone)}>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Code:
    """Commands or file content, as typed."""

    text: str

    def html(self) -> str:
        """See `Block`."""
        return f"<pre>{escape(self.text)}</pre>"


@dataclass(frozen=True)
class Badge:
    """A word in a coloured pill, e.g. the verdict in a cell of a table."""

    text: str
    tone: Tone = ""

    def html(self) -> str:
        """See `Block`."""
        return f'<span class="{f"badge {self.tone}".strip()}">{escape(self.text)}</span>'


@dataclass(frozen=True)
class Link:
    """A link to a file beside the page."""

    target: str | PurePath
    text: str

    def html(self) -> str:
        """See `Block`."""
        return f'<a href="{source(self.target)}">{escape(self.text)}</a>'


@dataclass(frozen=True)
class Facts:
    """A few large numbers: name -> value."""

    values: Mapping[str, str | int | float]

    def html(self) -> str:
        """See `Block`."""
        tiles = (
            f"<div><dt>{escape(name)}</dt><dd>{escape(number(value))}</dd></div>" for name, value in self.values.items()
        )
        return f'<dl class="facts">{"".join(tiles)}</dl>'


Cell = str | int | float | Block | None


@dataclass(frozen=True)
class Table:
    """A table; numbers stand on the right, None is an empty cell.

    Attributes:
        columns: the headings.
        rows: one cell per column.
        caption: a line above the headings.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells under {len(self.columns)} columns")

    def html(self) -> str:
        """See `Block`."""
        numeric = [
            bool(self.rows) and all(isinstance(row[i], int | float | None) for row in self.rows)
            for i in range(len(self.columns))
        ]
        heads = (
            f'<th scope="col"{_class("num" if is_number else "")}>{escape(name)}</th>'
            for name, is_number in zip(self.columns, numeric, strict=True)
        )
        body = ("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in self.rows)
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        return (
            f'<div class="scroll"><table>{caption}<thead><tr>{"".join(heads)}</tr></thead>'
            f"<tbody>{''.join(body)}</tbody></table></div>"
        )


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        image: a PNG or JPEG.
        alt: what is to be seen, for those who do not see it.
        caption: a line below.
    """

    image: Media
    alt: str
    caption: str = ""

    def html(self) -> str:
        """See `Block`."""
        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        image = f'<img src="{source(self.image)}" alt="{escape(self.alt)}" loading="lazy">'
        return f"<figure>{image}{caption}</figure>"


@dataclass(frozen=True)
class Player:
    """A sound with the browser's own controls.

    Attributes:
        audio: a file that browsers play: WAV, FLAC, OGG, MP3.
        label: which sound this is.
        caption: a remark behind the label.
    """

    audio: Media
    label: str
    caption: str = ""

    def html(self) -> str:
        """See `Block`."""
        remark = f" {escape(self.caption)}" if self.caption else ""
        label = escape(self.label)
        # Relative files are not fetched before they are played: a page may have hundreds.
        preload = "metadata" if isinstance(self.audio, bytes) else "none"
        return (
            f'<figure class="player"><figcaption><b>{label}</b>{remark}</figcaption>'
            f'<audio controls preload="{preload}" src="{source(self.audio)}" aria-label="{label}">'
            "</audio></figure>"
        )


class Row:
    """Blocks side by side, below each other where the window is narrow."""

    def __init__(self, *blocks: Block) -> None:
        self.blocks = blocks

    def html(self) -> str:
        """See `Block`."""
        return f'<div class="row">{"".join(f"<div>{block.html()}</div>" for block in self.blocks)}</div>'


class Column:
    """Blocks below each other, as one block of a row."""

    def __init__(self, *blocks: Block) -> None:
        self.blocks = blocks

    def html(self) -> str:
        """See `Block`."""
        return "".join(block.html() for block in self.blocks)


class Details:
    """Blocks that fold away under a line of text."""

    def __init__(self, summary: str, *blocks: Block, is_open: bool = False) -> None:
        self.summary, self.blocks, self.is_open = summary, blocks, is_open

    def html(self) -> str:
        """See `Block`."""
        inner = "".join(block.html() for block in self.blocks)
        is_open = " open" if self.is_open else ""
        return f"<details{is_open}><summary>{escape(self.summary)}</summary>{inner}</details>"


@dataclass
class Page:
    """A report.

    Attributes:
        title: heading and window title.
        lead: one or two sentences under the heading.
        footer: small print at the end.
    """

    title: str
    lead: str = ""
    footer: str = "made by soundwright"
    _sections: list[tuple[str, tuple[Block, ...]]] = field(default_factory=list)

    def section(self, title: str, *blocks: Block) -> None:
        """Adds a section at the end."""
        self._sections.append((title, blocks))

    def html(self) -> str:
        """The whole page."""
        style = files("soundwright.runs").joinpath("report.css").read_text(encoding="utf-8")
        links = "".join(f'<a href="#s{i}">{escape(title)}</a>' for i, (title, _) in enumerate(self._sections, 1))
        nav = f'<nav aria-label="contents">{links}</nav>' if len(self._sections) > 2 else ""
        sections = "\n".join(
            f'<section id="s{i}"><h2>{escape(title)}</h2>\n' + "\n".join(b.html() for b in blocks) + "</section>"
            for i, (title, blocks) in enumerate(self._sections, 1)
        )
        lead = f'<p class="lead">{escape(self.lead)}</p>' if self.lead else ""
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title>\n<style>\n{style}</style></head>\n<body>\n"
            f"<header><h1>{escape(self.title)}</h1>{lead}{nav}</header>\n<main>\n{sections}\n</main>\n"
            f"<footer><p>{escape(self.footer)}</p></footer>\n</body></html>\n"
        )

    def write(self, path: Path) -> None:
        """Writes the page atomically."""
        atomic.write_text(path, self.html())


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _cell(cell: Cell) -> str:
    if cell is None:
        return "<td></td>"
    if isinstance(cell, str):
        return f"<td>{escape(cell)}</td>"
    if isinstance(cell, int | float):
        return f'<td class="num">{number(cell)}</td>'
    return f"<td>{cell.html()}</td>"
