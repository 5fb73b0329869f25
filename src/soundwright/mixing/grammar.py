"""Which token may follow: every walk through this grammar is instructions that parse and pass `tools.check`.

A line takes the tools in the table's order, each at most once; after a tool stand all its parameters in order, each
with a value of its grid.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.labels import FIRST, TOOL_NAMES
from soundwright.mixing.tokens import CHOICES, LINE, OPENINGS, number_id
from soundwright.mixing.tools import TOOLS


def allowed(tools: Iterable[str]) -> NDArray[np.bool_]:
    """What of `CHOICES` may follow in a state (0 where a line begins, else 1 + place of its last tool).

    Returns:
        `[states, choices]`.

    Args:
        tools: those that may be used at all.
    """
    known = set(tools)
    states = len(TOOL_NAMES) + 1
    table = np.zeros((states, len(CHOICES)), bool)
    table[:, 0] = True  # a line may end after any call, and before the first
    for place, name in enumerate(TOOL_NAMES, start=1):
        table[:place, place] = name in known
    return table


def random_walk(rng: np.random.Generator, num_stems: int, tools: Iterable[str] = TOOL_NAMES) -> list[int]:
    """Tokens of random lines, for tests: what a decoder without any knowledge would say."""
    table = allowed(tools)
    tokens = []
    for _ in range(num_stems):
        tokens.append(LINE)
        state = 0
        while (choice := int(rng.choice(np.flatnonzero(table[state])))) != 0:
            state = choice
            name = TOOL_NAMES[choice - 1]
            for offset, parameter in enumerate(TOOLS[name].parameters):
                tokens.append(OPENINGS[FIRST[name] + offset])
                tokens.append(number_id(parameter.values()[int(rng.integers(len(parameter.values())))]))
        tokens.append(CHOICES[0])
    return tokens
