"""What a prompt asks for: as people type it, and nothing that they did not say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.mixing.prompts import _WORDS, NEUTRAL, OTHER_NAMES
from soundwright.mixing.tools import TOOLS
from soundwright.mixing.words.phrases import COMPLAINTS, ORDERS
from soundwright.mixing.words.requests import Reading, Request, read_requests

FOUR = ["vocals", "drums", "bass", "other"]
PROMPTS = yaml.safe_load((Path(__file__).parent / "request_prompts.yaml").read_text(encoding="utf-8"))
SHORT = {
    "volume": ("change_volume", "db"),
    "pan": ("apply_pan", "balance"),
    "low": ("apply_eq", "low_gain"),
    "mid": ("apply_eq", "mid_gain"),
    "high": ("apply_eq", "high_gain"),
    "reverb": ("apply_reverb", "amount"),
    "compress": ("apply_compressor", "ratio"),
    "expand": ("apply_expander", "ratio"),
    "highpass": ("apply_high_pass", "cutoff_hz"),
    "lowpass": ("apply_low_pass", "cutoff_hz"),
}
SIGNS = {"+": 1, "-": -1, ">": 1, "<": -1, "0": 0}


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Names of the stems, prompt, what is meant, and what is read of it."""
    for part in ("tuned", "held_back", "written_later"):
        for names, some in PROMPTS[part].items():
            for prompt, meant, *read in some:
                yield names, prompt, meant, read[0] if read else meant


def parse(text: str, stems: list[str]) -> tuple[set[Request], set[str], bool]:
    requests, alone, unread = set(), set(), False
    for part in filter(None, text.split("; ")):
        if part == "unread":
            unread = True
        elif part.startswith("alone "):
            alone.add(part.removeprefix("alone "))
        else:
            requests.add(parse_request(part, max((s for s in stems if part.startswith(f"{s} ")), key=len)))
    return requests, alone, unread


def parse_request(text: str, stem: str) -> Request:
    what, *more = text.removeprefix(f"{stem} ").split()
    sign = SIGNS.get(what[-1], 1)
    size = next((float(word[1:]) for word in more if word.startswith("x")), 1.0)
    amount = next((float(word.removesuffix("dB")) for word in more if word[0] in "0123456789"), None)
    return Request(stem, *SHORT[what.rstrip("".join(SIGNS))], sign, size, amount, "place" in more)


def needs(reading: Reading) -> list[tuple[str, str, int]]:
    return [(r.stem, r.argument, r.sign) for r in reading.requests]


@pytest.mark.parametrize(("names", "prompt", "meant", "read"), list(rows()))
def test_prompts_are_read_as_a_sensible_engineer_reads_them(names: str, prompt: str, meant: str, read: str) -> None:
    stems = PROMPTS["stems"][names]
    reading = read_requests(prompt, stems)
    requests, alone, unread = parse(read, stems)
    assert set(reading.requests) == requests
    assert set(reading.alone) == alone
    assert not read or bool(reading.unread) == unread


def test_what_is_not_read_is_said_and_nothing_is_read_that_is_not_meant() -> None:
    for names, prompt, meant, read in rows():
        if meant != read:
            wanted, alone, _ = parse(meant, PROMPTS["stems"][names])
            found, left, unread = parse(read, PROMPTS["stems"][names])
            assert unread, prompt
            assert left <= alone, prompt
            assert {(r.stem, r.tool, r.argument, r.sign) for r in found} <= {
                (r.stem, r.tool, r.argument, r.sign) for r in wanted
            }, prompt


def test_every_template_of_the_training_prompts_is_read_as_its_need() -> None:
    for (tool, argument, more), templates in _WORDS.items():
        for stem, names in OTHER_NAMES.items():
            for prompt in (template.format(name) for template in templates for name in (stem, *names)):
                place = prompt.startswith("pan the")
                wanted = Request(stem, tool, argument, 1 if more else -1, place=place)
                assert read_requests(prompt, FOUR) == Reading((wanted,)), prompt


@pytest.mark.parametrize("stems", [FOUR, ["vocals"], ["Kick In", "GTR L"]])
def test_prompts_that_say_nothing_in_particular_ask_for_nothing(stems: list[str]) -> None:
    wishes = ("fix it", "improve it", "something is wrong", "fix everything", "mix these stems for me", "mix it")
    for prompt in (*NEUTRAL, *wishes):
        assert read_requests(prompt, stems) == Reading(), prompt


def test_a_wish_for_the_mix_takes_nothing_from_what_is_said_beside_it() -> None:
    for wish in ("fix it", "please balance the mix", "something is off", "clean this up", "mix these stems"):
        for prompt in (f"{wish}, the drums are too loud", f"the drums are too loud. {wish}"):
            reading = read_requests(prompt, FOUR)
            assert needs(reading) == [("drums", "db", -1)], prompt
            assert reading.unread == (), prompt
    assert needs(read_requests("the vocals sound odd, fix them", ["vocals"])) == [("vocals", "", 0)]
    assert needs(read_requests("fix the mix, it is muddy", ["vocals"])) == [("vocals", "low_gain", -1)]


def test_what_is_complained_about_and_then_praised_is_not_done_and_given_back() -> None:
    for complaint in ("the drums are on the left", "the drums are too loud", "the drums have too much reverb"):
        for praise in ("and that's fine", "which is good", "but it's ok", "i like it that way", "i'm fine with that"):
            assert read_requests(f"{complaint}, {praise}", FOUR) == Reading((), (), (complaint,)), praise
            reading = read_requests(f"{complaint}, {praise}, but the bass is muddy", FOUR)
            assert needs(reading) == [("bass", "low_gain", -1)], praise
            assert reading.unread == (complaint,), praise


@pytest.mark.parametrize("more", ["is that ok?", "but they're great", "great song", "thanks, that helps", "I love it"])
def test_other_praise_withdraws_nothing(more: str) -> None:
    assert needs(read_requests(f"the drums are too loud. {more}", FOUR)) == [("drums", "db", -1)]


def test_what_is_given_back_is_short() -> None:
    long = "turn the drums down a bit " + "please " * 20
    [request] = read_requests(long, FOUR).requests
    assert request.text == "turn the drums down a bit please please please please ple..."
    [unread] = read_requests(f"{long} or not", FOUR).unread
    assert unread == request.text
    assert len(unread) == 60


def test_a_prompt_whose_end_is_not_read_says_so() -> None:
    long = "drums up. " + "bass down. " * 180 + "vocals are muddy"
    reading = read_requests(f"{long}, the drums are too loud", FOUR)
    assert reading.cut
    assert needs(reading) == [("drums", "db", 1), ("bass", "db", -1)]
    assert reading.unread == ()
    assert not read_requests("drums up" + " " * 3000, FOUR).cut
    assert not read_requests("x" * 2000, FOUR).cut
    assert read_requests("drums up " * 300, FOUR) == Reading(cut=True)


def test_a_stem_is_only_looked_at_where_nobody_says_what_is_wrong() -> None:
    assert needs(read_requests("fix the drums", FOUR)) == [("drums", "", 0)]
    for prompt in ("fix the drums, they're too loud", "the drums are too loud, fix them"):
        assert needs(read_requests(prompt, FOUR)) == [("drums", "db", -1)]


def test_every_phrase_of_the_table_is_found() -> None:
    for need, phrases in [*COMPLAINTS.items(), *ORDERS.items()]:
        assert not isinstance(phrases, str)
        for phrase in phrases:
            found = read_requests(f"{phrase} vocals", ["vocals", "drums"])
            assert [(r.tool, r.argument, r.sign) for r in found.requests] in ([need], []), phrase


names_of_stems = st.lists(st.text(max_size=30) | st.sampled_from([*FOUR, "01_Lead-Vox", "GTR L", "", "3", "mix"]))
SAID = "drums vocals the bass turn up down more less bit 3 dB -2 % and , . but not louder than mix muddy on by"
words = st.sampled_from(SAID.split())


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | st.lists(words, max_size=30).map(" ".join), names_of_stems)
def test_any_text_is_read_and_only_what_there_is_is_named(prompt: str, names: list[str]) -> None:
    reading = read_requests(prompt, names)
    assert {r.stem for r in reading.requests} | set(reading.alone) <= set(names)
    assert not {r.stem for r in reading.requests} & set(reading.alone)
    for request in reading.requests:
        if request.tool:
            TOOLS[request.tool].parameter(request.argument)
        assert request.sign in (-1, 0, 1)
        assert request.amount is None or request.amount >= 0


@pytest.mark.parametrize(
    "unit",
    ["up ", "bit ", "b,", "b loud, ", "more bass on ", "is than ", "3 dB ", "1", "to 1", "(", "\n", "b and ", "it "],
)
def test_hostile_repetition_takes_no_time(unit: str) -> None:
    stems = [*(f"stem {number} drums vocals bass" for number in range(16)), *"bcefghijklnopqru"]
    assert len(stems) == 32
    start = time.process_time()
    read_requests(unit * 2000, stems)
    assert time.process_time() - start < 2


def test_the_last_word_counts_and_what_it_contradicts_is_given_back() -> None:
    reading = read_requests("drums up. bass down. drums down", FOUR)
    assert needs(reading) == [("drums", "db", -1), ("bass", "db", -1)]
    assert reading.unread == ("drums up",)


def test_what_is_to_be_left_alone_is_left_alone_whatever_else_is_said() -> None:
    for prompt in ("don't touch the drums. drums louder", "drums louder, leave the drums alone"):
        assert read_requests(prompt, FOUR) == Reading((), ("drums",))


def test_praise_does_not_take_back_a_request() -> None:
    assert needs(read_requests("great drums, but the drums are too loud", FOUR)) == [("drums", "db", -1)]
    assert read_requests("great song", FOUR) == Reading()


def test_a_single_stem_need_not_be_named() -> None:
    assert needs(read_requests("louder", ["vocals"])) == [("vocals", "db", 1)]
    assert read_requests("louder", FOUR) == Reading((), (), ("louder",))


@pytest.mark.parametrize(
    "prompt",
    [
        *("drums 3", "drums at -6 dB", "turn the drums down to -6 dB", "drums up 3 times", "drums up 20", "drums 50%"),
        *("boost 3 kHz on the drums", "drums up 2k", "cut 300 Hz on the drums by 2 dB", "drums 1-2 dB louder"),
        *(
            "drums 10% louder",
            "drums louder by -3 dB",
            "compress the drums by 3 dB",
            "limit the drums by 3 dB",
            "drums -3 LUFS",
            "pan drums 30%",
        ),
    ],
)
def test_numbers_that_are_not_understood_are_given_back(prompt: str) -> None:
    assert read_requests(prompt, FOUR) == Reading((), (), (prompt.lower(),))


def test_numbers_are_read_where_they_say_by_how_much() -> None:
    for text, amount in [("2 dB", 2.0), ("2,5 dB", 2.5), (".5 dB", None), ("about 1dB", 1.0)]:
        found = [r.amount for r in read_requests(f"turn the drums down by {text}", FOUR).requests]
        assert found == ([] if amount is None else [amount]), text
    [request] = read_requests("pan the drums 30% to the left", FOUR).requests
    assert (request.sign, request.amount, request.place) == (-1, pytest.approx(0.3), True)


def test_a_list_of_numbered_points_has_no_amounts() -> None:
    found = read_requests("1. drums up 2. bass down", FOUR).requests
    assert [(r.stem, r.sign, r.amount) for r in found] == [("drums", 1, None), ("bass", -1, None)]


@pytest.mark.parametrize("prompt", ["vocals have too much reverb, turn it down", "vocals have too much reverb, -2 dB"])
def test_what_may_be_said_of_a_tone_does_not_change_the_volume(prompt: str) -> None:
    reading = read_requests(prompt, FOUR)
    assert needs(reading) == [("vocals", "amount", -1)]
    assert len(reading.unread) == 1


def test_a_stem_that_there_is_not_is_said_beside_others() -> None:
    reading = read_requests("turn down the drums and the snare", FOUR)
    assert needs(reading) == [("drums", "db", -1)]
    assert reading.unread == ("the snare",)


def test_what_is_taken_back_is_not_done() -> None:
    assert not read_requests("turn the drums down. no, wait", FOUR).requests


def test_names_on_files_are_known_by_what_people_call_them() -> None:
    stems = ["01_Lead-Vox", "02_BGV", "Kick In", "Bass Drum", "Bass DI", "GTR L", "GTR R", "Piano"]
    called: dict[str, list[str]] = {
        "lead vocal": ["01_Lead-Vox"],
        "backing vocals": ["02_BGV"],
        "vocals": ["01_Lead-Vox", "02_BGV"],
        "kick": ["Kick In"],
        "bass": ["Bass DI"],
        "guitars": ["GTR L", "GTR R"],
        "left guitar": ["GTR L"],
        "organ": [],
        "drum bus": [],
        "lead guitar": [],
    }
    for name, meant in called.items():
        assert [r.stem for r in read_requests(f"turn up the {name}", stems).requests] == meant, name
