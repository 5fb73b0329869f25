"""Lets the mixer speak: line by line, always within the grammar, and only where it is sure enough.

At each choice the tools are gone through in the table's order; one is taken where its probability among itself, the
later tools and the line's end exceeds its threshold. So a threshold decides about its tool alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.instructions import Call
from soundwright.mixing.features import evidence_kind, shown
from soundwright.mixing.fitting import NOTHING_DB
from soundwright.mixing.labels import CENTRES, FIRST, SCALES, TOOL_NAMES, VALUES
from soundwright.mixing.model.contract import Floats, Inputs, MixerModel
from soundwright.mixing.model.settings import Thresholds
from soundwright.mixing.tokens import LINE, OPENINGS, PAD, decode, number_id
from soundwright.mixing.tools import TOOLS, canonical

_SURE_DB = 2.0  # deviation of what a reference shows, up to which it speaks against calls
_PLAIN_DB, _PLAIN_TIMES = 0.5, 3.0  # deviation up to which, and size from which in times of nothing, it is plain
#: What reference stems of another section must show of a strange stem: more than two sections differ by themselves. In
#: tone these differ as much as an EQ changes.
_CLEAR_DB = {"change_volume": 6.0, "apply_pan": 3.0}


@dataclass(frozen=True)
class Spoken:
    """What the mixer said about one example.

    Attributes:
        instructions: canonical.
        confidences: by stem and tool, 0 to 1.
        errors: expected absolute error of each argument in its unit, by stem, tool and argument.
        touch: how likely anything is wrong at all.
        tokens: what it said, token by token.
        strange: stems on which it held back, see `Familiarity.strange`.
    """

    instructions: dict[str, tuple[Call, ...]]
    confidences: dict[tuple[str, str], float]
    errors: dict[tuple[str, str, str], float]
    touch: float
    tokens: list[int]
    strange: tuple[str, ...] = ()


def speak(
    mixer: MixerModel,
    inputs: Inputs,
    thresholds: Mapping[str, Thresholds] | None = None,
    asked: Collection[tuple[str, str]] = (),
) -> list[Spoken]:
    """Writes instructions for B examples at once.

    Args:
        mixer: that is asked.
        inputs: of the examples.
        thresholds: by kind of evidence (`features.EVIDENCE`); the mixer's own by default.
        asked: calls, as (stem, tool), of which only the amount is asked: that they are wanted is known.
    """
    known = mixer.settings.thresholds if thresholds is None else thresholds
    stream = mixer.begin(inputs)
    kinds = [evidence_kind(*pair) for pair in zip(inputs.stem_features, inputs.mix_features, strict=True)]
    touch = stream.touch.tolist()
    writers = []
    for place, names in enumerate(inputs.names):
        kind, seen = kinds[place], inputs.stem_features[place]
        # What is compared moment by moment needs no experience with the instrument.
        strange = () if kind == "aligned" else mixer.familiarity.strange(names, seen)
        refused = unshown(seen, kind, names) | unsupported(seen, kind, names, strange)
        certain = plainly_shown(seen, kind, names, mixer.settings.tools)
        wanted = (set(asked) | certain) - refused
        limits = known.get(kind, Thresholds())
        writers.append(_Writer(list(names), limits, touch[place], refused, strange, wanted, certain))
    while not all(writer.done for writer in writers):
        pieces = [(writer.tokens or [PAD])[-1] for writer in writers]
        stems = [min(writer.stem, len(writer.names) - 1) for writer in writers]
        said = stream.step(pieces, stems, [writer.state for writer in writers])
        for writer, chances, values, spreads in zip(writers, *said, strict=True):
            writer.hear(chances, values, spreads)
    return [writer.result() for writer in writers]


def unshown(stem_features: NDArray[np.float32], kind: str, names: Sequence[str]) -> set[tuple[str, str]]:
    """Calls that a reference speaks against: it shows next to nothing of what they would mend.

    The network learned this from instruments that it knows; of others it may say what no reference supports.

    Args:
        stem_features: of one example, `[S, STEM_FEATURES]`.
        kind: of evidence.
        names: of the stems.
    """
    if kind not in ("aligned", "stems"):
        return set()
    seen = shown(stem_features)
    sure = seen.deviation < _SURE_DB
    return {
        (name, tool)
        for tool, size in seen.sizes().items()
        for place, name in enumerate(names)
        if sure[place] and size[place] < NOTHING_DB[tool]
    }


def unsupported(
    stem_features: NDArray[np.float32], kind: str, names: Sequence[str], strange: Collection[str]
) -> set[tuple[str, str]]:
    """Calls on strange stems for which there is nothing but what stems usually sound like.

    Args:
        stem_features: of one example, `[S, STEM_FEATURES]`.
        kind: of evidence.
        names: of the stems.
        strange: those of which it knows nothing, see `Familiarity.strange`.
    """
    seen = shown(stem_features)
    sizes = seen.sizes()
    # Of a bass without highs volume and tone can be told apart in many ways: it must be softer or louder as a whole.
    agrees = seen.level * np.sign(seen.found[:, 0])
    sizes["change_volume"] = np.minimum(sizes["change_volume"], agrees)
    supported = {
        (name, tool)
        for tool, size in sizes.items()
        for place, name in enumerate(names)
        if kind == "stems" and size[place] >= _CLEAR_DB.get(tool, np.inf)
    }
    return {(name, tool) for name in strange for tool in TOOLS} - supported


def plainly_shown(
    stem_features: NDArray[np.float32], kind: str, names: Sequence[str], tools: Collection[str]
) -> set[tuple[str, str]]:
    """Calls that a reference of the same performance shows so plainly that nobody need think about them.

    Args:
        stem_features: of one example, `[S, STEM_FEATURES]`.
        kind: of evidence.
        names: of the stems.
        tools: that may be said.
    """
    if kind != "aligned":
        return set()
    seen = shown(stem_features)
    return {
        (name, tool)
        for tool, size in seen.sizes().items()
        for place, name in enumerate(names)
        if tool in tools and seen.deviation[place] < _PLAIN_DB and size[place] > _PLAIN_TIMES * NOTHING_DB[tool]
    }


def doubt(errors: Mapping[tuple[str, str, str], float], stem: str, call: Call) -> float:
    """By how much a call's arguments are expected to be off, as a part of how far they are from doing nothing."""
    size = off = 0.0
    for name, value in call.arguments.items():
        parameter = TOOLS[call.tool].parameter(name)
        if parameter.neutral is not None:
            size += abs(value - parameter.neutral)
            off += errors[stem, call.tool, name]
    return off / max(size, 1e-9)


class _Writer:
    """One example's lines as they grow. `tokens` ends with what the decoder reads next."""

    def __init__(
        self,
        names: list[str],
        thresholds: Thresholds,
        touch: float,
        refused: Collection[tuple[str, str]],
        strange: tuple[str, ...],
        wanted: Collection[tuple[str, str]],
        certain: Collection[tuple[str, str]],
    ) -> None:
        self.names, self.thresholds, self.touch = names, thresholds, touch
        self.refused, self.strange, self.wanted, self.certain = refused, strange, wanted, certain
        self.stem = self.state = self.given = 0  # `given`: numbers of the last tool
        self.tokens: list[int] = [LINE] if names else []
        self.column: int | None = None
        self.confidences: dict[tuple[str, str], float] = {}
        self.errors: dict[tuple[str, str, str], float] = {}
        self.done = not names
        self._silent = touch < thresholds.touch

    def hear(self, chances: Floats, values: Floats, spreads: Floats) -> None:
        """Takes what the decoder says next: `[choices]`, `[values]`, `[values]`."""
        if self.done:
            return
        if self.column is not None:
            self._number(float(values[self.column]), float(spreads[self.column]))
        elif self.state and self.given < len(TOOLS[TOOL_NAMES[self.state - 1]].parameters):
            self._open()
        else:
            self._choose(chances)

    def _number(self, scaled: float, spread: float) -> None:
        assert (column := self.column) is not None
        tool, parameter = VALUES[column]
        value = parameter.snap(scaled * float(SCALES[column]) + float(CENTRES[column]))
        self.errors[self.names[self.stem], tool, parameter.name] = spread * float(SCALES[column])
        self.tokens.append(number_id(value))
        self.given += 1
        self.column = None

    def _choose(self, chances: Floats) -> None:
        rest = float(chances[0]) + float(chances[self.state + 1 :].sum())
        for place in range(self.state + 1, len(TOOL_NAMES) + 1):
            chance = float(chances[place])
            sure = chance / max(rest, 1e-9)
            name = TOOL_NAMES[place - 1]
            if (self.names[self.stem], name) in self.refused:
                rest -= chance
                continue
            is_sure = not self._silent and sure > self.thresholds.call.get(name, 0.5)
            if is_sure or ((self.names[self.stem], name) in self.wanted and chance > 0):
                self.confidences[self.names[self.stem], name] = sure
                self.state, self.given = place, 0
                self._open()
                return
            rest -= chance
        self._end_line()

    def _open(self) -> None:
        self.column = FIRST[TOOL_NAMES[self.state - 1]] + self.given
        self.tokens.append(OPENINGS[self.column])

    def _end_line(self) -> None:
        self.stem, self.state = self.stem + 1, 0
        self.done = self.stem == len(self.names)
        if not self.done:
            self.tokens.append(LINE)

    def result(self) -> Spoken:
        """Everything that was said."""
        said = {
            stem: tuple(
                c
                for c in calls
                if (stem, c.tool) in self.certain or doubt(self.errors, stem, c) <= self.thresholds.doubt
            )
            for stem, calls in decode(self.tokens, self.names).items()
        }
        return Spoken(canonical(said), self.confidences, self.errors, self.touch, self.tokens, self.strange)
