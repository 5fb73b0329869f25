"""One clause of a prompt, "turn the drums down a bit": what it names, what it says, and whether that is all.

Names of stems (`names`) and known phrases (`phrases`) are looked for. A clause counts only if everything in it is
understood, or changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from soundwright.mixing.words.names import Names, take_names
from soundwright.mixing.words.phrases import (
    ATTENTION,
    COMPLAINTS,
    ELLIPTIC,
    FREE,
    FROM_THERE,
    HOW_FAR,
    MAY_BE,
    MEASURES,
    MIXING,
    OF_THAT,
    ORDERS,
    PRAISE,
    SIDES,
    SMALL,
    TONES,
    WANTED,
    WEAK,
    WISHES,
    WITH_AMOUNT,
    Need,
    find_phrase,
    phrases,
    sizes,
    split_words,
)

_SENTENCE = re.compile(r"[.](?!\d)|[;!\n]|(?<=\?)")
#: Sentences with these are read in one piece, and so most likely not at all: parts of them mean nothing alone.
_ONE_PIECE = re.compile(
    r"\b(?:if|unless|until|till|when|whenever|wait|never ?mind|scratch that|instead|not only|neither|either|or)\b"
)
_ENDS = re.compile(
    r",(?!\d)|[:&()]|\s[-+](?=\s+\D)|\b(?:and|then|while|whereas|also|so that)\b|(?<!everything )(?<!all )\bbut\b"
)
_SIGNS = str.maketrans({"\u2019": "'", "\u2018": "'", "\u2212": "-", "\u2013": " - ", "\u2014": " - "})
_NUMBER = r"(\d{1,6}(?:[.,]\d{1,6})?)"
#: "3 dB", "30 %"; a number alone only with a sign, or behind "up", "down" or "by".
_AMOUNT = re.compile(
    rf"(?<![\w.,])([+-]?)\s*{_NUMBER}\s*(db|decibels?|%|percent)(?![a-z])"
    rf"|(?<=\bup ){_NUMBER}(?![\w%.,])|(?<=\bby ){_NUMBER}(?![\w%.,])|(?<=\bdown ){_NUMBER}(?![\w%.,])"
    rf"|(?<!\S)([+-]){_NUMBER}(?![\w%.,])"
)
_BARE_MOST = 12  # dB; a larger number alone is likely something else
#: How loud something is to be in the end: nobody measures that here.
_TARGET = re.compile(r"\b(?:to|at)\s+[+-]?\s*\d[\d.,]*\s*(?!\s*(?:%|percent)|[\d.,])")
_QUESTION = re.compile(r"^\W*(?:(?:is|are|was|were|does|did|should|shall|why|how|what|who|which|where)\b|do (?!not))")
#: "The drums are louder than the bass" may be a complaint or praise.
_COMPARED = re.compile(r"\b(?:is|are|was|were)\b.*\bthan\b|['\u2019](?:s|re)\b.*\bthan\b")
#: "The drums are panned to the left" may be a complaint or praise, too.
_STATED = re.compile(r"\b(?:is|are|was|were|it's|they're|that's)\b")
#: Praise of what was just said, and not of a stem: "and that's fine", "I like it that way".
_OF_THE_FACT = re.compile(r"\b(?:that|this|which)\b|\b(?:it|they)\b.*\b(?:fine|ok|okay|alright|all right)\b")
_LIKED = re.compile(
    r"\b(?:i|we)(?: (?:really|actually|quite|kinda|do))? (?:like|love|prefer|want)"
    r" (?:that|(?:it|them) (?:that way|this way|like that|like this|there))\W*$"
)
_NUMBERED = re.compile(r"(?:^|\s)\s*\d{1,2}[.)]\s")
_ROUGHLY = re.compile(r"\b(?:about|around|roughly|like|maybe) (?=[+-]?\d)")
_AGAINST = re.compile(r"\b(?:compared|relative|next) (?:to|with)\b")
_WORD = re.compile(r"[^\W_]+")
_IN_DB = frozenset({"change_volume", "apply_eq"})  # a number of dB says how much they do
_MOST_WORDS = 60


@dataclass
class Clause:
    """A part of a prompt: what it names, where, and whether it is understood.

    Attributes:
        text: as it was written.
        stems: (place, stems that the words there mean).
        needs: (place of the last word, need).
        hands_off: whether nothing is to be done.
        praise: whether that is only because it is good.
        size: of the step.
        amount: (sign or 0, number, unit), if there is one.
        left: words that nothing explains.
        of_tone: whether it speaks of bass, highs or reverb, to which "turn it down" may refer.
        of_all: whether what it names is the mix as a whole.
        complains: whether it says what is, and not what is to be.
        placed: whether it says where a stem is to be, and not where to move it.
        doubtful: whether it may mean something else than it says.
    """

    text: str
    stems: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    needs: list[tuple[int, Need]] = field(default_factory=list)
    hands_off: bool = False
    praise: bool = False
    size: float = 1.0
    amount: tuple[int, float, str] | None = None
    left: list[str] = field(default_factory=list)
    of_tone: bool = False
    of_all: bool = False
    complains: bool = False
    placed: bool = False
    doubtful: bool = False

    def meant(self) -> tuple[str, ...]:
        """The stems that the needs are about: those before the last phrase, or else those behind it."""
        last = max((place for place, _ in self.needs), default=-1)
        before = [stem for place, stems in self.stems if place < last for stem in stems]
        return tuple(dict.fromkeys(before or [stem for _, stems in self.stems for stem in stems]))

    def is_clear(self) -> bool:
        """Whether everything in it is understood."""
        return not self.doubtful and FREE.issuperset(self.left)

    def is_praise(self) -> bool:
        """Whether it is only friendly: "great job"."""
        return self.praise and not self.stems and not self.needs

    def is_wish(self, *, of_stem: bool) -> bool:
        """Whether it asks for nothing but a good mix: "balance the mix", or "fix it" where nobody names a stem."""
        if self.doubtful or self.hands_off or self.amount or {need for _, need in self.needs} - {ATTENTION}:
            return False
        if self.needs:
            return FREE.issuperset(self.left) and (self.of_all or not of_stem)
        return self.of_all and (FREE | MIXING).issuperset(self.left)

    def takes_back(self) -> bool:
        """Whether it praises what the clause before complains of: "and that's fine"."""
        if self.stems or self.needs or self.amount:
            return False
        asks = self.doubtful and not self.text.startswith("which")
        is_fine = self.praise and not asks and bool(_OF_THE_FACT.search(self.text))
        return (is_fine or bool(_LIKED.search(self.text))) and (FREE | {"which"}).issuperset(self.left)

    def is_bare(self) -> bool:
        """Whether it only names stems."""
        return bool(self.stems) and not (self.needs or self.hands_off or self.left or self.amount or self.doubtful)


def split_clauses(prompt: str) -> list[str]:
    """Cuts a prompt into clauses, in lower case."""
    text = _ROUGHLY.sub("", prompt.lower().translate(_SIGNS))
    if _NUMBERED.match(text):
        text = _NUMBERED.sub("\n", text)
    parts = [
        part
        for sentence in _SENTENCE.split(text)
        for part in ([sentence] if _ONE_PIECE.search(sentence) else _ENDS.split(sentence))
    ]
    return [part.strip() for part in parts if _WORD.search(part)]


def read_clause(text: str, names: Names) -> Clause:
    """Reads a clause of `split_clauses`."""
    clause = Clause(text, doubtful=bool(_QUESTION.search(text) or _COMPARED.search(text)))
    plain = _find_amount(clause)
    words: list[str | None] = list(split_words(_AGAINST.sub("against", plain)))
    if len(words) > _MOST_WORDS:
        clause.doubtful = True
        del words[_MOST_WORDS:]
    clause.stems, unknown, clause.of_all = take_names(words, names)
    clause.doubtful |= unknown
    complaint = False
    for phrase, need, kind in phrases():
        while (places := find_phrase(phrase, words)) is not None:
            weak = len(phrase) == 1 and phrase[0] in WEAK and clause.needs
            if need is None:
                clause.hands_off, clause.praise = True, kind is PRAISE
            elif not weak:
                complaint |= kind is COMPLAINTS and phrase[0] != "too"
                clause.complains |= kind is COMPLAINTS or phrase[0] == "too"
                _find_side(clause, phrase, need, is_order=kind is ORDERS)
                clause.needs.append((places[-1], need))
                clause.size = 0.5 if phrase[0] in SMALL else clause.size
            elif clause.needs[-1][1][2] != need[2] or clause.needs[-1][1][0] == "apply_pan":
                clause.doubtful = True  # "more vocals less drums", "drums up on the left"
            # "More on the drums": of what was spoken of before. "Make more space for them" is no reverb.
            behind = words[places[-1] + 1 : places[-1] + 2]
            clause.doubtful |= phrase in ELLIPTIC and behind in OF_THAT
            clause.doubtful |= phrase[-1] in ("space", "room") and behind == ["for"]
            clause.of_tone |= kind is TONES
            for place in places:
                words[place] = None
    for sized, size in sizes():
        while (places := find_phrase(sized, words)) is not None:
            clause.size = size
            for place in places:
                words[place] = None
    clause.left = [word for word in words if word is not None]
    _settle(clause, complaint)
    return clause


def _find_amount(clause: Clause) -> str:
    """Reads the number of a clause, if it has one, and gives back the rest of the words."""
    amounts = list(_AMOUNT.finditer(clause.text))
    clause.doubtful |= len(amounts) > 1 or (bool(amounts) and bool(_TARGET.search(clause.text)))
    if amounts:
        sign, number, unit, up, by, down, other_sign, other_number = amounts[0].groups()
        value = float((number or up or by or down or other_number).replace(",", "."))
        clause.doubtful |= not unit and value > _BARE_MOST
        signs = {"-": -1, "+": 1}
        clause.amount = (signs.get(sign or other_sign, 0), value, "%" if unit in ("%", "percent") else "dB")
    return _AMOUNT.sub(" ", clause.text)


def _find_side(clause: Clause, phrase: tuple[str, ...], need: Need, *, is_order: bool) -> None:
    """Whether a phrase says where a stem is to be, and how far to that side: "hard left"."""
    if need[0] != "apply_pan" or not need[2] or not is_order:
        return
    clause.placed = phrase[0] not in FROM_THERE
    if phrase[0] in HOW_FAR and clause.amount is None:
        clause.amount = (0, HOW_FAR[phrase[0]], "%")


def _settle(clause: Clause, complaint: bool) -> None:
    """What contradicts itself is doubtful; a number with a sign is a request by itself."""
    clause.needs = list({need: (place, need) for place, need in clause.needs}.values())
    wished = bool(WISHES.intersection(clause.left))
    if clause.hands_off and (clause.needs or (clause.praise and wished)):
        clause.doubtful |= not (clause.needs and clause.praise)
        clause.hands_off = clause.praise = False
    tools = {need[0] for _, need in clause.needs}
    # "Have the drums on the left" may be a wish.
    may_be = frozenset() if "apply_pan" in tools else MAY_BE
    clause.doubtful |= complaint and not may_be.issuperset(WANTED.intersection(clause.left))
    if clause.amount and not clause.needs:
        # "Vocals +2 dB", "cut 3 dB on the bass", "piano 30 % left".
        is_level = clause.amount[2] == "dB"
        known, need = (WITH_AMOUNT, ("change_volume", "db")) if is_level else (SIDES, ("apply_pan", "balance"))
        signs = {known[word] for word in clause.left if word in known} | (
            {clause.amount[0]} - {0} if is_level else set()
        )
        if len(signs) == 1:
            clause.needs = [(len(clause.text), (*need, signs.pop()))]
            clause.left = [word for word in clause.left if word not in known and word not in MEASURES]
            clause.placed = not is_level
    # "Move it to the left" is from where it stands; "hard left" is a place.
    clause.placed &= "move" not in clause.left or clause.amount is not None
    clause.doubtful |= clause.placed and bool(_STATED.search(clause.text))
    changed = [need[:2] for _, need in clause.needs]
    clause.doubtful |= len(set(changed)) < len(changed) or ("apply_pan" in dict(changed) and len(changed) > 1)
    if clause.amount and clause.needs:
        sign, number, unit = clause.amount
        (_, (tool, _, direction)), *more = clause.needs
        fitting = number <= 100 and tool == "apply_pan" if unit == "%" else tool in _IN_DB
        clause.doubtful |= bool(more) or not fitting or not direction or sign == -direction
