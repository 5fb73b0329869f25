"""The decoder's vocabulary for instructions: one token per piece of text, whatever the decoder's own language is.

    <line> change_volume(db= -3.0 apply_eq(low_gain= 2.0 , mid_gain= -1.0 , high_gain= 1.5 <end>

A line stands for a stem; parentheses close by themselves; `<end>` is said but not read, since the next line follows it.
The tokens have embeddings of their own, so that a decoder from the hub keeps its vocabulary and its files as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.instructions import Call, Instructions, number_text
from soundwright.mixing.labels import CENTRES, FIRST, SCALES, TOOL_NAMES, VALUES
from soundwright.mixing.tools import TOOLS, fill

PAD, LINE, END = 0, 1, 2
_SPECIAL = ("<pad>", "<line>", "<end>")


def _opening(column: int) -> str:
    tool, parameter = VALUES[column]
    return f"{tool}({parameter.name}=" if FIRST[tool] == column else f", {parameter.name}="


#: The token after which the number of a column of values stands.
OPENINGS: tuple[int, ...] = tuple(range(len(_SPECIAL), len(_SPECIAL) + len(VALUES)))
_NUMBERS = sorted({value for _, parameter in VALUES for value in parameter.values()})
PIECES: tuple[str, ...] = (*_SPECIAL, *map(_opening, range(len(VALUES))), *map(number_text, _NUMBERS))
_FIRST_NUMBER = len(_SPECIAL) + len(VALUES)
_NUMBER_IDS = {value: _FIRST_NUMBER + place for place, value in enumerate(_NUMBERS)}
#: What a decoder chooses from: the end of a line, or the first opening of a tool, in the table's order.
CHOICES: tuple[int, ...] = (END, *(OPENINGS[FIRST[name]] for name in TOOL_NAMES))
IGNORE = -100


def number_id(value: float) -> int:
    """The token of a number on a tool's grid.

    Raises:
        KeyError: it is on none.
    """
    return _NUMBER_IDS[value]


def number_of(token: int) -> float:
    """The number that a token stands for."""
    return _NUMBERS[token - _FIRST_NUMBER]


@dataclass(frozen=True)
class TokenSequence:
    """Instructions of an example as the decoder is trained on them, `[T]` each.

    Attributes:
        ids: tokens.
        stem: whose line it is.
        state: after how many tools of the table the line stands: 0 at its beginning, else 1 + place of the last one.
        choice: what must come next, as a place in `CHOICES`; -100 where nothing is chosen.
        column: of the number that must come next; -100 where none does.
        value: this number, scaled.
    """

    ids: NDArray[np.int64]
    stem: NDArray[np.int64]
    state: NDArray[np.int64]
    choice: NDArray[np.int64]
    column: NDArray[np.int64]
    value: NDArray[np.float32]


def encode(labels: Instructions, stems: Sequence[str]) -> TokenSequence:
    """Canonical instructions for stems in order; each position knows what it must say next, so nothing is shifted."""
    rows: list[tuple[int, int, int, int, int, float]] = []
    for place, stem in enumerate(stems):
        calls = labels.get(stem, ())
        choices = [1 + TOOL_NAMES.index(call.tool) for call in calls] + [0]
        rows.append((LINE, place, 0, choices[0], IGNORE, 0.0))
        for number, call in enumerate(calls):
            state = choices[number]
            values = list(fill(call).values())
            for offset, value in enumerate(values):
                column = FIRST[call.tool] + offset
                scaled = (value - float(CENTRES[column])) / float(SCALES[column])
                rows.append((OPENINGS[column], place, state, IGNORE, column, scaled))
                then = choices[number + 1] if offset == len(values) - 1 else IGNORE
                rows.append((number_id(value), place, state, then, IGNORE, 0.0))
    table = np.array(rows)
    ids, of, state, choice, column = table[:, :5].T.astype(np.int64)
    return TokenSequence(ids, of, state, choice, column, table[:, 5].astype(np.float32))


def decode(ids: Sequence[int], stems: Sequence[str]) -> dict[str, tuple[Call, ...]]:
    """Tokens of whole lines back to instructions; stems without calls do not appear.

    Raises:
        ValueError: the tokens are no lines of calls for these stems.
    """
    instructions: dict[str, tuple[Call, ...]] = {}
    at = 0
    tokens = list(ids)
    for stem in stems:
        if at >= len(tokens) or tokens[at] != LINE:
            raise ValueError(f"expected {PIECES[LINE]} at token {at}")
        at += 1
        calls = []
        while at < len(tokens) and tokens[at] not in (LINE, END):
            name, at, arguments = _read_call(tokens, at)
            calls.append(Call(name, arguments))
        if at < len(tokens) and tokens[at] == END:
            at += 1
        if calls:
            instructions[stem] = tuple(calls)
    if at != len(tokens):
        raise ValueError(f"expected {len(stems)} lines, found more")
    return instructions


def _read_call(tokens: list[int], at: int) -> tuple[str, int, Mapping[str, float]]:
    first = tokens[at]
    if first not in CHOICES[1:]:
        raise ValueError(f"expected a tool at token {at}")
    name = TOOL_NAMES[CHOICES.index(first) - 1]
    arguments = {}
    for offset, parameter in enumerate(TOOLS[name].parameters):
        pair = tokens[at : at + 2]
        if len(pair) < 2 or pair[0] != OPENINGS[FIRST[name] + offset] or pair[1] < _FIRST_NUMBER:
            raise ValueError(f"expected {parameter.name} and a number at token {at}")
        value = number_of(pair[1])
        if parameter.snap(value) != value:
            raise ValueError(f"expected a value of {parameter.name} at token {at + 1}, found {value}")
        arguments[parameter.name] = value
        at += 2
    return name, at, arguments
