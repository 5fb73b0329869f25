"""Parameters in file names: the document's own names, the other usual style, and a user's expression."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.core.errors import UsageError
from soundwright.sidecar.producers.from_filename import by_default, by_regex

DOCUMENTED = r"_(?P<name>\w+)_(?P<value>-?\d+(\.\d+)?)"


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("foo_pitch_64.00_amp_.75", {"pitch": 64, "amp": 0.75}),
        ("foo_pitch_64_amp_5", {"pitch": 64, "amp": 5}),
        ("x_p64.00_a0.30", {"p": 64, "a": 0.3}),
        ("t_-3.5", {"t": -3.5}),
        ("p-3.5_a.5", {"p": -3.5, "a": 0.5}),
        ("violin2_pitch_64", {"pitch": 64}),
        ("my_filter_cutoff_500", {"cutoff": 500}),
        ("x_gain_-.5_f0_440", {"gain": -0.5, "f0": 440}),
        ("x_gain_1e-3", {"gain": 0.001}),
        ("größe_3", {"größe": 3}),
        ("foo__pitch_3", {"pitch": 3}),
        ("foo", {}),
        ("64", {}),
        ("kick2", {}),
        ("p64_a.5", {"p": 64, "a": 0.5}),
        ("", {}),
        ("1_2_3", {}),
    ],
)
def test_the_usual_styles_are_read(stem: str, expected: dict[str, float]) -> None:
    assert dict(by_default(stem)) == expected


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("foo_pitch_64_amp_5", {"pitch": 64, "amp": 5}),
        ("foo_pitch_64.00_amp_.75", {"pitch": 64, "amp": 0.75}),
        ("foo_pitch_64.00_amp_-.75", {"pitch": 64, "amp": -0.75}),
        ("foo_a_1_b_2_c_3", {"a": 1, "b": 2, "c": 3}),
        ("foo_pitch_640", {"pitch": 640}),
        ("foo_t_-3.5", {"t": -3.5}),
        ("foo", {}),
    ],
)
def test_the_documents_expression_is_not_greedy_here(stem: str, expected: dict[str, float]) -> None:
    assert dict(by_regex(stem, re.compile(DOCUMENTED))) == expected


def test_other_expressions_do_what_they_say() -> None:
    assert dict(by_regex("take3-rms=7-x=2", re.compile(r"(?P<name>[a-z]+)=(?P<value>\d+)"))) == {"rms": 7, "x": 2}
    assert dict(by_regex("k_flute_p_3", re.compile(r"(?P<name>k)_(?P<value>[a-z]+)"))) == {"k": "flute"}
    assert dict(by_regex("pitch_64_amp_5_", re.compile(r"(?P<name>[a-z]+)_(?P<value>\d+)_"))) == {"pitch": 64, "amp": 5}
    assert list(by_regex("abc", re.compile(r"(?P<name>)(?P<value>)"))) == []


NAME = st.from_regex(r"[a-zA-Z][a-zA-Z]{0,6}", fullmatch=True)
NUMBER = st.one_of(
    st.integers(-999, 999).map(str),
    st.floats(-99, 99, allow_nan=False).map(lambda x: f"{x:.2f}"),
    st.integers(0, 99).map(lambda n: f".{n:02d}"),
)


@given(pairs=st.dictionaries(NAME, NUMBER, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_what_is_written_in_a_name_is_read(pairs: dict[str, str]) -> None:
    expected = {name: float(number) for name, number in pairs.items()}
    apart = "foo_" + "_".join(f"{name}_{number}" for name, number in pairs.items())
    assert dict(by_default(apart)) == expected
    assert dict(by_regex(apart, re.compile(DOCUMENTED))) == expected
    glued = "foo_" + "_".join(f"{name}{number}" for name, number in pairs.items())
    assert dict(by_default(glued)) == expected


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_no_name_breaks_the_parser(stem: str) -> None:
    for pairs in (by_default(stem), by_regex(stem, re.compile(DOCUMENTED))):
        for name, value in pairs:
            assert name
            assert isinstance(value, float)


def test_a_second_style_in_one_name_is_told(shop) -> None:
    for path in list(shop.tokens.rglob("*pitch*")):
        path.unlink()
    shop.token("x_p64.00_amp_.75")
    shop.token("x2_amp_.75")
    summary = shop.add(producer="from_filename")
    [(key, text)] = summary.warnings
    assert key == "x_p64.00_amp_.75.ecdc"
    assert "p64.00 in its name was not read" in text


def test_names_without_parameters_and_with_double_ones_are_reported(shop) -> None:
    for key in ("nothing", "x_pitch_1_pitch_2_amp_3"):
        shop.token(key)
    told = {key: str(error) for key, error in shop.add(producer="from_filename").failures}
    assert "finds no parameter in the name 'nothing'" in told["nothing.ecdc"]
    assert "the parameter pitch twice" in told["x_pitch_1_pitch_2_amp_3.ecdc"]


@pytest.mark.parametrize("text", ["(", r"_(\w+)_(\d+)", r"(?P<name>a)"])
def test_a_useless_expression_is_refused(shop, text: str) -> None:
    with pytest.raises(UsageError, match="--filename-regex"):
        shop.add("--filename-regex", text, producer="from_filename")
