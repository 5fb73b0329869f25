"""Carrying out instructions: every tool of the table, any shape, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.instructions import Call, parse
from soundwright.mixing.executor import MixingTools
from soundwright.mixing.tools import TOOLS, fill

RATE = 22_050


def sound(num_samples: int = RATE, channels: int = 2) -> NDArray[np.float32]:
    return (0.3 * np.random.default_rng(1).standard_normal((channels, num_samples))).astype(np.float32)


@pytest.mark.parametrize("name", TOOLS)
def test_neutral_arguments_give_the_same_samples(name: str) -> None:
    neutral = {p.name: p.default if p.neutral is None else p.neutral for p in TOOLS[name].parameters}
    samples = sound()
    assert TOOLS[name].is_neutral(neutral)
    assert getattr(MixingTools(RATE), name)(samples, **neutral) is samples


@pytest.mark.parametrize("name", TOOLS)
def test_any_other_value_changes_the_sound(name: str) -> None:
    tool = TOOLS[name]
    for parameter in tool.parameters:
        value = parameter.low if parameter.neutral == parameter.high else parameter.high
        if parameter.name == "threshold_db":
            value = parameter.low
        changed = getattr(MixingTools(RATE), name)(sound(), **{parameter.name: value})
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()
        assert np.abs(changed - sound()).max() > 1e-3


@pytest.mark.parametrize("name", [name for name, tool in TOOLS.items() if tool.exact])
def test_the_inverse_brings_the_sound_back(name: str) -> None:
    tool, tools = TOOLS[name], MixingTools(RATE)
    call = Call(name, {p.name: p.low if p.name == "threshold_db" else p.high for p in tool.parameters})
    undo = tool.inverse(fill(call)) if tool.inverse else None
    assert undo is not None
    back = tools.apply(tools.apply(sound(), [call]), [undo])
    assert np.abs(back - sound()).max() < 3e-6


@pytest.mark.parametrize("rate", [8000, 44_100, 96_000])
@pytest.mark.parametrize("name", TOOLS)
def test_mono_becomes_stereo_and_any_length_is_kept(name: str, rate: int) -> None:
    tools = MixingTools(rate)
    for num_samples in (0, 1, 2, 1000):
        mono = sound(num_samples, 1)
        changed = getattr(tools, name)(mono)
        assert changed.shape == (2, num_samples)
        np.testing.assert_array_equal(changed, getattr(tools, name)(np.repeat(mono, 2, axis=0)))
        np.testing.assert_array_equal(changed, getattr(tools, name)(mono[0]))


@pytest.mark.parametrize("name", TOOLS)
def test_silence_stays_silence(name: str) -> None:
    assert not getattr(MixingTools(RATE), name)(np.zeros((2, 5000), np.float32)).any()


def test_a_limiter_keeps_its_ceiling() -> None:
    assert np.abs(MixingTools(RATE).apply_limiter(10 * sound(), ceiling_db=-6.0)).max() <= 10 ** (-6 / 20)


def test_calls_are_carried_out_in_their_order() -> None:
    tools = MixingTools(RATE)
    louder, squeezed = Call("change_volume", {"db": 12.0}), Call("apply_compressor", {"threshold_db": -20.0})
    one, other = tools.apply(sound(), [louder, squeezed]), tools.apply(sound(), [squeezed, louder])
    assert np.abs(one - other).max() > 0.1


def test_a_mix_is_the_sum_of_the_stems_as_long_as_the_longest() -> None:
    stems = {"drums": sound(1000), "bass": sound(600, 1)}
    done, mix = MixingTools(RATE).mix(stems, parse("drums: change_volume(db=-6)"))
    np.testing.assert_allclose(done["drums"], stems["drums"] * 10 ** (-6 / 20), atol=1e-6)
    np.testing.assert_array_equal(done["bass"], np.repeat(stems["bass"], 2, axis=0))
    expected = done["drums"].copy()
    expected[:, :600] += done["bass"]
    np.testing.assert_allclose(mix, expected, atol=1e-6)
    assert mix.shape == (2, 1000)


def test_a_bare_line_is_for_the_only_stem() -> None:
    done, mix = MixingTools(RATE).mix({"song": sound()}, parse("change_volume(db=6)"))
    np.testing.assert_allclose(mix, sound() * 10 ** (6 / 20), rtol=1e-5)
    with pytest.raises(UsageError, match="say no stem"):
        MixingTools(RATE).mix({"a": sound(), "b": sound()}, parse("change_volume(db=6)"))


def test_no_stems_make_an_empty_mix() -> None:
    done, mix = MixingTools(RATE).mix({}, {})
    assert done == {}
    assert mix.shape == (2, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused_by_name(bad: float) -> None:
    broken = sound()
    broken[0, 7] = bad
    with pytest.raises(BadInput, match="'drums' has samples that are NaN or infinite"):
        MixingTools(RATE).mix({"bass": sound(), "drums": broken}, {})


@pytest.mark.parametrize("shape", [(3, 10), (2, 2, 10), (10, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="one or two channels"):
        MixingTools(RATE).apply(np.zeros(shape, np.float32), [])


def test_what_is_no_tool_is_refused() -> None:
    tools = MixingTools(RATE)
    with pytest.raises(UsageError, match="did you mean apply_eq"):
        tools.apply(sound(), [Call("aply_eq")])
    with pytest.raises(UsageError, match="did you mean low_gain"):
        tools.apply_eq(sound(), low_gian=1.0)
    with pytest.raises(AttributeError, match="there is no tool"):
        tools.explode  # noqa: B018
    assert set(TOOLS) <= set(dir(tools))


@given(st.lists(st.tuples(st.sampled_from(list(TOOLS)), st.lists(st.floats(0, 1), min_size=3, max_size=3)), max_size=5))
@settings(max_examples=40, deadline=None)
def test_any_chain_of_legal_calls_gives_finite_sound(chain: list[tuple[str, list[float]]]) -> None:
    calls = []
    for name, parts in chain:
        drawn = zip(TOOLS[name].parameters, parts, strict=False)
        calls.append(Call(name, {p.name: p.snap(p.low + part * (p.high - p.low)) for p, part in drawn}))
    changed = MixingTools(8000).apply(sound(500), calls)
    assert changed.shape == (2, 500)
    assert np.isfinite(changed).all()


def test_the_input_is_left_alone() -> None:
    samples = sound()
    tools = MixingTools(RATE)
    for name in TOOLS:
        getattr(tools, name)(samples)
    np.testing.assert_array_equal(samples, sound())
