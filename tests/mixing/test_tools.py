"""The table of tools, and what is refused by it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.core.errors import UsageError
from soundwright.formats.instructions import Call, parse, render
from soundwright.mixing.tools import TOOLS, Parameter, canonical, check, check_call, fill, inverse

STEMS = ("vocals", "drums", "bass", "other")
PARAMETERS = [(tool.name, parameter) for tool in TOOLS.values() for parameter in tool.parameters]


def calls_of(name: str) -> st.SearchStrategy[Call]:
    arguments = {p.name: st.floats(p.low, p.high) for p in TOOLS[name].parameters}
    return st.fixed_dictionaries({}, optional=arguments).map(lambda some: Call(name, some))


CALLS = st.lists(st.sampled_from(list(TOOLS)), unique=True).flatmap(
    lambda names: st.tuples(*[calls_of(name) for name in names])
)
INSTRUCTIONS = st.dictionaries(st.sampled_from(STEMS), CALLS)


def test_the_table_has_the_tools_of_the_document_in_canonical_order() -> None:
    assert list(TOOLS) == [
        "change_volume",
        "apply_pan",
        "apply_eq",
        "apply_high_pass",
        "apply_low_pass",
        "apply_compressor",
        "apply_expander",
        "apply_reverb",
        "apply_limiter",
    ]
    check(parse("change_volume(db=-3.0) apply_eq(low_gain=2.0, mid_gain=-1.0, high_gain=1.5) apply_reverb()"), ["a"])
    assert fill(Call("apply_reverb")) == {"amount": 0.25}


@pytest.mark.parametrize(("tool", "parameter"), PARAMETERS, ids=lambda value: getattr(value, "name", value))
def test_each_parameter_is_whole(tool: str, parameter: Parameter) -> None:
    assert parameter.low < parameter.high
    assert parameter.doc
    assert parameter.unit
    values = parameter.values()
    assert (values[0], values[-1]) == (parameter.low, parameter.high)
    assert all(parameter.snap(value) == value for value in values)
    np.testing.assert_allclose(np.diff(values), parameter.step)
    assert parameter.default in values
    assert parameter.neutral is None or parameter.neutral in values
    # A number of the grid is short as text, so that a model can write it.
    assert max(len(f"{value:g}") for value in values) <= 5


@pytest.mark.parametrize("name", TOOLS)
def test_inverses_are_legal_calls_that_lead_back_to_the_call(name: str) -> None:
    tool = TOOLS[name]
    highest = Call(name, {parameter.name: parameter.high for parameter in tool.parameters})
    undo = inverse(highest)
    assert (undo is not None) == tool.exact
    if undo is not None:
        check_call(undo)
        assert inverse(undo) == highest


@given(INSTRUCTIONS)
@settings(max_examples=100, deadline=None)
def test_canonical_instructions_are_one_form_that_reads_back(instructions: dict[str, tuple[Call, ...]]) -> None:
    check(instructions, STEMS)
    form = canonical(instructions)
    check(form, STEMS)
    assert canonical(form) == form
    assert parse(render(form)) == form
    order = list(TOOLS)
    for calls in form.values():
        places = [order.index(call.tool) for call in calls]
        assert places == sorted(set(places))
        assert calls
        for call in calls:
            assert list(call.arguments) == [parameter.name for parameter in TOOLS[call.tool].parameters]
            assert not TOOLS[call.tool].is_neutral(call.arguments)


def test_canonical_orders_fills_snaps_and_drops() -> None:
    form = canonical(parse("drums: apply_reverb() apply_eq(low_gain=2.2) change_volume(db=0.1)\nbass: apply_pan()"))
    assert render(form) == "drums: apply_eq(low_gain=2.0, mid_gain=0.0, high_gain=0.0) apply_reverb(amount=0.25)\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("drumz: change_volume()", "column 8: there is no stem 'drumz' -> did you mean drums"),
        ("piano: change_volume()", "there is no stem 'piano' -> there is vocals, drums"),
        ("drums: chnge_volume()", "column 8: there is no tool 'chnge_volume' -> did you mean change_volume"),
        ("drums: explode()", "there is no tool 'explode' -> there is change_volume, apply_pan"),
        ("drums: " + "z" * 255 + "()", "there is no tool 'z"),
        ("drums: apply_eq(low=1)", "no argument of apply_eq 'low' -> did you mean low_gain"),
        ("drums: change_volume(db=25)", "change_volume.db=25.: expected -24 to 24 -> db is gain .dB."),
        ("drums: apply_compressor(ratio=0.5)", "expected 1 to 8"),
        ("drums: apply_pan() apply_pan()", "line 1, column 20: apply_pan stands twice"),
        ("change_volume()", "line 1, column 1: these calls say no stem, and there are 4"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        check(parse(text), STEMS)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused_also_when_no_text_was_read(value: float) -> None:
    with pytest.raises(UsageError, match="expected -24 to 24"):
        check_call(Call("change_volume", {"db": value}))


def test_a_bare_line_is_for_a_single_stem() -> None:
    check(parse("change_volume(db=1)"), ["song"])
    with pytest.raises(UsageError, match="say no stem"):
        check(parse("change_volume(db=1)\nsong: change_volume(db=1)"), ["song"])


def test_the_table_is_light() -> None:
    program = (
        "import sys, soundwright.mixing.executor, soundwright.mixing.prepare;"
        "print([name for name in ('scipy', 'numba', 'torch', 'soundfile') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
