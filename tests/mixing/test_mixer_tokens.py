"""The decoder's language: every walk through the grammar is instructions; targets stand where they are said."""

from __future__ import annotations

import numpy as np
import pytest

from soundwright.formats.instructions import Call, parse, render
from soundwright.mixing.distortion import draw
from soundwright.mixing.grammar import allowed, random_walk
from soundwright.mixing.labels import FIRST, TOOL_NAMES, VALUES, to_arrays, to_call
from soundwright.mixing.model.mixer import Said
from soundwright.mixing.prompts import NEUTRAL, make_hint, make_prompt, vocabulary
from soundwright.mixing.tokens import CHOICES, END, IGNORE, LINE, OPENINGS, PIECES, decode, encode
from soundwright.mixing.tools import TOOLS, canonical, check

STEMS = ["vocals", "drums", "Lead: take 2"]


def test_two_thousand_random_walks_parse_and_come_back():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        instructions = decode(random_walk(rng, len(STEMS)), STEMS)
        check(instructions, STEMS)
        assert parse(render(instructions)) == instructions


def test_instructions_come_back_from_tokens():
    for item in range(200):
        labels = draw(0, 0, item, STEMS).labels
        sequence = encode(labels, STEMS)
        assert decode(sequence.ids, STEMS) == labels == canonical(labels)


def test_each_position_is_told_what_comes_next():
    labels = {"drums": (Call("change_volume", {"db": -3.0}), Call("apply_pan", {"balance": 0.5}))}
    s = encode(labels, STEMS)
    assert [PIECES[i] for i in s.ids] == [
        "<line>",
        "<line>",
        "change_volume(db=",
        "-3.0",
        "apply_pan(balance=",
        "0.5",
        "<line>",
    ]
    said = [CHOICES[c] if c != IGNORE else None for c in s.choice]
    volume, pan = OPENINGS[FIRST["change_volume"]], OPENINGS[FIRST["apply_pan"]]
    assert said == [END, volume, None, pan, None, END, END]
    assert [VALUES[c][1].name if c != IGNORE else None for c in s.column] == [None, None, "db", None, "balance"] + [
        None
    ] * 2
    table = allowed(TOOL_NAMES)
    for state, choice in zip(s.state, s.choice, strict=True):
        assert choice == IGNORE or table[state, choice]


def test_pads_are_never_learned_from():
    said = Said.of([encode({}, ["a"]), encode({"a": (Call("change_volume", {"db": 2.0}),)}, ["a", "b"])])
    assert said.ids.shape == (2, 4)
    assert (said.choice[0, 1:] == IGNORE).all()
    assert (said.column[0, 1:] == IGNORE).all()
    assert said.ids[0].tolist() == [LINE, 0, 0, 0]


@pytest.mark.parametrize("tokens", [[END], [LINE, OPENINGS[0]], [LINE, OPENINGS[2], 40], [LINE, LINE], [LINE, 3, 3]])
def test_tokens_that_are_no_lines_are_refused(tokens):
    with pytest.raises(ValueError):
        decode(tokens, ["a"])


def test_values_survive_scaling():
    for tool, spec in TOOLS.items():
        for take in (0, -1, 3):
            arguments = {p.name: p.values()[take] for p in spec.parameters}
            _, values = to_arrays({"a": (Call(tool, arguments),)}, ["a"])
            columns = [c for c, (name, _) in enumerate(VALUES) if name == tool]
            assert to_call(tool, values[0, columns].tolist()) == Call(tool, arguments)


def test_a_prompt_never_holds_the_answer():
    rng = np.random.default_rng(1)
    for item in range(500):
        labels = draw(0, 0, item, ["vocals", "drums", "bass"]).labels
        prompt = make_prompt(rng, labels, hint=True)
        assert not any(character.isdigit() for character in prompt)
        assert not any(tool in prompt for tool in TOOLS)
        if not labels:
            assert prompt in NEUTRAL
        elif prompt not in NEUTRAL:
            assert any(stem in prompt for stem in labels)


def test_a_hint_is_true():
    rng = np.random.default_rng(2)
    texts = {make_hint(rng, "bass", Call("change_volume", {"db": 4.0})) for _ in range(60)}
    assert "the bass is too quiet" in texts
    assert "the bass is too loud" not in texts
    assert "the bass is too far left" in {
        make_hint(rng, "bass", Call("apply_pan", {"balance": 0.4})) for _ in range(60)
    }


def test_the_vocabulary_has_no_word_twice():
    words = vocabulary()
    assert len(words) == len(set(words))
    assert "drums" in words
