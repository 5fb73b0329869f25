"""The REAPER session: its syntax, by a small reader of it, and the arithmetic of fader and pan."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundwright.audio.files import read_audio
from soundwright.formats.instructions import Call, parse
from soundwright.mixing.apply import apply
from soundwright.mixing.executor import MixingTools
from soundwright.mixing.reaper import Track, channel_gains, fader_and_pan, quoted, session_text

_WORD = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|`([^`]*)`|(\S+))""")


def words(line: str) -> list[str]:
    """The words of a line as REAPER reads them: quotes of three kinds, no escapes."""
    return [next(part for part in match.groups() if part is not None) for match in _WORD.finditer(line)]


class Node:
    """`<KIND words ...`, lines by their first word, and nodes inside."""

    def __init__(self, header: list[str]) -> None:
        self.kind, self.words = header[0], header[1:]
        self.lines: dict[str, list[str]] = {}
        self.nodes: list[Node] = []

    def all(self, kind: str) -> list[Node]:
        return [node for node in self.nodes if node.kind == kind]


def read(text: str) -> Node:
    root = Node(["FILE"])
    open_nodes = [root]
    for line in text.splitlines():
        stripped = line.strip()
        if stripped == ">":
            open_nodes.pop()
        elif stripped.startswith("<"):
            node = Node(words(stripped[1:]))
            open_nodes[-1].nodes.append(node)
            open_nodes.append(node)
        else:
            first, *rest = words(stripped)
            assert first not in open_nodes[-1].lines
            open_nodes[-1].lines[first] = rest
    assert open_nodes == [root]
    (project,) = root.nodes
    return project


def test_a_session_is_what_it_says() -> None:
    tracks = [
        Track('Lead "1"', PurePosixPath("dry/Lead.wav"), 2.5, 0.5, -0.25),
        Track("", PurePosixPath("stems/a b.wav"), 1 / 3, muted=True),
    ]
    project = read(session_text(tracks, 48_000, 93.5))
    assert project.kind == "REAPER_PROJECT"
    assert project.words[0] == "0.1"
    assert project.lines["TEMPO"] == ["93.5", "4", "4"]
    assert project.lines["SAMPLERATE"][0] == "48000"
    first, second = project.all("TRACK")
    assert first.lines["NAME"] == ['Lead "1"']
    assert first.lines["VOLPAN"] == ["0.5", "-0.25", "1", "-1", "1"]
    assert first.lines["PANMODE"] == ["3"]
    assert first.lines["PANLAWFLAGS"] == ["2"]
    assert (first.lines["MUTESOLO"][0], second.lines["MUTESOLO"][0]) == ("0", "1")
    (item,) = first.all("ITEM")
    assert (item.lines["POSITION"], item.lines["LENGTH"]) == (["0"], ["2.5"])
    (source,) = item.all("SOURCE")
    assert (source.words, source.lines["FILE"]) == (["WAVE"], ["dry/Lead.wav"])
    assert second.lines["NAME"] == [""]
    assert second.all("ITEM")[0].all("SOURCE")[0].lines["FILE"] == ["stems/a b.wav"]
    assert re.fullmatch(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}", first.words[0])
    assert first.words[0] == first.lines["TRACKID"][0] != second.words[0]
    assert session_text(tracks, 48_000, 93.5) == session_text(tracks, 48_000, 93.5)


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=20))
def test_any_name_comes_back_on_its_line(name: str) -> None:
    (line,) = f"NAME {quoted(name)}".split("\n")
    expected = re.sub(r"[\x00-\x1f\x7f]", " ", name)
    assert words(line) == ["NAME", expected.replace("`", "'") if {'"', "'", "`"} <= set(expected) else expected]


def test_quotes() -> None:
    assert [quoted(name) for name in ("drums", "", "a b", 'a"b', "a\"b'c", "a\"b'c`", "<x>", "a\nb")] == [
        "drums", '""', '"a b"', "'a\"b'", "`a\"b'c`", "`a\"b'c'`", '"<x>"', '"a b"',
    ]  # fmt: skip


@pytest.mark.parametrize("balance", [-1.0, -0.4, 0.0, 0.1, 0.7, 1.0])
@pytest.mark.parametrize("db", [-24.0, 0.0, 5.5])
def test_fader_and_pan_do_what_the_calls_do(db: float, balance: float) -> None:
    calls = [Call("change_volume", {"db": db}), Call("apply_pan", {"balance": balance})]
    setting = fader_and_pan(calls)
    assert setting is not None
    sound = np.ones((2, 1), np.float32)
    np.testing.assert_allclose(channel_gains(*setting), MixingTools(44_100).apply(sound, calls)[:, 0], rtol=1e-6)
    assert np.sign(setting[1]) == np.sign(balance)
    assert abs(setting[1]) < 1


def test_other_tools_are_printed() -> None:
    assert fader_and_pan([Call("change_volume", {"db": 1.0}), Call("apply_reverb")]) is None
    assert fader_and_pan([]) == (1.0, 0.0)


def test_the_session_of_a_mix_sounds_like_the_mix(stems: Path, tmp_path: Path) -> None:
    text = (
        "drums: change_volume(db=-6.0) apply_pan(balance=-0.5)\nbass: change_volume(db=2.0) apply_reverb(amount=0.5)\n"
    )
    (tmp_path / "i.txt").write_text(text)
    apply(tmp_path / "i.txt", [stems], output=tmp_path / "out", tempo=90)
    project = read((tmp_path / "out/session.rpp").read_text())
    assert project.lines["TEMPO"][0] == "90"
    total: Any = 0
    used = {}
    for track in project.all("TRACK"):
        (name,) = track.lines["NAME"]
        file = track.all("ITEM")[0].all("SOURCE")[0].lines["FILE"][0]
        volume, pan, law = map(float, track.lines["VOLPAN"][:3])
        assert law == 1
        assert not Path(file).is_absolute()
        if track.lines["MUTESOLO"][0] == "0":
            used[name] = file
            total = total + read_audio(tmp_path / "out" / file) * np.array(channel_gains(volume, pan))[:, None]
    assert used == {
        "bass": "stems/bass.wav", "drums": "dry/drums.wav", "other": "stems/other.wav", "vocals": "stems/vocals.wav",
    }  # fmt: skip
    sounds = {path.stem: read_audio(path) for path in stems.iterdir()}
    np.testing.assert_allclose(total, MixingTools(22_050).mix(sounds, parse(text))[1], atol=1e-6)
