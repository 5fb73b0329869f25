"""What a reference of the same performance says about steps: those that do harm are left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from soundwright.formats.instructions import parse
from soundwright.mixing.executor import MixingTools, add_up
from soundwright.mixing.fix import fix
from soundwright.mixing.fix_accept import harmful
from soundwright.mixing.song_maker import make_song

RATE = 22_050
#: The fault, what mends it, and what does not.
FAULT = parse("drums: change_volume(db=9.0)\nvocals: apply_pan(balance=-0.5)")
CURE = "drums: change_volume(db=-8.5)\nvocals: apply_pan(balance=0.5)"
POISON = "bass: change_volume(db=6.0) apply_eq(low_gain=-6.0, mid_gain=6.0)\n"
HARM = {("bass", "change_volume"), ("bass", "apply_eq")}

Song = dict[str, NDArray[np.float32]]


@pytest.fixture
def faulty(song: Song) -> Song:
    return MixingTools(RATE).mix(song, FAULT)[0]


@pytest.mark.parametrize("gain", [0.3, 1.0, 4.0])
def test_what_does_harm_is_found_whatever_the_level_of_the_mix(song: Song, faulty: Song, gain: float) -> None:
    reference = add_up(song.values()) * np.float32(gain)
    assert harmful(parse(POISON + CURE), faulty, RATE, reference) == HARM
    assert harmful(parse(CURE), faulty, RATE, reference) == set()


def test_reference_stems(song: Song, faulty: Song) -> None:
    assert harmful(parse(POISON + CURE), faulty, RATE, song) == HARM
    assert harmful(parse(POISON), song, RATE, song) == HARM


def test_a_good_mix_is_left_alone(song: Song) -> None:
    assert harmful(parse(POISON), song, RATE, add_up(song.values())) == HARM


def test_lengths_may_differ(song: Song, faulty: Song) -> None:
    reference = add_up(song.values())
    for other in (reference[:, : RATE + 7], np.pad(reference, ((0, 0), (0, 500)))):
        assert harmful(parse(POISON + CURE), faulty, RATE, other) == HARM


def test_only_the_same_performance_can_say_that(faulty: Song) -> None:
    other = add_up(make_song(77, 2.0, RATE).values())
    for reference in (other, 0 * other, make_song(77, 2.0, RATE), None):
        assert harmful(parse(POISON), faulty, RATE, reference) == set()


def test_fix_leaves_out_what_does_harm(
    stems: Path, song: Song, tmp_path: Path, write: Callable[..., Path], says: Callable[[str], list[dict[str, Any]]]
) -> None:
    says(POISON)
    reference = write(tmp_path / "good.wav", add_up(song.values()), subtype="FLOAT")
    mixed = fix([stems], reference=reference, output=tmp_path / "out")
    assert all(step.refused for step in mixed.steps.steps)
    assert all("left out, as it takes the mix away from the reference" in step.note for step in mixed.steps.steps)
    assert "all steps are refused: the mix is left alone" in list(mixed.lines())
    assert (tmp_path / "out/stems/bass.wav").read_bytes() == (stems / "bass.wav").read_bytes()


def test_a_step_that_words_name_is_judged_as_well_unless_they_say_how_much(
    stems: Path, song: Song, tmp_path: Path, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "Fix the bass" let steps through that took the mix away from the reference."""
    from soundwright.mixing import suggest

    reference = write(tmp_path / "good.wav", add_up(song.values()), subtype="FLOAT")
    named = {("bass", "change_volume", "db"): False}
    poison = parse("bass: change_volume(db=6.0)")
    for exact, refused in ((frozenset(), True), (frozenset({("bass", "change_volume")}), False)):
        said = suggest.Suggestion(poison, {}, {}, 0.9, (), asked=named, exact=exact)
        monkeypatch.setattr(suggest, "suggest", lambda *_, said=said, **__: said)
        (step,) = fix([stems], reference=reference, dry_run=True).steps.steps
        assert step.refused == refused
        assert "as asked" in step.note
