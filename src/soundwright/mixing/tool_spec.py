"""What a tool of the mixer is: its parameters, what it does, what undoes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.instructions import Call

Stereo = NDArray[np.float64]
Arguments = Mapping[str, float]


@dataclass(frozen=True)
class Parameter:
    """A number that a tool takes.

    Attributes:
        name: as in the instructions.
        unit: `dB`, `Hz`, or what the number is.
        low: lowest value.
        high: highest value.
        step: values are multiples of it.
        neutral: the value that leaves the sound alone; None where that depends on the other parameters alone.
        default: what an omitted argument means.
        doc: what it does, in a few words.
    """

    name: str
    unit: str
    low: float
    high: float
    step: float
    neutral: float | None
    default: float
    doc: str

    def snap(self, value: float) -> float:
        """The nearest value on the grid and in the range."""
        steps = round(min(max(value, self.low), self.high) / self.step)
        digits = max(0, -math.floor(math.log10(self.step)) + 1)
        return round(steps * self.step, digits) + 0.0

    def values(self) -> list[float]:
        """All values on the grid, upwards."""
        first, last = round(self.low / self.step), round(self.high / self.step)
        return [self.snap(step * self.step) for step in range(first, last + 1)]


@dataclass(frozen=True)
class ToolSpec:
    """A tool.

    Attributes:
        name: as in the instructions.
        parameters: in the order in which they are written.
        apply: (samples `[2, N]`, sample rate in Hz, all arguments) -> samples; never called with neutral arguments.
        inverse: (all arguments) -> the call that undoes them best; None where nothing does.
        exact: whether the inverse gives back the input but for rounding.
        doc: what it does, in a few words.
    """

    name: str
    parameters: tuple[Parameter, ...]
    apply: Callable[[Stereo, int, Arguments], Stereo]
    inverse: Callable[[Arguments], Call] | None
    exact: bool
    doc: str

    def parameter(self, name: str) -> Parameter:
        """The parameter of a name.

        Raises:
            KeyError: there is none.
        """
        return next(parameter for parameter in self.parameters if parameter.name == name)

    def is_neutral(self, arguments: Arguments) -> bool:
        """Whether these arguments, all given, leave any sound as it is."""
        deciding = [parameter for parameter in self.parameters if parameter.neutral is not None]
        return all(arguments[parameter.name] == parameter.neutral for parameter in deciding)
