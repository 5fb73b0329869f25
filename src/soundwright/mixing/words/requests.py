"""What a prompt asks for, stem by stem: "turn the drums down a bit, and the vocals are muddy".

A prompt is cut into clauses (`clauses`), which share what they say and whom they say it of. What is not understood is
not guessed: it is given back, so that it can be said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from soundwright.mixing.words.clauses import Clause, read_clause, split_clauses
from soundwright.mixing.words.names import stem_names
from soundwright.mixing.words.phrases import ATTENTION, ON, TAKEN_BACK

#: What makes no sense for all stems at once: how loud the mix is, is another matter.
_ONE_BY_ONE = frozenset({"", "change_volume", "apply_pan"})
_LONGEST = 2000  # characters of a prompt
_LONGEST_PART = 60  # characters of a part that is given back


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
        place: for pan: whether it says where the stem is to be, and not where to move it.
        text: the words, cut if there are many.
    """

    stem: str
    tool: str
    argument: str
    sign: int
    size: float = 1.0
    amount: float | None = None
    place: bool = False
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class Reading:
    """What was understood of a prompt.

    Attributes:
        requests: each (stem, tool, argument) once; what is said last counts.
        alone: stems that are to be left alone.
        unread: parts that were not understood, of a prompt that speaks of stems or faults; long ones are cut.
        cut: whether the prompt is so long that its end was not read.
    """

    requests: tuple[Request, ...] = ()
    alone: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    cut: bool = False


def read_requests(prompt: str, stems: Sequence[str]) -> Reading:
    """Reads a prompt.

    Args:
        prompt: in English; of a very long one the beginning.
        stems: the names that there are. A single one need not be named.

    >>> [request] = read_requests("turn the drums down a bit", ["drums", "bass"]).requests
    >>> request.stem, request.tool, request.argument, request.sign, request.size
    ('drums', 'change_volume', 'db', -1, 0.5)
    """
    names, everything = stem_names(tuple(stems)), set(stems)
    clauses = [read_clause(part, names) for part in split_clauses(prompt[:_LONGEST])]
    cut = bool(prompt[_LONGEST:].strip())
    if cut:
        clauses = clauses[:-1]  # there may be a "not" in what follows
    # A prompt about no stem at all is for the network: "make it sound like a record".
    speaks = any(set(clause.meant()) not in (set(), everything) for clause in clauses)
    found: dict[tuple[str, str, str], Request] = {}
    alone: dict[str, None] = {}
    praised: dict[str, None] = {}
    unread: list[str] = []
    spoken_of: tuple[str, ...] = tuple(stems) if len(stems) == 1 else ()
    named = False  # whether somebody named what is spoken of
    for place, clause in enumerate(clauses):
        clause.doubtful |= place > 0 and _refers_to_tone(clause, clauses[place - 1])
        told = clause if clause.needs or clause.hands_off else _shared(clauses, place)
        about = clause.meant() or _announced(clauses, place) or spoken_of
        whole = clause.of_all or (len(stems) > 1 and set(about) == everything)
        if place > 0 and clauses[place - 1].complains and clause.takes_back():
            text = _part(clauses[place - 1])
            if gone := [key for key, request in found.items() if request.text == text]:
                unread.append(text)
                for key in gone:
                    del found[key]
            continue
        if told is None and clause.is_clear() and not (clause.stems or clause.amount or clause.size != 1):
            continue  # "thanks"
        of_stem = bool(clause.stems or named or _announced(clauses, place))
        if told in (None, clause) and clause.is_wish(of_stem=of_stem):
            if clause.of_all:
                spoken_of, named = about, False
            continue
        if told is None or not (about and clause.is_clear() and told.is_clear()):
            if not clause.stems and TAKEN_BACK.intersection(clause.left):
                found = {key: request for key, request in found.items() if request.stem not in spoken_of}
            faults = [need for _, need in clause.needs if need != ATTENTION or not clause.is_clear()]
            if faults or clause.amount or (clause.stems and not whole) or (speaks and not clause.is_praise()):
                unread.append(_part(clause))
        elif told.praise:
            # "Great, by the way" is not about the stem spoken of before, and good songs have bad stems.
            praised |= dict.fromkeys(about if clause.stems and not whole else ())
        elif told.hands_off:
            alone |= dict.fromkeys(about)
        else:
            one_by_one = _ONE_BY_ONE if len(stems) > 1 and whole else ()
            requests = [r for r in _requests(told, about) if r.tool not in one_by_one]
            for request in requests:
                key = request.stem, request.tool, request.argument
                if key in found and found[key].sign != request.sign:
                    unread.append(found[key].text)
                found[key] = request
            if whole and not requests and told.needs[0][1] != ATTENTION:
                unread.append(_part(clause))
        if clause.stems or not clause.is_clear():
            named = bool(clause.stems) and not clause.of_all
            spoken_of = clause.meant() or (tuple(stems) if len(stems) == 1 else ())
    alone |= dict.fromkeys(stem for stem in praised if stem not in {request.stem for request in found.values()})
    # "Fix the drums, they are too loud": then it is known what is wrong.
    known = {request.stem for request in found.values() if request.tool} | {*alone}
    requests = [r for r in found.values() if r.stem not in (known if not r.tool else alone)]
    return Reading(tuple(requests), tuple(alone), tuple(dict.fromkeys(unread)), cut)


def _part(clause: Clause) -> str:
    """What is given back of a clause: so much that it is known again."""
    text = clause.text
    return text if len(text) <= _LONGEST_PART else f"{text[: _LONGEST_PART - 3].rstrip()}..."


def _requests(clause: Clause, stems: Iterable[str]) -> Iterable[Request]:
    amount = None
    if clause.amount is not None:
        _, number, unit = clause.amount
        amount = number / 100 if unit == "%" else number
    return [
        Request(stem, *need, clause.size, amount, clause.placed and need[0] == "apply_pan", _part(clause))
        for stem in stems
        for _, need in clause.needs
    ]


def _shared(clauses: Sequence[Clause], place: int) -> Clause | None:
    """What a clause of names alone shares: "turn up the drums | the bass", "the drums | the bass are too loud"."""
    if not clauses[place].is_bare():
        return None
    before = next((c for c in reversed(clauses[:place]) if not c.is_bare()), None)
    if before is not None and before.needs and before.stems and before.needs[0][0] < before.stems[-1][0]:
        return before
    if clauses[place].of_all:
        return None  # "mix these, the drums are muddy"
    after = next((c for c in clauses[place + 1 :] if not c.is_bare()), None)
    return after if after is not None and (after.needs or after.hands_off) else None


def _refers_to_tone(clause: Clause, before: Clause) -> bool:
    """Whether how much is said of a tone, and not of a stem: "too much reverb | turn it down", "harsh | -2 dB"."""
    volume = ("change_volume", "db")
    if clause.stems or not before.needs or [need[:2] for _, need in clause.needs] != [volume]:
        return False
    return before.of_tone or (clause.amount is not None and before.needs[-1][1][:2] != volume)


def _announced(clauses: Sequence[Clause], place: int) -> tuple[str, ...]:
    """The stems of a later clause that this one is about, too: "more air | less mud on the vocals"."""
    if not clauses[place].needs:
        return ()
    last = next((c for c in clauses[place:] if c.stems or not c.needs), None)
    if last is None or not last.needs or not ON.intersection(last.left) or last.stems[0][0] < last.needs[0][0]:
        return ()
    return last.meant()
