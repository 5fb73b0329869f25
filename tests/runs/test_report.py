"""Report pages: whole HTML, everything escaped, nothing fetched from outside."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundwright.runs.markup import escape, number, source
from soundwright.runs.report import (
    Badge,
    Code,
    Details,
    Facts,
    Figure,
    Link,
    Page,
    Player,
    Row,
    Table,
    Text,
)

PNG = b"\x89PNG\r\n\x1a\n"
WAV = b"RIFF\x24\0\0\0WAVEfmt "
EVIL = "\"><script>alert('x')</script>&\0"


class Reader(HTMLParser):
    """Collects tags and checks that they close in order."""

    VOID = {"meta", "img"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    assert not reader.open
    return reader


def full_page(text: str) -> Page:
    page = Page(text, lead=text, footer=text)
    page.section(text, Text(text, "bad"), Code(text), Facts({text: text, f"{text} n": 3}))
    page.section(text, Row(Player(WAV, text, text), Player("a b.wav", text)), Figure(PNG, text, text))
    cells = [text, 1, 2.5, None, Badge(text, "good"), Link("x.json", text)]
    page.section(text, Table([text] * 6, [cells], caption=text), Details(text, Text(text), is_open=True))
    return page


def test_page_is_one_well_formed_file_without_scripts_or_outside_addresses() -> None:
    markup = full_page("Plain").html()
    reader = read(markup)
    names = {tag for tag, _ in reader.tags}
    assert {"table", "audio", "img", "details", "pre", "dl", "nav", "style"} <= names
    assert not names & {"script", "link", "iframe", "object"}
    assert "http" not in markup
    assert "url(" not in markup
    assert "prefers-color-scheme: dark" in markup


def test_text_never_becomes_markup() -> None:
    reader = read(full_page(EVIL).html())
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)


@given(st.text(min_size=1, max_size=30))
def test_any_text_keeps_the_page_well_formed(text: str) -> None:
    plain = [tag for tag, _ in read(full_page("x").html()).tags]
    assert [tag for tag, _ in read(full_page(text).html()).tags] == plain


def test_bytes_become_part_of_the_file_and_paths_stay_relative() -> None:
    assert source(PNG) == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert source(WAV).startswith("data:audio/wav;base64,")
    assert source("a b/ü#?.wav") == "a%20b/%C3%BC%23%3F.wav"
    assert source("javascript:alert(1)") == "javascript%3Aalert%281%29"
    assert source(Path("x/y.png")) == "x/y.png"
    assert source("bad\udcff.wav") == "bad%FF.wav"


def test_unknown_bytes_and_absolute_paths_are_refused() -> None:
    with pytest.raises(ValueError, match="begins with b'GIF8'"):
        source(b"GIF89a")
    with pytest.raises(ValueError, match="relative"):
        source("/etc/passwd")


def test_bytes_of_a_name_that_is_no_utf8_do_not_stop_the_page(tmp_path: Path) -> None:
    page = Page("bad\udcff name")
    page.write(tmp_path / "r.html")
    assert "bad\\udcff name" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [tmp_path / "r.html"]


def test_numbers_are_readable_and_right_aligned() -> None:
    assert [number(v) for v in (1234567, 0.000123456, 12.0, 123456.7, "x", True)] == [
        "1,234,567",
        "0.0001235",
        "12",
        "123,457",
        "x",
        "True",
    ]
    markup = Table(["name", "n"], [["a", 1], ["b", None]]).html()
    assert re.search(r'<th scope="col" class="num">n</th>', markup)
    assert '<td class="num">1</td>' in markup
    assert "<td></td>" in markup


def test_row_of_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 columns"):
        Table(["a", "b"], [["x"]])


def test_short_pages_have_no_contents_list_and_long_ones_link_to_each_section() -> None:
    page = Page("t")
    page.section("one")
    assert "<nav" not in page.html()
    page.section("two")
    page.section("three")
    reader = read(page.html())
    targets = [attributes["href"] for tag, attributes in reader.tags if tag == "a"]
    ids = [attributes["id"] for tag, attributes in reader.tags if tag == "section"]
    assert targets == [f"#{name}" for name in ids]


def test_players_of_files_beside_the_page_load_only_when_played() -> None:
    assert 'preload="none"' in Player("a.wav", "a").html()
    assert 'preload="metadata"' in Player(WAV, "a").html()
    assert escape("'\"") == "&#x27;&quot;"
