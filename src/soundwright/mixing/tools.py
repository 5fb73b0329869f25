"""The tools of a mix, in one table: what they take, what they do, and what undoes them.

Executor, checker, distorter, the model's grammar and value head, documents and export all read this table. Its order is
the canonical order of the calls of a stem: level and place first, then tone, dynamics, room, and the limiter last.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np

from soundwright.core.errors import UsageError, show_path
from soundwright.formats.instructions import Call, Instructions
from soundwright.mixing.effects.balance import pan
from soundwright.mixing.effects.gain import change_volume
from soundwright.mixing.tool_spec import Arguments, Parameter, Stereo, ToolSpec

__all__ = ["TOOLS", "Parameter", "ToolSpec", "canonical", "check", "check_call", "fill", "inverse"]


def _equalize(samples: Stereo, sample_rate: int, arguments: Arguments) -> Stereo:
    from soundwright.mixing.effects.equalizer import equalize

    return equalize(samples, sample_rate, **arguments)


def _remove_below(samples: Stereo, sample_rate: int, arguments: Arguments) -> Stereo:
    from soundwright.mixing.effects.cutoff import remove_below

    return remove_below(samples, sample_rate, **arguments)


def _remove_above(samples: Stereo, sample_rate: int, arguments: Arguments) -> Stereo:
    from soundwright.mixing.effects.cutoff import remove_above

    return remove_above(samples, sample_rate, **arguments)


def _compress(samples: Stereo, sample_rate: int, arguments: Arguments) -> Stereo:
    from soundwright.mixing.effects.dynamics import compress

    return compress(samples, sample_rate, **arguments)


def _expand(samples: Stereo, sample_rate: int, arguments: Arguments) -> Stereo:
    from soundwright.mixing.effects.dynamics import expand

    return expand(samples, sample_rate, **arguments)


def _reverberate(samples: Stereo, sample_rate: int, arguments: Arguments) -> Stereo:
    from soundwright.mixing.effects.reverb import reverberate

    return reverberate(samples, sample_rate, **arguments)


def _limit(samples: Stereo, sample_rate: int, arguments: Arguments) -> Stereo:
    from soundwright.audio.limiter import limit

    return limit(samples.astype(np.float32), sample_rate, **arguments).astype(np.float64)


def _negated(tool: str) -> Callable[[Arguments], Call]:
    return lambda arguments: Call(tool, {name: 0.0 - value for name, value in arguments.items()})


def _same(tool: str) -> Callable[[Arguments], Call]:
    return lambda arguments: Call(tool, dict(arguments))


def _gain(name: str, doc: str) -> Parameter:
    return Parameter(name, "dB", -12.0, 12.0, 0.5, 0.0, 0.0, doc)


_THRESHOLD = Parameter("threshold_db", "dB", -40.0, 0.0, 1.0, None, -20.0, "level above which it works")
_RATIO = Parameter("ratio", "dB per dB", 1.0, 8.0, 0.5, 1.0, 4.0, "how many dB above the threshold stand for one")

_ALL = (
    ToolSpec(
        "change_volume",
        (Parameter("db", "dB", -24.0, 24.0, 0.5, 0.0, 0.0, "gain"),),
        lambda samples, _, arguments: change_volume(samples, **arguments),
        _negated("change_volume"),
        True,
        "makes it louder or softer",
    ),
    ToolSpec(
        "apply_pan",
        (
            Parameter(
                "balance", "-1 left to 1 right", -1.0, 1.0, 0.1, 0.0, 0.0, "place; 18 dB of difference at the ends"
            ),
        ),
        lambda samples, _, arguments: pan(samples, **arguments),
        _negated("apply_pan"),
        True,
        "moves it to the left or right",
    ),
    ToolSpec(
        "apply_eq",
        (
            _gain("low_gain", "shelf below 200 Hz"),
            _gain("mid_gain", "peak at 900 Hz"),
            _gain("high_gain", "shelf above 4 kHz"),
        ),
        _equalize,
        _negated("apply_eq"),
        True,
        "raises or lowers low, middle and high frequencies",
    ),
    ToolSpec(
        "apply_high_pass",
        (Parameter("cutoff_hz", "Hz", 0.0, 1000.0, 10.0, 0.0, 80.0, "where it begins; 0 is off"),),
        _remove_below,
        None,
        False,
        "removes rumble and boom",
    ),
    ToolSpec(
        "apply_low_pass",
        (Parameter("cutoff_hz", "Hz", 500.0, 20_000.0, 100.0, 20_000.0, 12_000.0, "where it begins; 20000 is off"),),
        _remove_above,
        None,
        False,
        "removes hiss and harshness",
    ),
    ToolSpec(
        "apply_compressor",
        (_THRESHOLD, _RATIO),
        _compress,
        _same("apply_expander"),
        True,
        "makes loud moments less loud",
    ),
    ToolSpec(
        "apply_expander",
        (_THRESHOLD, _RATIO),
        _expand,
        _same("apply_compressor"),
        True,
        "makes loud moments louder: undoes a compressor",
    ),
    ToolSpec(
        "apply_reverb",
        (Parameter("amount", "gain of the room", 0.0, 1.0, 0.05, 0.0, 0.25, "how much room is added"),),
        _reverberate,
        None,
        False,
        "puts it into a room",
    ),
    ToolSpec(
        "apply_limiter",
        (Parameter("ceiling_db", "dBTP", -24.0, 12.0, 0.5, 12.0, -1.0, "highest true peak; 12 is off"),),
        _limit,
        None,
        False,
        "keeps peaks under a ceiling",
    ),
)

#: Name -> tool, in canonical order.
TOOLS: Mapping[str, ToolSpec] = MappingProxyType({tool.name: tool for tool in _ALL})
_ORDER = {name: place for place, name in enumerate(TOOLS)}


def fill(call: Call) -> dict[str, float]:
    """All arguments of a call of a known tool, in the table's order; omitted ones take the table's default."""
    return {p.name: float(call.arguments.get(p.name, p.default)) for p in TOOLS[call.tool].parameters}


def check(instructions: Instructions, stems: Iterable[str]) -> None:
    """Refuses instructions that cannot be executed on these stems.

    Args:
        instructions: what is to be done.
        stems: the names that there are; the bare line "" is for a single one.

    Raises:
        UsageError: an unknown stem, tool or parameter (with the nearest name), a value that is out of range, or a tool
            twice for one stem; with line and column where they are known.
    """
    known = list(stems)
    for stem, calls in instructions.items():
        if stem == "" and calls and (len(known) != 1 or len(instructions) > 1):
            raise UsageError(
                f"{calls[0].where}these calls say no stem, and there are {max(len(known), len(instructions))}",
                remedy="begin the line with a stem and a colon, such as drums:",
            )
        if stem and stem not in known:
            raise _unknown("stem", stem, known, calls[0].where if calls else "")
        seen = set()
        for call in calls:
            check_call(call)
            if call.tool in seen:
                raise UsageError(f"{call.where}{call.tool} stands twice for one stem", remedy="make it one call")
            seen.add(call.tool)


def check_call(call: Call) -> None:
    """Refuses a call that cannot be executed.

    Raises:
        UsageError: as `check`.
    """
    tool = TOOLS.get(call.tool)
    if tool is None:
        raise _unknown("tool", call.tool, list(TOOLS), call.where)
    names = [parameter.name for parameter in tool.parameters]
    for name, value in call.arguments.items():
        if name not in names:
            raise _unknown(f"argument of {tool.name}", name, names, call.where)
        parameter = tool.parameter(name)
        if not parameter.low <= value <= parameter.high:  # NaN is neither
            raise UsageError(
                f"{call.where}{tool.name}({name}={value:g}): expected {parameter.low:g} to {parameter.high:g}",
                remedy=f"{name} is {parameter.doc} ({parameter.unit})",
            )


def canonical(instructions: Instructions) -> dict[str, tuple[Call, ...]]:
    """The one form of instructions that pass `check`: every argument, on its grid; calls in order; nothing neutral.

    Snapping can change the sound by half a step. Stems that are left as they are do not appear.
    """
    result: dict[str, tuple[Call, ...]] = {}
    for stem, calls in instructions.items():
        kept = []
        for call in sorted(calls, key=lambda call: _ORDER[call.tool]):
            tool, arguments = TOOLS[call.tool], fill(call)
            snapped = {name: tool.parameter(name).snap(value) for name, value in arguments.items()}
            if not tool.is_neutral(snapped):
                kept.append(Call(call.tool, snapped, call.at))
        if kept:
            result[stem] = tuple(kept)
    return result


def inverse(call: Call) -> Call | None:
    """The call that undoes this one best; None where nothing does."""
    undo = TOOLS[call.tool].inverse
    return None if undo is None else undo(fill(call))


def _unknown(what: str, name: str, known: list[str], where: str) -> UsageError:
    near = difflib.get_close_matches(name[:64], known, 1, cutoff=0.5)
    shown = show_path(name) if len(name) <= 64 else show_path(name[:60]) + "..."
    remedy = f"did you mean {near[0]}?" if near else f"there is {', '.join(map(show_path, known[:20])) or 'none'}"
    return UsageError(f"{where}there is no {what} {shown!r}", remedy=remedy)
