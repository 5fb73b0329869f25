"""The page about a mix: what is heard, what was done, whatever the names are."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from soundwright.core.errors import MissingExtra
from soundwright.mixing import page as pages
from soundwright.mixing.fix import fix

Says = Callable[[str], list[dict[str, Any]]]


class Reader(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "

    def all(self, tag: str, attribute: str) -> list[str]:
        return [str(found[attribute]) for name, found in self.tags if name == tag]


def test_what_the_page_shows(stems: Path, tmp_path: Path, says: Says) -> None:
    says("drums: change_volume(db=-6.0)\nbass: apply_eq(low_gain=-3.0)")
    fix([stems], prompt="make it <b>big</b>", output=tmp_path / "out", refuse=[2])
    page = Reader(tmp_path / "out/report.html")
    sounds = page.all("audio", "src")
    assert sounds[:2] == ["listen/before.wav", "listen/after.wav"]
    assert len(sounds) == 6
    links = [link for link in page.all("a", "href") if not link.startswith("#")]
    for target in (*sounds, *links):
        assert (tmp_path / "out" / unquote(target)).is_file()
    assert {"mix.wav", "session.rpp", "steps.json", "instructions.txt"} <= set(links)
    assert len(page.all("img", "src")) == 2
    assert not [tag for tag, _ in page.tags if tag in ("b", "script") and tag == "script"]
    for words in ("make it <b>big</b>", "softer by 6 dB", "change_volume(db=-6.0)", "0.90", "refused", "a note"):
        assert words in page.text
    assert re.search(r"Both at -\d\d\.\d LUFS", page.text)


def test_without_matplotlib_there_is_a_page_without_pictures(
    stems: Path, tmp_path: Path, says: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> bytes:
        raise MissingExtra("drawing needs matplotlib", remedy="pip install 'soundwright[viz]'")

    says("")
    monkeypatch.setattr(pages.pictures, "spectrogram", missing)
    fix([stems], output=tmp_path / "out")
    page = Reader(tmp_path / "out/report.html")
    assert page.all("img", "src") == []
    assert "pip install 'soundwright[viz]'" in page.text
    assert "every stem is as it came" in page.text
