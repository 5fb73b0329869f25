"""What a prompt may call the stems: "lead vocal" is "01_Lead-Vox", "guitars" are "GTR L" and "GTR R"."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from soundwright.mixing.words.phrases import (
    ALIASES,
    EVERYTHING,
    EVERYTHING_ELSE,
    EXPANDED,
    INSTRUMENTS,
    LEAD_NAMES,
    NOT_LEAD,
    SPELLINGS,
    phrase_words,
    word_set,
)

#: Words as they are compared -> stems that they mean; none where that cannot be known.
Names = dict[tuple[str, ...], tuple[str, ...]]

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 6  # words of a name
#: A stem behind one of these is what another is compared with.
_BESIDE = word_set("under behind beneath than against over by")
#: Between two of these "bass" is a tone, and no stem: "more bass on the drums".
_BEFORE_TONE = word_set("more less much add boost cut reduce raise lower increase decrease up down needs need enough")
_BEHIND_TONE = frozenset({"on", "in", "for", "to"})
#: Words such as "bass" and "room" that are tones there.
_TONES = frozenset({"bass", "room", "air", "body", "top", "bottom", "space", "reverb"})
_SHORTEST_PART = 3  # letters: "in" of "Kick In" is no name


@functools.lru_cache(maxsize=64)
def stem_names(stems: tuple[str, ...]) -> Names:
    """Everything that stems may be called; a stem's own name comes before what others are called.

    >>> stem_names(("GTR L", "GTR R", "Snare Top"))[("snare",)]
    ('Snare Top',)
    """
    own = {stem: _own_words(stem) for stem in stems}
    names: Names = {_comparable(phrase): stems for phrase in EVERYTHING}
    for usual in ALIASES:
        names |= _usual_names(usual, own)
    names |= dict.fromkeys((_comparable(phrase) for phrase in EVERYTHING_ELSE), ())
    known = {*_heads(), *phrase_words(), *(word for phrase in EVERYTHING for word in _comparable(phrase))}
    for word in {word for words in own.values() for word in words}:
        if word in INSTRUMENTS or (word not in known and len(word) >= _SHORTEST_PART and not word.isdigit()):
            names[(word,)] = tuple(stem for stem, words in own.items() if word in words)
    full = {stem: tuple(map(_one_spelling, _WORD.findall(stem.lower()))) for stem in stems}
    for called in (own, {stem: words[::-1] for stem, words in own.items() if len(words) == 2}, full):
        for words in {*called.values()} - {()}:
            if called is full or called is own or words not in names:
                names[words] = tuple(stem for stem, some in called.items() if some == words)
    for short, long in EXPANDED.items():
        if long in names:
            names[(short,)] = names[long]
    return names


def take_names(words: list[str | None], names: Names) -> tuple[list[tuple[int, tuple[str, ...]]], bool, bool]:
    """Takes the names of stems out of the words of a clause; but for "bass" where it is a tone: "more bass on".

    Returns:
        (place, stems that are meant), without what others are only compared with; whether that is doubtful; and
        whether it is nothing but the mix as a whole.
    """
    found: list[tuple[int, tuple[str, ...]]] = []
    doubtful = False
    start, end, wholes = 0, -1, 0
    while start < len(words):
        length = _longest(words, start, names)
        name, first = _name(words[start : start + length]), start
        start += length or 1
        before, behind = words[max(0, first - 1) : first], words[start : start + 1]
        tone = length == 1 and name[0] in _TONES and _BEFORE_TONE & {*before} and _BEHIND_TONE & {*behind}
        if not length or tone or (before == ["in"] and name in _whole()):
            continue
        is_track = end == first and name == ("track",)  # "the vocal track" is the vocals
        # Two names side by side are likely one that is not known: "lead guitar".
        doubtful |= not names[name] or (end == first and not is_track)
        if before and before[0] in _BESIDE:
            words[first - 1] = None
        elif not is_track:
            found.append((first, names[name]))
            wholes += name in _whole()
        words[first:start] = [None] * length
        end = start
    if 0 < wholes < len(found):  # "on top of the mix", "everything but the drums"
        return [entry for entry in found if set(entry[1]) != set(names[("mix",)])], True, False
    return found, doubtful, wholes > 0


def _longest(words: Sequence[str | None], start: int, names: Names) -> int:
    """How many words from a place on are the longest name there; 0 if none is."""
    longest = min(_LONGEST, len(words) - start)
    return next((length for length in range(longest, 0, -1) if _name(words[start : start + length]) in names), 0)


def _name(words: Sequence[str | None]) -> tuple[str, ...]:
    """Words of a prompt as `stem_names` has them; nothing where some are gone."""
    return tuple(_one_spelling(word) for word in words if word is not None) if all(words) else ()


@functools.cache
def _whole() -> frozenset[tuple[str, ...]]:
    return frozenset(map(_comparable, EVERYTHING))


def _usual_names(usual: str, own: dict[str, tuple[str, ...]]) -> Names:
    """What people call vocals, drums, bass and the rest, where there are stems of the kind."""
    same = tuple(stem for stem, words in own.items() if _kind(words) == usual)
    lead = tuple(stem for stem in same if not NOT_LEAD.intersection(own[stem])) or same
    others = {word for stem, words in own.items() if stem not in same for word in words}
    names: Names = {}
    for name in map(_comparable, (usual, *ALIASES[usual])):
        leads = bool(LEAD_NAMES.intersection(name))
        if same and name and not (name == ("lead",) and "lead" in others):
            names[name] = lead if leads else same
    return names


def _kind(words: Sequence[str]) -> str:
    """Which of the usual stems a name speaks of. Its last word that says so decides: a bass drum is a drum."""
    return next((_heads()[word] for word in reversed(words) if word in _heads()), "")


@functools.cache
def _heads() -> dict[str, str]:
    """Words that say what kind a stem is; instruments are their own kind, "lead" may be anything's."""
    heads = {
        name[0]: usual
        for usual, others in ALIASES.items()
        for name in map(_comparable, (usual, *others))
        if len(name) == 1 and name != ("lead",)
    }
    return {**heads, **dict.fromkeys(INSTRUMENTS, "")}


def _own_words(stem: str) -> tuple[str, ...]:
    """Of a name such as "01_Lead-Vox": without numbers, if anything is left."""
    words = _WORD.findall(stem.lower())
    kept = [word for word in words if not word.isdigit()] or words
    return tuple(part for word in map(_one_spelling, kept) for part in EXPANDED.get(word, (word,)))


def _comparable(text: str) -> tuple[str, ...]:
    return tuple(_one_spelling(word) for word in _WORD.findall(text.lower()))


def _one_spelling(word: str) -> str:
    """Of a word in all its spellings: "guitars", "gtr" and "guitar" are one."""
    word = SPELLINGS.get(word, word)
    return word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word
