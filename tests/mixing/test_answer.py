"""What words name is done, or said why not; and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from soundwright.formats.instructions import Call
from soundwright.mixing.answer import answer
from soundwright.mixing.executor import MixingTools, add_up
from soundwright.mixing.familiarity import Familiarity
from soundwright.mixing.grants import STEPS
from soundwright.mixing.look import look
from soundwright.mixing.song_maker import make_song

RATE = 44_100


@pytest.fixture(scope="module")
def song() -> dict[str, np.ndarray]:
    return make_song(8, 8.0, RATE)


@pytest.fixture(scope="module")
def blind(song):
    return look(song, RATE)


@pytest.fixture(scope="module")
def loud(song):
    """The drums are 8 dB too loud."""
    return song | {"drums": MixingTools(RATE).change_volume(song["drums"], db=8.0)}


def others(said, stem: str, tool: str) -> dict[tuple[str, str], Call]:
    return {(s, c.tool): c for s, calls in said.instructions.items() for c in calls if (s, c.tool) != (stem, tool)}


def test_on_unfamiliar_sounds_a_request_is_done_by_a_usual_step_and_nothing_else_is(mixer, blind):
    [said] = answer(mixer, "the drums are too loud", [blind])
    assert said.strange
    assert said.instructions == {"drums": (Call("change_volume", {"db": -STEPS["db"]}),)}
    assert said.asked == {("drums", "change_volume", "db"): True}
    assert said.confidences == {}
    assert said.errors == {}


@pytest.mark.parametrize(
    ("prompt", "db"), [("drums down a bit", -1.5), ("the drums are way too loud", -6.0), ("drums +2.5 dB", 2.5)]
)
def test_words_that_say_how_much_are_taken_at_their_word(mixer, blind, prompt, db):
    [said] = answer(mixer, prompt, [blind])
    assert said.instructions["drums"] == (Call("change_volume", {"db": db}),)


def test_words_change_only_what_they_name(mixer, loud, monkeypatch):
    """Of sounds that it takes as familiar, so that the network speaks."""
    monkeypatch.setattr(mixer, "familiarity", Familiarity())
    seen = [look(loud, RATE), look(loud, RATE, add_up(loud.values()))]
    for prompt, stem, tool in (
        ("the vocals are too quiet", "vocals", "change_volume"),
        ("the bass is boomy", "bass", "apply_eq"),
        ("move the drums to the left", "drums", "apply_pan"),
        ("make the piano darker", "other", "apply_eq"),
    ):
        for without, said in zip(answer(mixer, "fix this mix", seen), answer(mixer, prompt, seen), strict=True):
            assert others(said, stem, tool) == others(without, stem, tool)


def test_a_band_that_is_named_does_not_change_the_others(mixer, blind):
    [said] = answer(mixer, "the vocals are muddy, and 2 dB more air on the vocals", [blind])
    assert said.instructions["vocals"] == (
        Call("apply_eq", {"low_gain": -STEPS["low_gain"], "mid_gain": 0.0, "high_gain": 2.0}),
    )


def test_the_reference_decides_unless_there_is_a_number(mixer, song, loud):
    for reference in (song, add_up(song.values())):
        seen = look(loud, RATE, reference)
        [said] = answer(mixer, "the drums are too loud", [seen])
        assert said.instructions == {"drums": (Call("change_volume", {"db": -8.0}),)}
        assert said.asked == {("drums", "change_volume", "db"): False}
        [said] = answer(mixer, "the vocals are too loud", [seen])
        assert set(said.instructions) == {"drums"}
        assert any("the reference shows no need" in note for note in said.notes)
        [said] = answer(mixer, "vocals down 2 dB", [seen])
        assert said.instructions["vocals"] == (Call("change_volume", {"db": -2.0}),)


def test_another_section_of_strange_stems_denies_no_request(mixer, song):
    half = song["drums"].shape[1] // 2
    here, there = ({name: x[:, part] for name, x in song.items()} for part in (slice(half), slice(half, None)))
    seen = look(here, RATE, there)
    assert seen.kind == "stems"
    [said] = answer(mixer, "the drums are too loud", [seen])
    assert "drums" in said.strange
    assert said.instructions["drums"] == (Call("change_volume", {"db": -STEPS["db"]}),)


def test_what_is_to_be_left_alone_is(mixer, song, loud):
    seen = look(loud, RATE, song)
    [said] = answer(mixer, "leave the drums alone", [seen])
    assert said.instructions == {}
    [said] = answer(mixer, "don't touch the drums, the vocals are dull", [look(loud, RATE)])
    assert set(said.instructions) == {"vocals"}


def test_the_middle_is_measured(mixer, song):
    aside = song | {"bass": MixingTools(RATE).apply_pan(song["bass"], balance=-0.8)}
    [said] = answer(mixer, "put the bass in the middle", [look(aside, RATE)])
    assert said.instructions["bass"] == (Call("apply_pan", {"balance": pytest.approx(0.8, abs=0.1)}),)
    [said] = answer(mixer, "put the bass in the middle", [look(song, RATE)])
    assert said.instructions == {}
    assert any("it stands there" in note for note in said.notes)


def test_other_tools_do_what_words_ask(mixer, blind):
    [said] = answer(mixer, "more reverb on the vocals and compress the bass", [blind])
    assert [c.tool for c in said.instructions["vocals"]] == ["apply_reverb"]
    assert [c.tool for c in said.instructions["bass"]] == ["apply_compressor"]
    [said] = answer(mixer, "the vocals have too much reverb", [blind])
    assert said.instructions == {}
    assert any("no tool takes a room away" in note for note in said.notes)


def test_what_is_not_understood_is_said(mixer, blind):
    [said] = answer(mixer, "the snare is too loud", [blind])
    assert said.instructions == {}
    assert any("not understood: 'the snare is too loud'" in note for note in said.notes)
    assert answer(mixer, "fix this mix", [blind])[0].notes == ()


def test_a_number_out_of_range_is_the_most_there_is(mixer, blind):
    [said] = answer(mixer, "drums down 60 dB", [blind])
    assert said.instructions["drums"][0].arguments["db"] == -24.0
