"""What a prompt asks for, stem by stem: "turn the drums down a bit, and the vocals are muddy".

A prompt is cut into clauses; in each, names of stems and known phrases (`request_phrases`) are looked for. What is not
understood is not guessed: it is given back, so that it can be said.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from soundwright.mixing.request_phrases import (
    ALIASES,
    ATTENTION,
    ATTENTION_PHRASES,
    COMPLAINTS,
    EVERYTHING,
    HANDS_OFF,
    ORDERS,
    SIZES,
    Need,
)

_ENDS = re.compile(r"[.,](?!\d)|[;:!?\n&]|\b(?:and|but|then|while|whereas|also)\b")
_NUMBER = r"(\d+(?:[.,]\d+)?)"
#: "3 dB", "30 %", and behind one of these words a number alone.
_AMOUNT = re.compile(
    rf"([+-]?)\s*{_NUMBER}\s*(db|decibels?|%|percent)(?![a-z])|(?<=\b(?:up|by)) {_NUMBER}\b|(?<=\bdown) {_NUMBER}\b"
)
_NOT = re.compile(r"\b(?:is|are|was|were|do|does)n['\u2019 ]?t\b|\b(?:is|are|do|does) not\b")
_WORD = re.compile(r"[^\W_]+")
_DROPPED = frozenset(
    "the a an my our their this that these those is are was were be been sounds sound sounding seems seem feels feel "
    "looks of some please just by it them".split()
)
_NEGATIONS = frozenset({"not", "t", "dont", "never", "without"})
#: A stem behind one of these is what another is compared with.
_BESIDE = frozenset("under behind beneath than against over".split())
#: Between two of these "bass" is a tone, and no stem: "more bass on the drums".
_BEFORE_TONE = frozenset("more less much add boost cut reduce needs need enough".split())
_BEHIND_TONE = frozenset({"on", "in", "for", "to"})
#: They say something only where nothing else does.
_WEAK = frozenset({"up", "down", "more", "less"})
#: They make "good" a wish, and no praise.
_WISHES = frozenset("make want should need needs must would could can get".split())
#: Words that name nothing: a clause with others is not about what was spoken of before.
_FREE = _WISHES | frozenset(
    "you i me we us to on in for at there too maybe like give put keep try still now again".split()
)
#: What a number with a sign and nothing else may stand beside.
_MEASURES = frozenset({"gain", "volume", "level"})
#: What makes no sense for all stems at once: how loud the mix is, is another matter.
_ONE_BY_ONE = frozenset({"", "change_volume", "apply_pan"})
_LONGEST = 2000  # characters of a prompt


@dataclass(frozen=True)
class Request:
    """One thing that is asked for.

    Attributes:
        stem: its name.
        tool: that does it; empty where something about the stem is wrong, and nobody says what.
        argument: of the tool.
        sign: whether there is to be more of it (1), less (-1), or what the sound itself says (0).
        size: as many times the usual step.
        amount: how much, without sign, where a number was given: dB, or for pan the balance; else None.
        text: the words.
    """

    stem: str
    tool: str
    argument: str
    sign: int
    size: float = 1.0
    amount: float | None = None
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class Reading:
    """What was understood of a prompt.

    Attributes:
        requests: each (stem, tool, argument) once; what is said last counts.
        alone: stems that are to be left alone.
        unread: parts that name a stem or a fault, and were not understood.
    """

    requests: tuple[Request, ...] = ()
    alone: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass
class _Clause:
    """A part of a prompt: what it names, where, and what words are left over.

    Attributes:
        text: as it was written.
        stems: (place, stems that the words there mean).
        needs: (place of the last word, need).
        hands_off: whether nothing is to be done.
        size: of the step.
        amount: (sign or 0, number, unit), if there is one.
        left: words that nothing explains.
    """

    text: str
    stems: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    needs: list[tuple[int, Need]] = field(default_factory=list)
    hands_off: bool = False
    size: float = 1.0
    amount: tuple[int, float, str] | None = None
    left: list[str] = field(default_factory=list)

    def meant(self) -> tuple[str, ...]:
        """The stems that the needs are about: those before the last phrase, or else those behind it."""
        last = max((place for place, _ in self.needs), default=-1)
        before = [stem for place, stems in self.stems if place < last for stem in stems]
        return tuple(dict.fromkeys(before or [stem for _, stems in self.stems for stem in stems]))


def read_requests(prompt: str, stems: Sequence[str]) -> Reading:
    """Reads a prompt.

    Args:
        prompt: in English; of a very long one the beginning.
        stems: the names that there are. A single one need not be named.

    >>> [request] = read_requests("turn the drums down a bit", ["drums", "bass"]).requests
    >>> request.stem, request.tool, request.argument, request.sign, request.size
    ('drums', 'change_volume', 'db', -1, 0.5)
    """
    names, everything = _names(tuple(stems)), set(stems)
    clauses = [_read_clause(part, names) for part in _parts(prompt[:_LONGEST])]
    found: dict[tuple[str, str, str], Request] = {}
    alone: dict[str, None] = {}
    unread = []
    spoken_of: tuple[str, ...] = tuple(stems) if len(stems) == 1 else ()
    for place, clause in enumerate(clauses):
        told = clause if clause.needs or clause.hands_off else _shared(clauses, place)
        about = clause.meant() or (() if set(clause.left) - _FREE else spoken_of)
        whole = len(stems) > 1 and set(about) == everything
        if told is None or not about:
            if clause.needs or clause.amount or (clause.stems and not whole):
                unread.append(clause.text)
        elif told.hands_off:
            alone |= dict.fromkeys(about)
        else:
            requests = [r for r in _requests(told, about) if not (whole and r.tool in _ONE_BY_ONE)]
            found |= {(r.stem, r.tool, r.argument): r for r in requests}
            if whole and not requests and any(need != ATTENTION for _, need in told.needs):
                unread.append(clause.text)
        spoken_of = clause.meant() or spoken_of
    return Reading(tuple(r for r in found.values() if r.stem not in alone), tuple(alone), tuple(unread))


def _requests(clause: _Clause, stems: Iterable[str]) -> Iterable[Request]:
    amount = None
    if clause.amount is not None and len(clause.needs) == 1:
        _, number, unit = clause.amount
        is_place = clause.needs[0][1][0] == "apply_pan"
        if is_place == (unit == "%"):
            amount = number / 100 if is_place else number
    return [Request(stem, *need, clause.size, amount, clause.text) for stem in stems for _, need in clause.needs]


def _shared(clauses: Sequence[_Clause], place: int) -> _Clause | None:
    """What a clause of names alone shares: "turn up the drums | the bass", "the drums | the bass are too loud"."""
    clause = clauses[place]
    if not clause.stems or clause.left or clause.amount:
        return None
    before = clauses[place - 1] if place else None
    if before is not None and before.needs and before.stems and before.needs[0][0] < before.stems[-1][0]:
        return before
    return next((c for c in clauses[place + 1 :] if c.needs or c.hands_off), None)


def _parts(prompt: str) -> list[str]:
    return [part.strip() for part in _ENDS.split(prompt.lower()) if part.strip()]


def _read_clause(text: str, names: dict[tuple[str, ...], tuple[str, ...]]) -> _Clause:
    clause = _Clause(text)
    amounts = list(_AMOUNT.finditer(text))
    plain = _NOT.sub(" not ", _AMOUNT.sub(" ", text))
    words: list[str | None] = [word for word in _WORD.findall(plain) if word not in _DROPPED]
    if len(amounts) == 1:
        sign, number, unit, *others = amounts[0].groups()
        value = float((number or next(filter(None, others))).replace(",", "."))
        clause.amount = ({"-": -1, "+": 1}.get(sign, 0), value, "%" if unit in ("%", "percent") else "dB")
    _find_stems(clause, words, names)
    for phrase, need in _phrases():
        while (places := _find(phrase, words)) is not None:
            if not (len(phrase) == 1 and phrase[0] in _WEAK and clause.needs):
                clause.needs += [(places[-1], need)] if need is not None else []
                clause.hands_off |= need is None
            for place in places:
                words[place] = None
    for phrase, size in _sizes():
        while (places := _find(phrase, words)) is not None:
            clause.size = size
            for place in places:
                words[place] = None
    clause.left = [word for word in words if word is not None]
    _settle(clause)
    return clause


def _settle(clause: _Clause) -> None:
    """What is not, or is only praised, is no request; a number with a sign is one by itself."""
    clause.needs = list({need: (place, need) for place, need in clause.needs}.values())
    if clause.hands_off and (clause.needs or _WISHES.intersection(clause.left)):
        clause.hands_off = False
    if _NEGATIONS.intersection(clause.left):
        clause.needs, clause.hands_off = [], False
    if clause.amount and clause.amount[0] and not clause.needs and not set(clause.left) - _MEASURES:
        clause.needs = [(len(clause.text), ("change_volume", "db", clause.amount[0]))]


def _find_stems(clause: _Clause, words: list[str | None], names: dict[tuple[str, ...], tuple[str, ...]]) -> None:
    """Takes the names of stems out of the words, longest first; but for "bass" where it is a tone: "more bass on"."""
    for name in sorted(names, key=len, reverse=True):
        start = 0
        while (places := _find(name, words, gaps=False, start=start)) is not None:
            start = places[-1] + 1
            around = {*words[max(0, places[0] - 1) : places[0]]}, {*words[start : start + 1]}
            if name == ("bass",) and around[0] & _BEFORE_TONE and around[1] & _BEHIND_TONE:
                continue
            compared = places[0] > 0 and words[places[0] - 1] in _BESIDE
            for place in places:
                words[place] = None
            if compared:
                words[places[0] - 1] = None
            else:
                clause.stems.append((places[0], names[name]))
    clause.stems.sort()


def _find(phrase: Sequence[str], words: Sequence[str | None], *, gaps: bool = True, start: int = 0) -> list[int] | None:
    """Places of a phrase's words, in order; between them may be what was taken out already, and "a bit"."""
    for first in range(start, len(words)):
        places: list[int] = []
        for place in range(first, len(words)):
            word = words[place]
            if word == phrase[len(places)]:
                places.append(place)
                if len(places) == len(phrase):
                    return places
            elif not (gaps and places and (word is None or word in _fillers())):
                break
    return None


@functools.cache
def _phrases() -> list[tuple[tuple[str, ...], Need | None]]:
    """Longest first; those of nothing to do without a need."""
    table: dict[tuple[str, ...], Need | None] = {_words(phrase): None for phrase in HANDS_OFF}
    table |= {_words(phrase): ATTENTION for phrase in ATTENTION_PHRASES}
    for needs in (COMPLAINTS, ORDERS):
        table |= {_words(phrase): need for need, phrases in needs.items() for phrase in phrases}
    return sorted(table.items(), key=lambda entry: -len(entry[0]))


@functools.cache
def _sizes() -> list[tuple[tuple[str, ...], float]]:
    return sorted(((_words(phrase), size) for phrase, size in SIZES.items()), key=lambda entry: -len(entry[0]))


@functools.cache
def _fillers() -> frozenset[str]:
    return frozenset(word for phrase, _ in _sizes() for word in phrase)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in _WORD.findall(_NOT.sub(" not ", text.lower())) if word not in _DROPPED)


@functools.lru_cache(maxsize=64)
def _names(stems: tuple[str, ...]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Words -> stems that they mean: names of stems, what others call them, and the whole."""
    meant: dict[tuple[str, ...], tuple[str, ...]] = {_words(phrase): stems for phrase in EVERYTHING}
    own = {stem: _own_words(stem) for stem in stems}
    for usual, others in ALIASES.items():
        called = [_words(name) for name in (usual, *others)]
        same = [stem for stem, words in own.items() if any(_holds(words, name) for name in called)]
        if same:
            meant |= dict.fromkeys(called, tuple(same))
    for words in set(own.values()):
        for name in {words, _singular(words)}:
            if name:
                meant[name] = tuple(stem for stem in stems if own[stem] == words)
    return {name: some for name, some in meant.items() if name}


def _own_words(stem: str) -> tuple[str, ...]:
    """Of a name such as "01_Lead-Vox": without numbers, if anything is left."""
    words = tuple(_WORD.findall(stem.lower()))
    return tuple(word for word in words if not word.isdigit()) or words


def _singular(words: tuple[str, ...]) -> tuple[str, ...]:
    return (*words[:-1], words[-1].removesuffix("s")) if words else ()


def _holds(words: Collection[str], name: tuple[str, ...]) -> bool:
    return all(word in words for word in name)
