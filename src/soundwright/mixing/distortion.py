"""Makes a good mix worse in a known way, so that what mends it is known too.

A tool that has an inverse is applied, and the label is `ToolSpec.inverse`, taken once. A tool that has none (reverb,
the passes, the limiter) is *left out*: the target is the sound with it, the model gets the sound without, the label is
the tool itself. Either way the label carried out on what the model gets leads to the target.

Labels are carried out in canonical order, so distortions are applied in the reverse of the order of their labels. One
pair does not commute: a pass that is left out before dynamics that are undone; there the label is near, not exact.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from soundwright.formats.instructions import Call, Instructions
from soundwright.mixing.executor import MixingTools, Samples
from soundwright.mixing.tools import TOOLS, canonical, inverse


class Span(BaseModel):
    """Values of one argument, drawn evenly from the tool's grid.

    Attributes:
        low: lowest.
        high: highest.
        least: nothing nearer than this to the neutral value, at which there would be little to hear.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    least: float = Field(default=0.0, ge=0.0)


@functools.cache
def _values(tool: str, argument: str, span: Span) -> tuple[float, ...]:
    parameter = TOOLS[tool].parameter(argument)
    neutral = parameter.neutral
    half = parameter.step / 2  # for the rounding of decimals
    return tuple(
        value
        for value in parameter.values()
        if span.low - half < value < span.high + half and (neutral is None or abs(value - neutral) > span.least - half)
    )


class ToolRanges(BaseModel):
    """How one tool is drawn.

    Attributes:
        probability: its weight beside the other tools.
        arguments: by name; what is missing has the table's default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(ge=0.0, allow_inf_nan=False)
    arguments: dict[str, Span] = {}


_DEFAULT = {
    "change_volume": ToolRanges(probability=1.0, arguments={"db": Span(low=-12, high=12, least=3)}),
    "apply_pan": ToolRanges(probability=1.0, arguments={"balance": Span(low=-1, high=1, least=0.3)}),
    "apply_eq": ToolRanges(
        probability=1.0,
        arguments={name: Span(low=-9, high=9, least=2) for name in ("low_gain", "mid_gain", "high_gain")},
    ),
}


class Ranges(BaseModel):
    """What distortions are drawn from.

    Attributes:
        untouched: part of the examples that stay as they are; in the others at least one stem is distorted.
        fewest: calls per stem, at least.
        most: calls per stem, at most; each number between is as likely.
        tools: by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    untouched: float = Field(default=0.25, ge=0.0, le=1.0)
    fewest: int = Field(default=0, ge=0)
    most: int = Field(default=2, ge=1)
    tools: dict[str, ToolRanges] = _DEFAULT

    @model_validator(mode="after")
    def _fits_the_table(self) -> Ranges:
        for name, drawn in self.tools.items():
            if name not in TOOLS:
                raise ValueError(f"there is no tool {name!r}; there is {', '.join(TOOLS)}")
            for argument, span in drawn.arguments.items():
                names = [parameter.name for parameter in TOOLS[name].parameters]
                if argument not in names:
                    raise ValueError(f"{name} has no argument {argument!r}; it has {', '.join(names)}")
                if not _values(name, argument, span):
                    raise ValueError(f"{name}: no value of {argument} is within {span!r}")
            if drawn.probability and self._only_neutral(name, drawn):
                raise ValueError(f"{name}: each of these settings leaves the sound alone")
        usable = sum(drawn.probability > 0 for drawn in self.tools.values())
        if not self.fewest <= self.most <= usable:
            raise ValueError(f"expected fewest <= most <= {usable}, the tools with a probability above 0")
        return self

    def _only_neutral(self, name: str, drawn: ToolRanges) -> bool:
        """Whether the setting farthest from neutral is neutral."""
        far = {}
        for p in TOOLS[name].parameters:
            values = _values(name, p.name, drawn.arguments[p.name]) if p.name in drawn.arguments else (p.default,)
            far[p.name] = max(values, key=lambda value, neutral=p.neutral or 0.0: abs(value - neutral))  # type: ignore[misc]
        return TOOLS[name].is_neutral(far)


_RANGES = Ranges()


@dataclass(frozen=True)
class Drawn:
    """A distortion of one example.

    Attributes:
        applied: to the good stems, in this order, to get what the model hears.
        labels: what the model is to say, canonical; carried out on what it hears, they give the target.
        wanted: to the good stems to get the target; empty but for tools that are left out.
    """

    applied: Instructions
    labels: Instructions
    wanted: Instructions


def draw(seed: int, epoch: int, item: int | str, stems: Iterable[str], ranges: Ranges | None = None) -> Drawn:
    """Draws the distortion of an item; the same arguments always give the same, whatever else is drawn.

    Args:
        seed: of the training.
        epoch: counted from 0.
        item: what the example is called.
        stems: their names; the order does not matter.
        ranges: what is drawn from; by default volume, place and tone, up to two calls per stem.
    """
    ranges = _RANGES if ranges is None else ranges
    names = sorted(stems)
    rng = np.random.default_rng(_entropy(seed, epoch, item))
    if not names or rng.random() < ranges.untouched:
        return Drawn({}, {}, {})
    while True:
        chosen = {name: _draw_calls(rng, ranges) for name in names}
        if any(chosen.values()):
            return _as_drawn(chosen)


def distort(
    drawn: Drawn, stems: Mapping[str, NDArray[Any]], sample_rate: int
) -> tuple[dict[str, Samples], dict[str, Samples]]:
    """Carries a distortion out.

    Args:
        drawn: what is to be done.
        stems: good ones, `[2, N]` by name.
        sample_rate: Hz.

    Returns:
        What the model hears, and the target that the labels lead to.
    """
    tools = MixingTools(sample_rate)
    heard = {name: tools.apply(samples, drawn.applied.get(name, ())) for name, samples in stems.items()}
    target = {name: tools.apply(samples, drawn.wanted.get(name, ())) for name, samples in stems.items()}
    return heard, target


def _draw_calls(rng: np.random.Generator, ranges: Ranges) -> list[Call]:
    names = [name for name, drawn in ranges.tools.items() if drawn.probability > 0]
    weights = np.array([ranges.tools[name].probability for name in names])
    count = int(rng.integers(ranges.fewest, ranges.most + 1))
    # The largest of u^(1/w): Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
    keys = rng.random(len(names)) ** (1 / weights)
    return [_draw_call(rng, names[place], ranges.tools[names[place]]) for place in np.argsort(-keys)[:count]]


def _draw_call(rng: np.random.Generator, name: str, drawn: ToolRanges) -> Call:
    while True:
        arguments = {}
        for parameter in TOOLS[name].parameters:
            span = drawn.arguments.get(parameter.name)
            values = (parameter.default,) if span is None else _values(name, parameter.name, span)
            arguments[parameter.name] = values[int(rng.integers(len(values)))]
        if not TOOLS[name].is_neutral(arguments):
            return Call(name, arguments)


def _as_drawn(chosen: Mapping[str, list[Call]]) -> Drawn:
    applied: dict[str, tuple[Call, ...]] = {}
    labels: dict[str, tuple[Call, ...]] = {}
    wanted: dict[str, tuple[Call, ...]] = {}
    for stem, calls in chosen.items():
        undone = {undo.tool: (call, undo) for call in calls if (undo := inverse(call)) is not None}
        left_out = [call for call in calls if inverse(call) is None]
        stem_labels = canonical({stem: (*(undo for _, undo in undone.values()), *left_out)}).get(stem, ())
        if not stem_labels:
            continue
        labels[stem] = stem_labels
        # What is undone first was done last.
        applied[stem] = tuple(undone[label.tool][0] for label in reversed(stem_labels) if label.tool in undone)
        wanted[stem] = tuple(label for label in stem_labels if label.tool not in undone)
    return Drawn(_without_empty(applied), labels, _without_empty(wanted))


def _without_empty(instructions: Mapping[str, tuple[Call, ...]]) -> dict[str, tuple[Call, ...]]:
    return {stem: calls for stem, calls in instructions.items() if calls}


def _entropy(seed: int, epoch: int, item: int | str) -> int:
    text = f"{seed}/{epoch}/{item}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:16])
