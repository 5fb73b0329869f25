"""Instructions as text: what is written reads back both ways, and what is no instruction is told where."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.core.errors import BadInput
from soundwright.formats.instructions import MAX_CHARACTERS, Call, number_text, parse, render

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
CALLS = st.builds(Call, NAMES, st.dictionaries(NAMES, NUMBERS, max_size=4))
#: Names as file systems have them, and worse: bytes that are no UTF-8 too.
STEMS = st.text(st.characters(), max_size=12)
INSTRUCTIONS = st.dictionaries(STEMS, st.lists(CALLS, max_size=4).map(tuple), max_size=5).filter(
    lambda found: found.get("", (None,)) != ()  # an untouched single file has no line
)
EXAMPLE = "drums: change_volume(db=-3.0) apply_eq(low_gain=2.0, mid_gain=-1.0, high_gain=1.5) apply_reverb()\n"


def read_or_refused(text: str) -> None:
    refusal = ""
    try:
        instructions = parse(text)
    except BadInput as error:
        refusal = str(error)
    if refusal:
        assert refusal.isprintable()
        assert refusal.startswith("line ")
    else:
        assert parse(render(instructions)) == instructions


@given(INSTRUCTIONS)
@settings(max_examples=80, deadline=None)
def test_what_is_written_reads_back(instructions: dict[str, tuple[Call, ...]]) -> None:
    text = render(instructions)
    assert parse(text) == instructions
    assert list(parse(text)) == list(instructions)
    assert render(parse(text)) == text
    assert text.count("\n") == len(instructions)


def test_the_documents_example_is_canonical() -> None:
    assert render(parse(EXAMPLE)) == EXAMPLE
    bare = EXAMPLE.removeprefix("drums: ")
    assert render(parse(bare)) == bare
    assert [call.tool for call in parse(bare)[""]] == ["change_volume", "apply_eq", "apply_reverb"]
    assert parse(EXAMPLE)["drums"][1].arguments == {"low_gain": 2.0, "mid_gain": -1.0, "high_gain": 1.5}


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused_on_one_line(text: str) -> None:
    read_or_refused(text)


@given(st.text(st.sampled_from('drums:f(ab=-3.0e,) "\\\n\t'), max_size=40))
@settings(max_examples=300, deadline=None)
def test_text_made_of_the_marks_of_the_syntax_is_read_or_refused(text: str) -> None:
    read_or_refused(text)


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        ("drums: change_volume(db=nan)", (1, 25), "expected a decimal number, found 'nan.'"),
        ("drums: change_volume(db=inf)", (1, 25), "expected a decimal number"),
        ("f(db=3dB)", (1, 6), "expected a decimal number"),
        ("f(db=--3)", (1, 6), "expected a decimal number"),
        ("f(db=\u0663)", (1, 6), "expected a decimal number"),
        ("f(a=1e999)", (1, 5), "expected a finite number"),
        ("f(a=" + "1" * 100 + ")", (1, 5), "at most 64 characters"),
        ("\n drums: f(", (2, 11), "expected an argument .* found the line's end"),
        ("drums: f(a=1", (1, 13), "expected a comma or a closing parenthesis, found the line's end"),
        ("f(a=1,)", (1, 7), "expected an argument"),
        ("f(a=1 b=2)", (1, 7), "expected a comma"),
        ("f(a=1, a=2)", (1, 8), "expected each argument of 'f' once, found 'a' again"),
        ("f(a:1)", (1, 4), "expected '=', found ':1.'"),
        ("f(g(a=1))", (1, 4), "expected '='"),
        ("f()g()", (1, 4), "expected a space between calls"),
        ("f() )", (1, 5), "expected a tool"),
        ("change_volume db=3", (1, 15), r"expected '\(', found 'db=3'"),
        ("\u00e9q(low=1)", (1, 1), "expected a tool"),
        ("a: f()\nb:\na: f()", (3, 1), "found a second line for the stem 'a'"),
        ("f()\nf()", (2, 1), "found a second line without a stem"),
        (": f()", (1, 1), "expected a stem's name"),
        ('"": f()', (1, 1), "expected a stem's name as a JSON string"),
        ('"a\\q": f()', (1, 1), "expected a stem's name as a JSON string"),
        ('"a: f()', (1, 1), "expected a stem's name as a JSON string"),
        ('"a" f()', (1, 5), "expected ':'"),
        ("a\u2028b: f()", (1, 1), "in quotes"),
        ("x" * 300 + ": f()", (1, 1), "at most 255"),
        ("x" * 300 + "()", (1, 1), "at most 255"),
        ("f(" * 5000, (1, 4), "expected '='"),
    ],
)
def test_what_breaks_the_syntax_is_told_with_its_place(text: str, where: tuple[int, int], told: str) -> None:
    with pytest.raises(BadInput, match=told) as raised:
        parse(text)
    message = str(raised.value)
    assert message.startswith(f"line {where[0]}, column {where[1]}: ")
    assert message.isprintable()
    assert len(message) < 250


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10**6,
        "a " * 500_000,
        "a" + " " * 999_990 + "(",
        '"' + 'a\\"' * 333_000,
        "f(" + "a=1, " * 190_000,
        "f(a=1, " * 140_000,
        ":" * 10**6,
        "f(a=" + "1" * 900_000 + ")",
        "f(x" + "=" * 900_000,
        "\t" * 999_999 + "(",
    ],
    ids=range(10),
)
def test_long_hostile_text_takes_time_in_line_with_its_length(text: str) -> None:
    with pytest.raises(BadInput) as raised:  # in quadratic time the test would not end
        parse(text)
    assert len(str(raised.value)) < 250


def test_text_beyond_all_measure_is_not_looked_at() -> None:
    with pytest.raises(BadInput, match="at most 1,000,000 characters"):
        parse("f() " * (MAX_CHARACTERS // 4 + 1))


def test_blank_lines_windows_line_ends_and_tabs_are_read_over() -> None:
    assert parse("\r\n\tdrums :\tf( a = 1 ,b=2 )\r\n\r\n") == {"drums": (Call("f", {"a": 1.0, "b": 2.0}),)}
    assert parse("drums:\nbass: f()") == {"drums": (), "bass": (Call("f"),)}
    assert parse("") == {}


def test_names_that_would_break_the_line_are_quoted() -> None:
    assert render({"Lead: take 2": (Call("f"),)}) == '"Lead: take 2": f()\n'
    assert render({"Lead Vox #2": ()}) == "Lead Vox #2:\n"
    assert render({"a\nb": ()}) == '"a\\nb":\n'
    assert render({"Stra\u00dfe": ()}) == "Stra\u00dfe:\n"


def test_each_number_has_one_form() -> None:
    assert [number_text(value) for value in (-3, 0.1, -0.0, 1e-5)] == ["-3.0", "0.1", "0.0", "1e-05"]
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite"):
            number_text(value)


def test_what_cannot_be_read_back_is_not_written() -> None:
    with pytest.raises(ValueError, match="a name"):
        render({"drums": (Call("f g"),)})
    with pytest.raises(ValueError, match="a name"):
        render({"drums": (Call("f", {"a=1, b": 2.0}),)})
    with pytest.raises(ValueError, match="at most 255"):
        render({"d" * 256: ()})


def test_a_call_knows_its_place_and_is_equal_without_it() -> None:
    call = parse("bass: f()\ndrums: f() g(a=1)")["drums"][1]
    assert call.where == "line 2, column 12: "
    assert call == Call("g", {"a": 1.0})
    assert Call("g").where == ""
