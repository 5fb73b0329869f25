"""What is wrong with a file's content, in our words: which key, what was expected there, what was found."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

_LONGEST = 40
#: pydantic's name of what is wrong -> what was expected; with the bound in braces where there is one.
_EXPECTED = {
    "greater_than_equal": "a number of at least {ge:g}",
    "greater_than": "a number above {gt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "less_than": "a number below {lt:g}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a text like {pattern}",
}
#: The beginning of pydantic's name -> the same.
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "dict": "keys with values",
    "model": "keys with values",
}


def complaint(error: ValidationError, model: type[BaseModel], whole: str = "the file") -> str:
    """The first thing that is wrong, in one line.

    Args:
        error: what validation raised.
        model: what was expected, for the names of its keys.
        whole: what the content as a whole is called.
    """
    first = error.errors()[0]
    place = ascii(".".join(map(str, first["loc"])))[1:-1][:100]
    kind, found, context = first["type"], first["input"], first.get("ctx", {})
    if kind == "missing":
        return f"expected the key {place}, and it is not there"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(first["loc"][-1])[:64], _keys(model, first["loc"][:-1]), 1)
        return f"{place}: there is no such key" + (f"; did you mean {near[0]}?" if near else "")
    if kind in ("value_error", "assertion_error"):
        return f"{place or whole}: {context['error']}"[:300]
    expected = _EXPECTED.get(kind)
    if expected is None:
        expected = next((words for start, words in _KINDS.items() if kind.startswith(start)), "another value")
    return f"{place or whole}: expected {expected.format(**context)}, found {_shown(found)}"


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys that there are at a place; none where it leads through something else than sections."""
    for part in place:
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)


def _shown(found: Any) -> str:
    if found is None:
        return "nothing"
    if isinstance(found, Mapping | list):
        return "keys with values" if isinstance(found, Mapping) else "a list"
    shown = ascii(found)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."
