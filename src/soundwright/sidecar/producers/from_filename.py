r"""Parameters that are written in the file name.

Read by default, in one style per name:

    foo_pitch_64.00_amp_.75     a name, then its number:       pitch 64, amp 0.75
    x_p64.00_a0.30              letters with a number behind:  p 64, a 0.3   (where no part is a number alone)

With `--filename-regex` the user's expression decides; it has the groups `name` and `value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.features import Feature
from soundwright.sidecar.producers import contract
from soundwright.sidecar.producers.pairs import number_or_class

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_IS_NUMBER = re.compile(_NUMBER)
_IS_NAME = re.compile(r"[^\W\d]\w*")
_GLUED = re.compile(rf"([^\W\d]+)({_NUMBER})")
_BARE_POINT = re.compile(r"(?<=_)(-?)\.(?=\d)")


class FromFilenameOptions(contract.Options):
    """Options of `from_filename`."""

    from_filename: bool = False
    """Accepted as documented; choosing the producer is enough."""
    filename_regex: str | None = None
    """Regular expression with the groups (?P<name>...) and (?P<value>...); by default both usual styles are read."""
    filename_names: Sequence[str] = ()
    """Take only these parameters, e.g. pitch,amp. By default all that are found."""


class FromFilename(contract.Producer):
    """Parameters from the file name: foo_pitch_64.00_amp_.75 gives pitch 64 and amp 0.75."""

    Options = FromFilenameOptions
    options: FromFilenameOptions

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._only = [name for text in options.filename_names for name in text.split(",") if name]
        self._pattern: re.Pattern[str] | None = None
        if options.filename_regex is not None:
            self._pattern = _compiled(options.filename_regex)

    def produce(self, clip: contract.Clip) -> Mapping[str, contract.Value]:
        """One number (or class name) per parameter that the file name holds."""
        pairs = list(by_regex(clip.stem, self._pattern) if self._pattern else by_default(clip.stem))
        if not self._pattern:
            clip.warnings += [text for text in _passed_over(clip.stem, pairs) if text not in clip.warnings]
        found: dict[str, contract.Value] = {}
        for name, value in pairs:
            if name in found:
                raise BadInput(f"has the parameter {name} twice in its name", path=clip.path, remedy="rename it")
            found[name] = value
        if not found:
            how = "matches nothing in" if self._pattern else "finds no parameter in"
            raise contract.NoValues(
                f"from_filename {how} the name {clip.stem!r}",
                path=clip.path,
                remedy="rename it like foo_pitch_64.00_amp_.75, give --filename-regex, or --fill NAME=VALUE",
            )
        return {name: value for name, value in found.items() if not self._only or name in self._only}

    def features(self, clip: contract.Clip) -> Mapping[str, Feature]:
        """Names as found; a value in words makes a class."""
        return {
            name: Feature(type="class") if isinstance(value, str) else Feature()
            for name, value in self.produce(clip).items()
        }


def by_default(stem: str) -> Iterator[tuple[str, float]]:
    """The pairs in a file name, in one of the two styles.

    A name is only as long as its last part (`my_filter_cutoff_500` gives cutoff), so pairs never run together. The
    second style is tried where the first finds nothing: in `violin2_pitch_64` the 2 belongs to the violin.

    >>> list(by_default("foo_pitch_64_amp_5")), list(by_default("x_p64.00_a0.30")), list(by_default("t_-3.5"))
    ([('pitch', 64.0), ('amp', 5.0)], [('p', 64.0), ('a', 0.3)], [('t', -3.5)])
    """
    parts = stem.split("_")
    apart = [
        (name, float(number))
        for name, number in zip(parts, parts[1:], strict=False)
        if _IS_NAME.fullmatch(name) and _IS_NUMBER.fullmatch(number)
    ]
    if apart:
        yield from apart
        return
    for part in parts if len(parts) > 1 else ():  # kick2 is the second kick, not a parameter
        glued = _GLUED.fullmatch(part)
        if glued:
            yield glued[1], float(glued[2])


def _passed_over(stem: str, pairs: Sequence[tuple[str, object]]) -> Iterator[str]:
    """What looks very much like a parameter of the second style in a name of the first: nothing is lost unsaid."""
    for part in stem.split("_"):
        glued = _GLUED.fullmatch(part)
        if glued and "." in glued[2] and pairs and glued[1] not in (name for name, _ in pairs):
            yield f"{part} in its name was not read as a parameter, since others are written like {pairs[0][0]}_1"


def by_regex(stem: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, float | str]]:
    r"""The pairs that a user's expression finds.

    The document's own expression, `_(?P<name>\w+)_(?P<value>-?\d+(\.\d+)?)`, is greedy: `\w` takes `_` and digits
    too, so over the whole of `foo_pitch_64_amp_5` it finds one parameter `pitch_64_amp`. So the expression is shown
    the name up to the end of its first part, then up to the second (parts end at `_`), and so on: the match
    that is complete first counts, and the search goes on behind it. Nothing is cut inside a part, so a number is
    never seen in half. And it wants a digit before the decimal point, which the document's `amp_.75` has not:
    a zero is put there.

    >>> document = re.compile(r"_(?P<name>\w+)_(?P<value>-?\d+(\.\d+)?)")
    >>> list(by_regex("foo_pitch_64_amp_5", document)), list(by_regex("foo_pitch_64.00_amp_.75", document))
    ([('pitch', 64.0), ('amp', 5.0)], [('pitch', 64.0), ('amp', 0.75)])
    """
    stem = _BARE_POINT.sub(r"\g<1>0.", stem)
    position = 0
    while match := _first_complete(pattern, stem, position):
        yield match["name"], number_or_class(match["value"])
        position = match.end()


def _first_complete(pattern: re.Pattern[str], stem: str, position: int) -> re.Match[str] | None:
    for end in _ends_of_parts(stem, position):
        match = pattern.search(stem, position, end)
        if match and match.end() > position and match["name"] and match["value"]:
            return match
    return None


def _ends_of_parts(stem: str, position: int) -> Iterable[int]:
    yield from (match.start() for match in re.finditer("_", stem) if match.start() > position)
    yield len(stem)


def _compiled(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(f"--filename-regex {text!r}: {error}", remedy="give a Python regular expression") from error
    if not {"name", "value"} <= set(pattern.groupindex):
        raise UsageError(
            f"--filename-regex {text!r} has no groups name and value", remedy="e.g. _(?P<name>[a-z]+)_(?P<value>.+)"
        )
    return pattern
