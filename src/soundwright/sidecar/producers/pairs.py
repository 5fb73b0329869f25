"""`name=value` on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from soundwright.core.errors import UsageError


def split_pairs(texts: Sequence[str], flag: str) -> dict[str, str]:
    """Takes `name=value` texts apart.

    Raises:
        UsageError: one is no such pair, or a name is there twice.

    >>> split_pairs(["scene_id=7", "gain=0:1"], "--const")
    {'scene_id': '7', 'gain': '0:1'}
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise UsageError(f"{flag} {text!r}: expected name=value", remedy=f"e.g. {flag} scene_id=7")
        if name in pairs:
            raise UsageError(f"{flag}: {name} is given twice", remedy="give it once")
        pairs[name] = value
    return pairs


def number_or_class(text: str) -> float | str:
    """A number where the text is one, else the text itself: the name of a class.

    >>> number_or_class(".75"), number_or_class("flute")
    (0.75, 'flute')
    """
    try:
        return float(text)
    except ValueError:
        return text
