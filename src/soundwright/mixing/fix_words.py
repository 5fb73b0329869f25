"""What a call does, in words for somebody who listens and reads no tables."""

from __future__ import annotations

from soundwright.formats.instructions import Call
from soundwright.mixing.effects.balance import FULL_DIFFERENCE_DB
from soundwright.mixing.tools import TOOLS, fill

_BANDS = {"low_gain": "below 200 Hz", "mid_gain": "around 900 Hz", "high_gain": "above 4 kHz"}


def describe(call: Call) -> str:
    """A call of the table in a few words.

    >>> describe(Call("change_volume", {"db": -3.0}))
    'softer by 3 dB'
    >>> describe(Call("apply_eq", {"low_gain": 2.0, "high_gain": -1.5}))
    '+2 dB below 200 Hz, -1.5 dB above 4 kHz'
    """
    arguments = fill(call)
    if TOOLS[call.tool].is_neutral(arguments):
        return "leaves it as it is"
    if call.tool == "change_volume":
        return f"{'louder' if arguments['db'] > 0 else 'softer'} by {abs(arguments['db']):g} dB"
    if call.tool == "apply_pan":
        difference_db = abs(arguments["balance"]) * FULL_DIFFERENCE_DB
        return f"to the {'right' if arguments['balance'] > 0 else 'left'}: {difference_db:.2g} dB between the channels"
    if call.tool == "apply_eq":
        return ", ".join(f"{gain:+g} dB {_BANDS[name]}" for name, gain in arguments.items() if gain)
    told = ", ".join(
        f"{name.removesuffix('_db').removesuffix('_hz').replace('_', ' ')} {value:g}{_unit(call.tool, name)}"
        for name, value in arguments.items()
    )
    return f"{TOOLS[call.tool].doc} ({told})"


def expected_error(call: Call, errors: dict[str, float]) -> str:
    """By how much the arguments are expected to be off, as far as that is known; empty where it is not."""
    known = [
        f"{'' if name == 'db' else name.replace('_', ' ') + ' '}{errors[name]:.2g}{_unit(call.tool, name)}"
        for name, value in call.arguments.items()
        if name in errors and value != TOOLS[call.tool].parameter(name).neutral
    ]
    return f"expected error {', '.join(known)}" if known else ""


def _unit(tool: str, name: str) -> str:
    unit = TOOLS[tool].parameter(name).unit
    return f" {unit}" if unit in ("dB", "Hz", "dBTP") else ""
