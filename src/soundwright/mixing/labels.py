"""Instructions as arrays: which tools a stem needs, and their arguments. Columns are those of the table of tools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.instructions import Call, Instructions
from soundwright.mixing.tool_spec import Parameter
from soundwright.mixing.tools import TOOLS, fill

#: Columns of presence, and of values: (tool, parameter).
TOOL_NAMES: tuple[str, ...] = tuple(TOOLS)
VALUES: tuple[tuple[str, Parameter], ...] = tuple((t.name, p) for t in TOOLS.values() for p in t.parameters)
#: What a value is divided by where a network handles it: half its range, so that values are about -1 to 1.
SCALES = np.array([(p.high - p.low) / 2 for _, p in VALUES], np.float32)
CENTRES = np.array([(p.high + p.low) / 2 for _, p in VALUES], np.float32)
#: First column of values of each tool.
FIRST: dict[str, int] = {name: [t for t, _ in VALUES].index(name) for name in TOOL_NAMES}


def to_arrays(labels: Instructions, stems: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Instructions for stems in order as presence `[S, tools]` (0 or 1) and values `[S, values]`, 0 where absent."""
    presence = np.zeros((len(stems), len(TOOL_NAMES)), np.float32)
    values = np.zeros((len(stems), len(VALUES)), np.float32)
    for row, stem in enumerate(stems):
        for call in labels.get(stem, ()):
            presence[row, TOOL_NAMES.index(call.tool)] = 1
            for place, value in enumerate(fill(call).values()):
                column = FIRST[call.tool] + place
                values[row, column] = (value - CENTRES[column]) / SCALES[column]
    return presence, values


def to_call(tool: str, scaled: Sequence[float]) -> Call:
    """A call from scaled values of its parameters, snapped to the table's grid."""
    first = FIRST[tool]
    arguments = {}
    for place, parameter in enumerate(TOOLS[tool].parameters):
        column = first + place
        arguments[parameter.name] = parameter.snap(
            float(scaled[place]) * float(SCALES[column]) + float(CENTRES[column])
        )
    return Call(tool, arguments)
