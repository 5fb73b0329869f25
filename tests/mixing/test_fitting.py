"""Beside a reference of the same performance the amounts are computed, not guessed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soundwright.formats.instructions import Call
from soundwright.mixing.executor import MixingTools, add_up
from soundwright.mixing.fitting import NOTHING_DB, fit, size_db
from soundwright.mixing.look import look
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.tools import canonical, inverse

RATE = 44_100
#: What was done to a song; its inverse is what has to be found.
DONE = {
    "drums": (Call("change_volume", {"db": 7.5}), Call("apply_pan", {"balance": -0.4})),
    "vocals": (
        Call("change_volume", {"db": -5.0}),
        Call("apply_eq", {"low_gain": 6.0, "mid_gain": -3.5, "high_gain": 4.0}),
    ),
    "bass": (Call("apply_pan", {"balance": 0.6}),),
}


@pytest.fixture(scope="module")
def song() -> dict[str, np.ndarray]:
    return make_song(4, 8.0, RATE)


@pytest.fixture(scope="module")
def heard(song) -> dict[str, np.ndarray]:
    return MixingTools(RATE).mix(song, DONE)[0]


def wanted() -> dict[str, tuple[Call, ...]]:
    return canonical({stem: tuple(inverse(call) for call in calls) for stem, calls in DONE.items()})


def roughly(instructions, by: float) -> dict[str, tuple[Call, ...]]:
    """The same calls, each argument off by some of its steps."""
    return canonical(
        {
            stem: tuple(
                Call(c.tool, {n: v + by * (0.1 if n == "balance" else 1.5) for n, v in c.arguments.items()})
                for c in calls
            )
            for stem, calls in instructions.items()
        }
    )


def fitted(heard, reference, start):
    seen = look(heard, RATE, reference)
    assert seen.kind == "aligned"
    return fit(start, seen.stems, RATE, seen.here.cross, seen.reference)


@pytest.mark.parametrize("by", [-2.0, -0.7, 1.3])
def test_reference_stems_give_back_the_exact_amounts(song, heard, by):
    assert fitted(heard, song, roughly(wanted(), by)) == wanted()


@pytest.mark.parametrize("louder_db", [0.0, 4.0, -7.0])
def test_a_reference_mix_gives_them_back_within_a_step_at_any_level(song, heard, louder_db):
    reference = add_up(song.values()) * np.float32(10 ** (louder_db / 20))
    found = fitted(heard, reference, roughly(wanted(), 0.9))
    assert found.keys() == wanted().keys()
    for stem, calls in wanted().items():
        for call, said in zip(calls, found[stem], strict=True):
            for name, value in call.arguments.items():
                off = {"balance": 0.0, "db": 0.5}.get(name, 1.0)  # volume and all bands of an EQ nearly cancel
                assert said.arguments[name] == pytest.approx(value, abs=off + 1e-6), (stem, call)


def test_a_call_that_comes_to_nothing_is_left_out(song, heard):
    start = wanted() | {"other": (Call("change_volume", {"db": -2.0}), Call("apply_pan", {"balance": 0.2}))}
    assert fitted(heard, song, start) == wanted()
    assert fitted(song, add_up(song.values()), {"other": (Call("change_volume", {"db": -2.0}),)}) == {}


def test_of_volume_and_tone_that_explain_the_same_the_fewest_calls_remain(song):
    """A bass has few frequencies: on it volume and EQ can hardly be told apart."""
    heard = song | {"bass": MixingTools(RATE).change_volume(song["bass"], db=6.0)}
    both = (Call("change_volume", {"db": -2.0}), Call("apply_eq", {"low_gain": -4.0, "mid_gain": -3.0}))
    for reference in (song, add_up(song.values())):
        assert fitted(heard, reference, {"bass": both}) == {"bass": (Call("change_volume", {"db": -6.0}),)}


def test_tools_that_are_no_factor_per_frequency_stay(song, heard):
    room = Call("apply_reverb", {"amount": 0.3})
    found = fitted(heard, song, wanted() | {"other": (room,)})
    assert found["other"] == (room,)


def test_a_longer_reference_is_compared_over_what_both_have(song, heard):
    longer = {name: np.pad(sound, ((0, 0), (0, 3 * RATE))) for name, sound in song.items()}
    longer["drums"][:, -3 * RATE :] = np.random.default_rng(0).normal(0, 0.3, (2, 3 * RATE))
    assert fitted(heard, longer, roughly(wanted(), 0.7)) == wanted()
    mix = look(heard, RATE, add_up(longer.values()))
    if mix.kind == "aligned":
        found = fit(roughly(wanted(), 0.7), mix.stems, RATE, mix.here.cross, mix.reference)
        assert found["drums"][1] == wanted()["drums"][1]


def test_a_silent_reference_needs_no_call(song, heard):
    seen = look(heard, RATE, song)
    silent = replace(seen.reference, beside=0 * seen.reference.beside, power=0 * seen.reference.power)
    assert fit(wanted(), seen.stems, RATE, 0 * seen.here.cross, silent) == {}


def test_the_size_of_a_call_is_in_db():
    assert size_db(Call("change_volume", {"db": -3.0})) == 3.0
    assert size_db(Call("apply_pan", {"balance": -0.5})) == 9.0
    assert size_db(Call("apply_eq", {"low_gain": 3.0, "high_gain": -4.0})) == pytest.approx(np.sqrt(25 / 3))
    assert size_db(Call("apply_reverb", {})) == np.inf
    assert set(NOTHING_DB) == {"change_volume", "apply_eq", "apply_pan"}
