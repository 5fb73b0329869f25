"""Distortions: reproducible, a quarter untouched, and labels that lead back to the target for every tool."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from soundwright.mixing.distortion import Ranges, Span, ToolRanges, distort, draw
from soundwright.mixing.executor import MixingTools
from soundwright.mixing.metrics import spectral_distance
from soundwright.mixing.song_maker import STEMS, make_song
from soundwright.mixing.tools import TOOLS, canonical, check

RATE = 22_050
#: Where a distortion is heard in any song.
HEARD = {
    "apply_high_pass": {"cutoff_hz": Span(low=300, high=1000)},
    "apply_low_pass": {"cutoff_hz": Span(low=500, high=3000)},
    "apply_compressor": {"threshold_db": Span(low=-40, high=-30), "ratio": Span(low=2, high=8)},
    "apply_expander": {"threshold_db": Span(low=-40, high=-30), "ratio": Span(low=2, high=8)},
    "apply_reverb": {"amount": Span(low=0.2, high=1)},
    "apply_limiter": {"ceiling_db": Span(low=-24, high=-22)},
}


@functools.cache
def song() -> dict[str, NDArray[np.float32]]:
    return make_song(3, 1.5, RATE)


def only(tool: str, **changes: float) -> Ranges:
    arguments = HEARD.get(tool) or Ranges().tools[tool].arguments
    tools = {tool: ToolRanges(probability=1.0, arguments=arguments)}
    return Ranges(untouched=0.0, tools=tools, fewest=1, most=1, **changes)


@pytest.mark.parametrize("tool", TOOLS)
def test_carrying_out_the_label_leads_to_the_target(tool: str) -> None:
    for item in range(2):
        drawn = draw(1, 0, item, STEMS, only(tool))
        heard, target = distort(drawn, song(), RATE)
        fixed, _ = MixingTools(RATE).mix(heard, drawn.labels)
        for stem in STEMS:
            assert len(drawn.labels[stem]) == 1
            before = spectral_distance(heard[stem], target[stem])
            assert before > 0
            assert spectral_distance(fixed[stem], target[stem]) < 0.02 * before + 1e-4


@pytest.mark.parametrize("tool", [name for name, spec in TOOLS.items() if spec.inverse])
def test_tools_that_can_be_undone_are_applied_and_the_target_is_the_good_stem(tool: str) -> None:
    drawn = draw(1, 0, "a", STEMS, only(tool))
    assert not drawn.wanted
    assert {call.tool for calls in drawn.applied.values() for call in calls} == {tool}
    _, target = distort(drawn, song(), RATE)
    assert all(target[stem] is song()[stem] for stem in STEMS)


@pytest.mark.parametrize("tool", [name for name, spec in TOOLS.items() if not spec.inverse])
def test_tools_that_cannot_are_left_out_and_the_model_hears_the_good_stem(tool: str) -> None:
    drawn = draw(1, 0, "a", STEMS, only(tool))
    assert not drawn.applied
    assert drawn.wanted == drawn.labels
    heard, _ = distort(drawn, song(), RATE)
    assert all(heard[stem] is song()[stem] for stem in STEMS)


def test_two_tools_at_once_are_undone_in_the_reverse_order() -> None:
    tools = {
        "change_volume": Ranges().tools["change_volume"],
        "apply_compressor": ToolRanges(probability=1.0, arguments=HEARD["apply_compressor"]),
    }
    for item in range(5):
        drawn = draw(1, 0, item, STEMS, Ranges(untouched=0.0, tools=tools, fewest=2, most=2))
        heard, target = distort(drawn, song(), RATE)
        fixed, _ = MixingTools(RATE).mix(heard, drawn.labels)
        for stem in STEMS:
            assert [call.tool for call in drawn.labels[stem]] == ["change_volume", "apply_expander"]
            assert np.abs(fixed[stem] - target[stem]).max() < 1e-5


def test_the_sign_of_a_label_is_that_of_the_inverse_once() -> None:
    drawn = draw(5, 0, 0, ["drums"], only("change_volume"))
    applied, label = drawn.applied["drums"][0], drawn.labels["drums"][0]
    assert label.arguments["db"] == -applied.arguments["db"] != 0


def test_the_same_seed_epoch_and_item_give_the_same_and_others_others() -> None:
    def texts(seed: int, epoch: int, stems: tuple[str, ...] = STEMS) -> list[str]:
        return [repr(draw(seed, epoch, f"a/b/{item}", stems)) for item in range(30)]

    assert texts(1, 0) == texts(1, 0) == texts(1, 0, STEMS[::-1])
    assert texts(1, 0) != texts(1, 1)
    assert texts(1, 0) != texts(2, 0)
    assert draw(1, 23, 4, STEMS) != draw(12, 3, 4, STEMS)  # nothing is glued together


def test_a_quarter_of_the_examples_stays_untouched_and_labels_are_on_the_grid() -> None:
    drawn = [draw(1, 0, item, STEMS) for item in range(2000)]
    untouched = sum(not some.labels for some in drawn)
    assert 0.22 < untouched / len(drawn) < 0.28  # four standard deviations
    counts = dict.fromkeys(Ranges().tools, 0)
    for some in drawn:
        check(some.labels, STEMS)
        assert canonical(some.labels) == some.labels
        assert all(len(calls) <= 2 for calls in some.labels.values())
        for calls in some.labels.values():
            for call in calls:
                counts[call.tool] += 1
    assert min(counts.values()) > 0.8 * max(counts.values())


def test_values_keep_away_from_the_neutral_and_both_signs_come_up() -> None:
    values = [draw(1, 0, item, ["a"], only("change_volume")).labels["a"][0].arguments["db"] for item in range(300)]
    assert min(map(abs, values)) == 3.0
    assert (min(values), max(values)) == (-12.0, 12.0)
    assert 100 < sum(value > 0 for value in values) < 200


def test_without_stems_nothing_is_drawn() -> None:
    assert draw(1, 0, 0, [], Ranges(untouched=0.0)).labels == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"untouched": 1.5}, "untouched"),
        ({"most": 4}, "fewest <= most <= 3"),
        ({"fewest": 3}, "fewest <= most"),
        ({"tools": {"explode": {"probability": 1}}}, "there is no tool 'explode'"),
        ({"tools": {"apply_eq": {"probability": 1, "arguments": {"low": {"low": 0, "high": 1}}}}}, "no argument 'low'"),
        ({"tools": {"apply_pan": {"probability": -1}}}, "probability"),
        ({"tools": {"apply_pan": {"probability": 1, "arguments": {"balance": {"low": 2, "high": 3}}}}}, "no value"),
        ({"tools": {"apply_pan": {"probability": 1}}, "most": 1}, "leaves the sound alone"),
        ({"speed": 1}, "speed"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Ranges.model_validate(change)
