"""Mixing instructions as text: calls of tools, one line per stem. Syntax only; which tools there are is not known here.

    drums: change_volume(db=-3.0) apply_eq(low_gain=2.0, mid_gain=-1.0, high_gain=1.5) apply_reverb()
    "Lead: take 2": apply_pan(balance=-0.3)

A line without a stem is for a single file (document 004's example); its stem is "". A name with one of `:"(),=`, with
control characters, or with spaces at its ends is written as a JSON string. A stem has one line; numbers are decimal.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from soundwright.core.errors import BadInput

#: Far beyond any mix; what is longer is no list of instructions.
MAX_CHARACTERS = 1_000_000
MAX_NAME = 255  # of a stem; file systems allow no more
_MAX_NUMBER = 64

_SPACE = re.compile(r"[ \t]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PLAIN_STEM = re.compile(r'[^\s:"(),=](?:[^:"(),=]*[^\s:"(),=])?')
_STEM = re.compile(r'([^:"(),=]*):')
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')


@dataclass(frozen=True)
class Call:
    """One call of a tool.

    Attributes:
        tool: its name.
        arguments: by name, finite; an argument that is left out takes the tool's default.
        at: where it was read: line and column of a text, or the number of a step, all from 1; says nothing about the
            call itself.
    """

    tool: str
    arguments: Mapping[str, float] = field(default_factory=dict)
    at: tuple[int, int] | int | None = field(default=None, compare=False, repr=False)

    @property
    def where(self) -> str:
        """The beginning of a message about this call."""
        if self.at is None:
            return ""
        return f"step {self.at}: " if isinstance(self.at, int) else f"line {self.at[0]}, column {self.at[1]}: "


#: Stem -> its calls in the order of execution; "" is the bare line. A stem without calls is left as it is.
Instructions: TypeAlias = Mapping[str, tuple[Call, ...]]


def parse(text: str) -> dict[str, tuple[Call, ...]]:
    """Reads instructions.

    Raises:
        BadInput: the text breaks the syntax; with line and column, what was expected and what was found.

    >>> parse("drums: change_volume(db=-3)")
    {'drums': (Call(tool='change_volume', arguments={'db': -3.0}),)}
    """
    if len(text) > MAX_CHARACTERS:
        raise BadInput(f"expected instructions of at most {MAX_CHARACTERS:,} characters, found {len(text):,}")
    instructions: dict[str, tuple[Call, ...]] = {}
    # Not `splitlines`: a name may hold one of the line ends that only Unicode knows.
    for number, line in enumerate(text.split("\n"), start=1):
        reader = _Line(line.removesuffix("\r"), number)
        if reader.at_end():
            continue
        start = reader.position
        stem = reader.stem()
        if stem in instructions:
            what = f"a second line for the stem {_short(stem)}" if stem else "a second line without a stem"
            raise reader.error("one line for each stem", what, start)
        instructions[stem] = reader.calls()
    return instructions


def render(instructions: Instructions) -> str:
    """Writes instructions, one line per stem, so that `parse` gives them back.

    Raises:
        ValueError: a name or a number cannot be written.

    >>> print(render({"drums": (Call("change_volume", {"db": -3.0}), Call("apply_reverb"))}), end="")
    drums: change_volume(db=-3.0) apply_reverb()
    """
    lines = []
    for stem, calls in instructions.items():
        if not (stem or calls):
            continue  # an untouched single file has no line
        parts = [f"{_stem_text(stem)}:"] if stem else []
        lines.append(" ".join([*parts, *map(render_call, calls)]) + "\n")
    return "".join(lines)


def render_call(call: Call) -> str:
    """One call as text: `change_volume(db=-3.0)`.

    Raises:
        ValueError: a name is no name, or a number is not finite.
    """
    for name in (call.tool, *call.arguments):
        if not _NAME.fullmatch(name):
            raise ValueError(f"expected a name, found {name!r}")
    return f"{call.tool}({', '.join(f'{name}={number_text(value)}' for name, value in call.arguments.items())})"


def number_text(value: float) -> str:
    """The one way to write a number: shortest decimal that reads back the same, with a point: `-3.0`.

    Raises:
        ValueError: it is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {value}")
    return repr(float(value) + 0.0)  # -0.0 is 0.0


def _stem_text(stem: str) -> str:
    if len(stem) > MAX_NAME:
        raise ValueError(f"expected a stem's name of at most {MAX_NAME} characters, found {len(stem)}")
    return stem if stem.isprintable() and _PLAIN_STEM.fullmatch(stem) else json.dumps(stem)


class _Line:
    """A line and how far it has been read. Every step moves on, so the time is linear in the length."""

    def __init__(self, text: str, number: int) -> None:
        self.text, self.number, self.position = text, number, 0

    def at_end(self) -> bool:
        self._take(_SPACE)
        return self.position == len(self.text)

    def stem(self) -> str:
        if self.text.startswith('"', self.position):
            return self._quoted_stem()
        match = _STEM.match(self.text, self.position)
        if match is None:
            return ""  # a bare line
        name = match[1].rstrip(" \t")
        if not name:
            raise self.error("a stem's name before the colon")
        if not (name.isprintable() and _PLAIN_STEM.fullmatch(name)):
            raise self.error("a stem's name, in quotes where it has other characters than print", _short(name))
        self._check_length(name)
        self.position = match.end()
        return name

    def calls(self) -> tuple[Call, ...]:
        calls: list[Call] = []
        while not self.at_end():
            if calls and self.text[self.position - 1] not in " \t":
                raise self.error("a space between calls")
            calls.append(self._call())
        return tuple(calls)

    def _call(self) -> Call:
        at = (self.number, self.position + 1)
        tool = self._name("a tool such as change_volume(db=-3.0)")
        self._expect("(")
        arguments: dict[str, float] = {}
        self._take(_SPACE)
        while not self.text.startswith(")", self.position):
            if arguments:
                self._expect(",")
                self._take(_SPACE)
            start = self.position
            name = self._name("an argument such as db=-3.0, or a closing parenthesis")
            if name in arguments:
                raise self.error(f"each argument of {_short(tool)} once", f"{_short(name)} again", start)
            self._expect("=")
            arguments[name] = self._number()
            self._take(_SPACE)
        self.position += 1
        return Call(tool, arguments, at)

    def _name(self, expected: str) -> str:
        start = self.position
        name = self._take(_NAME)
        if not name:
            raise self.error(expected)
        if len(name) > MAX_NAME:
            raise self.error(f"a name of at most {MAX_NAME} characters", f"{len(name):,}", start)
        return name

    def _number(self) -> float:
        self._take(_SPACE)
        start = self.position
        digits = self._take(_NUMBER)
        if not digits or _NAME.match(self.text, self.position):  # nan, inf, 3dB
            raise self.error("a decimal number", start=start)
        value = float(digits) if len(digits) <= _MAX_NUMBER else math.inf
        if not math.isfinite(value):
            raise self.error(f"a finite number of at most {_MAX_NUMBER} characters", start=start)
        return value + 0.0

    def _expect(self, mark: str) -> None:
        self._take(_SPACE)
        if not self.text.startswith(mark, self.position):
            expected = "a comma or a closing parenthesis" if mark == "," else f"'{mark}'"
            raise self.error(expected)
        self.position += 1

    def _quoted_stem(self) -> str:
        start = self.position
        quoted = self._take(_QUOTED)
        try:
            name = json.loads(quoted) if quoted else ""
        except ValueError:
            name = ""  # an escape that JSON does not know
        if not name:
            raise self.error("a stem's name as a JSON string", start=start)
        self._check_length(name)
        self._expect(":")
        return str(name)

    def _check_length(self, name: str) -> None:
        if len(name) > MAX_NAME:
            raise self.error(f"a stem's name of at most {MAX_NAME} characters", f"{len(name):,}")

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match[0]

    def error(self, expected: str, found: str | None = None, start: int | None = None) -> BadInput:
        position = self.position if start is None else start
        if found is None:
            rest = self.text[position : position + 40].split(" ")[0]
            found = (
                _short(rest or self.text[position : position + 1]) if position < len(self.text) else "the line's end"
            )
        return BadInput(f"line {self.number}, column {position + 1}: expected {expected}, found {found}")


def _short(text: str) -> str:
    """As it is in a message: on one line, and not long."""
    shown = ascii(text) if not text.isprintable() else repr(text)
    return shown if len(shown) <= 40 else shown[:36] + "...'"
