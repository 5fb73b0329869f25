"""What people say about a stem, and what mends it. English; articles and forms of "to be" are left out of phrases.

`requests` reads prompts by it. Words that mean two things are not here: "flat" may be a sound or a pitch.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TypeAlias

#: Tool, argument, and whether there is to be more of it (1), less (-1), or what the sound itself says (0).
Need: TypeAlias = tuple[str, str, int]


def word_set(text: str) -> frozenset[str]:
    """Words as a set, for tables that are easier to read as a line."""
    return frozenset(text.split())


def _on(side: str, texts: str) -> tuple[str, ...]:
    """Phrases of a side, from a line of them."""
    return tuple(text.strip().replace("SIDE", side) for text in texts.split(","))


_VOLUME, _BALANCE = ("change_volume", "db"), ("apply_pan", "balance")
_LOW, _MID, _HIGH = (("apply_eq", f"{band}_gain") for band in ("low", "mid", "high"))

#: How far to a side in percent, by the first word of a phrase.
HOW_FAR = {**dict.fromkeys(("hard", "full", "fully", "all"), 100.0), **dict.fromkeys(("half", "halfway"), 50.0)}
#: Behind one of these a side is no place: it says where to move a stem from where it is.
FROM_THERE = word_set("more further farther")
_TOO_FAR = "too far SIDE, too far to the SIDE, too much to the SIDE, on the SIDE"
_TO_SIDE = (
    "to the SIDE, pan SIDE, move SIDE, put on the SIDE, place on the SIDE, want on the SIDE, should on the SIDE, "
    "need on the SIDE, need to on the SIDE, needs to on the SIDE, hard SIDE, full SIDE, fully SIDE, all the way SIDE, "
    "half SIDE, half way SIDE, halfway SIDE, hard to the SIDE, fully to the SIDE, all the way to the SIDE, "
    "half way to the SIDE, halfway to the SIDE, more SIDE, further SIDE, farther SIDE, more to the SIDE, "
    "further to the SIDE, farther to the SIDE, more on the SIDE"
)

#: What a stem is said to be: "the drums are too loud", "boomy bass".
COMPLAINTS: dict[Need, tuple[str, ...]] = {
    (*_VOLUME, 1): (
        *("too quiet", "too soft", "too low", "too weak", "not loud enough", "buried", "lost", "drowned", "inaudible"),
        *("hard to hear", "barely audible", "too far back", "too far in the background", "overpowered", "masked"),
        *("not enough", "disappear", "disappears"),
    ),
    (*_VOLUME, -1): (
        *("too loud", "too hot", "too strong", "overpowering", "too prominent", "too dominant", "too up front"),
        *("too much", "deafening", "in your face", "overpower", "overpowers", "drown", "drowns", "mask", "masks"),
        *("drowning", "drowning out", "drown out", "drowns out", "masking", "burying", "bury"),
    ),
    (*_BALANCE, 1): _on("left", _TOO_FAR),
    (*_BALANCE, -1): _on("right", _TOO_FAR),
    (*_BALANCE, 0): ("off centre", "off center", "off to one side", "lopsided"),
    (*_LOW, 1): ("thin", "too thin", "tinny", "weedy", "cold"),
    (*_LOW, -1): ("boomy", "muddy", "too boomy", "too muddy", "bassy", "too bassy", "woofy", "rumbly", "bloated"),
    (*_MID, 1): ("hollow", "too hollow", "scooped", "lifeless"),
    (*_MID, -1): ("boxy", "nasal", "honky", "too boxy", "too nasal"),
    (*_HIGH, 1): ("dull", "too dull", "too dark", "muffled", "veiled", "lifeless on top"),
    (*_HIGH, -1): (
        *("harsh", "shrill", "piercing", "too bright", "too harsh", "sibilant", "brittle", "hissy", "scratchy"),
        *("too sibilant", "too piercing", "too shrill", "too brittle"),
    ),
    ("apply_reverb", "amount", 1): ("too dry",),
    ("apply_reverb", "amount", -1): ("too wet", "too much reverb", "washed out"),
    ("apply_compressor", "ratio", 1): ("too dynamic", "jumpy", "uneven"),
    ("apply_expander", "ratio", 1): ("squashed", "too compressed", "overcompressed", "over compressed"),
}

#: What is to be done: "turn up the drums", "more reverb on the vocals". A name may stand between the words.
ORDERS: dict[Need, tuple[str, ...]] = {
    (*_VOLUME, 1): (
        *("turn up", "bring up", "push up", "raise", "louder", "bring forward", "bring out", "boost", "increase"),
        *("more volume", "more level", "give more volume", "up", "more", "come up", "go up", "nudge up", "bump up"),
        *("can hardly hear", "can barely hear", "can not hear", "can t hear", "cant hear", "cannot hear"),
        *("hardly hear", "need to hear", "stand out", "crank", "crank up", "push forward", "lift"),
    ),
    (*_VOLUME, -1): (
        *("turn down", "bring down", "pull down", "pull back", "push back", "lower", "softer", "quieter", "reduce"),
        *("less volume", "less loud", "not so loud", "less level", "down", "less", "decrease", "attenuate"),
        *("back off", "dial back", "dial down", "nudge down", "come down", "go down", "knock down", "tone down"),
        "drop down",
    ),
    (*_BALANCE, 1): _on("right", _TO_SIDE),
    (*_BALANCE, -1): _on("left", _TO_SIDE),
    (*_BALANCE, 0): (
        *("to the middle", "to the centre", "to the center", "in the middle", "in the centre", "in the center"),
        *("centre", "center", "centred", "centered"),
    ),
    (*_LOW, 1): (
        *("warmer", "more warm", "more warmth", "add warmth", "fuller", "fatter", "more weight"),
        *("needs bass", "needs low end", "has no low end", "have no low end"),
    ),
    (*_LOW, -1): ("less boomy", "less muddy", "remove mud", "tighten low end", "thinner"),
    (*_MID, 1): ("more body", "add body", "not enough body", "has no body", "got no body", "less hollow"),
    (*_MID, -1): ("less boxy", "less nasal", "scoop mids"),
    (*_HIGH, 1): (
        *("brighter", "more bright", "crisper", "clearer", "more clarity", "more air", "add air", "more sparkle"),
        *("more sheen", "more presence", "open up", "less dull", "less muffled", "not bright enough"),
    ),
    (*_HIGH, -1): (
        *("darker", "mellower", "smoother", "less harsh", "less bright", "less sibilant", "less shrill", "less air"),
        *("less piercing", "less brittle"),
    ),
    ("apply_reverb", "amount", 1): ("wetter", "more space", "add space", "more spacious", "add some reverb"),
    ("apply_reverb", "amount", -1): ("drier", "dryer", "less wet", "remove reverb"),
    ("apply_compressor", "ratio", 1): (
        *("compress", "more compression", "add compression", "more even", "more compressed"),
    ),
    ("apply_expander", "ratio", 1): ("less compression", "less compressed", "more dynamic", "more dynamics", "expand"),
    ("apply_high_pass", "cutoff_hz", 1): (
        *("high pass", "highpass", "remove rumble", "cut rumble", "less rumble", "roll off lows", "roll off low end"),
    ),
    ("apply_low_pass", "cutoff_hz", 1): ("low pass", "lowpass", "remove hiss", "cut hiss", "less hiss"),
    ("apply_limiter", "ceiling_db", 1): ("limit", "tame peaks", "limit peaks"),
}

#: Of these there can be more or less: "more highs", "turn the treble down".
TONES: dict[tuple[str, str], tuple[str, ...]] = {
    _LOW: ("bass", "low end", "lows", "bottom", "bottom end", "low frequencies"),
    _MID: ("mids", "midrange", "mid range"),
    _HIGH: ("highs", "treble", "top", "top end", "high end", "high frequencies"),
    ("apply_reverb", "amount"): ("reverb", "room"),
}
#: Of these there can only be too much.
FAULTS: dict[tuple[str, str], tuple[str, ...]] = {
    _LOW: ("mud", "muddiness", "boom", "boominess"),
    _MID: ("boxiness", "honk"),
    _HIGH: ("harshness", "sibilance", "shrillness"),
}
MORE_OF = ("more", "add", "boost", "raise", "increase", "turn up", "bring up", "not enough")
LESS_OF = ("less", "cut", "reduce", "lower", "decrease", "turn down", "bring down", "too much", "tame")

#: Something about a stem, and nobody says what.
ATTENTION: Need = ("", "", 0)
ATTENTION_PHRASES = (
    *("wrong with", "off with", "something wrong", "something off", "something wrong with", "something off with"),
    *("listen to", "fix", "mend", "check", "look at", "improve", "clean up"),
    *("make better", "make nicer", "could better", "should better", "could nicer"),
)

#: Nothing is to be done to a stem, whatever else is said of it.
HANDS_OFF = (
    *("leave alone", "not touch", "don t touch", "dont touch", "not change", "don t change", "dont change", "leave"),
    *("leave as is", "keep as is", "leave untouched", "leave as they", "keep as they", "leave where they"),
    *("keep where they", "keep where it", "leave where it", "leave like that", "keep like that"),
)
#: Nothing is to be done to a stem unless something else is said of it.
PRAISE = (
    *("fine", "good", "great", "perfect", "all right", "alright", "okay", "ok", "love", "nice", "amazing", "awesome"),
    *("perfectly fine", "really good", "really nice", "spot on", "fine with", "good with", "ok with", "okay with"),
)

#: By how much: as many times the usual step.
SIZES: dict[str, float] = {
    **dict.fromkeys(
        (
            *("a bit", "a little", "slightly", "a touch", "a tad", "somewhat", "a hair", "little bit", "bit", "lil"),
            *("lil bit", "smidge", "tiny bit", "notch"),
        ),
        0.5,
    ),
    **dict.fromkeys(("much", "way", "a lot", "far", "really", "very", "lots", "significantly", "extremely"), 2.0),
}

#: Single words for little.
SMALL = word_set("touch tad little").union(phrase for phrase, size in SIZES.items() if size < 1 and " " not in phrase)

#: What other people call the usual stems.
ALIASES: dict[str, tuple[str, ...]] = {
    "vocals": ("vocal", "voice", "voices", "lead vocal", "lead vocals", "singer", "vox", "singing", "lead", "rap"),
    "drums": ("drum", "drum kit", "percussion", "beat", "kit", "drumming"),
    "bass": ("bass guitar", "bassline", "bass line", "bassist"),
    "other": (
        *("rest", "instruments", "keys", "guitar", "guitars", "piano", "synth", "synths", "chords", "others"),
        *("everything else", "music", "keyboard", "keyboards", "other instruments", "accompaniment", "strings"),
    ),
}
#: The mix as a whole.
EVERYTHING = (
    *("mix", "everything", "song", "track", "whole thing", "all of it", "it all", "whole mix", "all stems"),
    "anything",
)
#: Beside it they are a wish for the mix, as "fix it" is: "balance the mix", "mix these stems".
MIXING = word_set("balance stems")
#: What depends on what else is said.
EVERYTHING_ELSE = ("everything else", "all else", "all the rest", "all the others", "everyone else")
#: Of what a stem "other" is called, what a stem of its own may be: where there is a piano, a guitar is no piano.
INSTRUMENTS = word_set("key guitar piano synth chord keyboard string")
#: Who sings in front, and what says that somebody does not.
LEAD_NAMES = frozenset({"lead", "singer"})
NOT_LEAD = word_set("backing background harmony harmonies harmonie double doubles choir adlib")
#: One word for another, in names.
SPELLINGS = {
    **dict.fromkeys(("gtr", "gtrs", "gt", "gtar", "git"), "guitar"),
    **dict.fromkeys(("vox", "voc", "vocs", "vocals"), "vocal"),
    **dict.fromkeys(("oh", "ohs"), "overhead"),
    **dict.fromkeys(("bd", "kik"), "kick"),
    "l": "left",
    "r": "right",
    "pno": "piano",
    "perc": "percussion",
    "snr": "snare",
    "acc": "acoustic",
    "elec": "electric",
    "ld": "lead",
    "hh": "hat",
}
#: Short names of two words.
EXPANDED = dict.fromkeys(("bgv", "bv", "bvox", "bgvox"), ("backing", "vocal"))

#: Said of a single stem with a number of dB they change how loud it is: without one, "cut" may mean away with it.
WITH_AMOUNT = {
    **dict.fromkeys(word_set("add bump boost raise give gain plus"), 1),
    **dict.fromkeys(word_set("cut drop reduce take lose minus off"), -1),
}
SIDES = {"left": -1, "right": 1}
#: They make "good" a wish, and "dark" too.
WISHES = word_set("make want wants should need needs must would could can get put keep prefer have place like")
#: Words that change nothing of what a clause asks for. One with others is not understood.
FREE = WISHES | word_set(
    "you i me we us they he she to on in for at of by from there here too maybe give try still now again also though "
    "tho only pls plz thanks thx thank cheers hey hi hello guys man dude bro mate honestly imo imho think guess hear "
    "kinda quite actually definitely overall lol haha ok yeah yes well as pan move bring turn come go sit "
    "sits gets getting so something panned stem part mic channel both sorry use has have got volume level levels"
)


#: They say something only where nothing else does.
WEAK = word_set("up down more less")
ON = word_set("on for in")
ELLIPTIC, OF_THAT = ((("more",), ("less",)), (["on"], ["in"], ["for"], ["to"]))
#: Beside these a complaint stays one: "can get harsh", "gets lost".
MAY_BE = word_set("can could get have")
#: Beside these it may be what is wanted: "make them dark", "turn it a bit low".
WANTED = WISHES | {"turn", "bring", "give", "try", "move"}
#: They take back what was said before, if nobody says of what.
TAKEN_BACK = word_set("no wait nevermind scratch forget undo")
#: What a number with a sign and nothing else may stand beside.
MEASURES = word_set("gain volume level")
_WORD = re.compile(r"[^\W_]+")
_NOT = re.compile(r"\b(?:is|are|do|does)n['\u2019 ]?t\b|\b(?:is|are|do|does) not\b")
_DROPPED = word_set(
    "the a an my our their his her this that these those is are be been sounds sound sounding seems seem feels feel "
    "looks of some please just it them s re ve ll m d"
)


@functools.cache
def phrase_words() -> frozenset[str]:
    """All words of phrases, sizes, and those that change nothing: none of them is part of a stem's name."""
    tables = (*COMPLAINTS.values(), *ORDERS.values(), ATTENTION_PHRASES, HANDS_OFF, PRAISE, SIZES)
    return FREE.union(word for table in tables for phrase in table for word in re.findall(r"[a-z]+", phrase))


def split_words(text: str) -> tuple[str, ...]:
    """Words of a text, without those that say nothing; "isn't" is "not"."""
    return tuple(word for word in _WORD.findall(_NOT.sub(" not ", text.lower())) if word not in _DROPPED)


def find_phrase(phrase: Sequence[str], words: Sequence[str | None]) -> list[int] | None:
    """Places of a phrase's words, in order; between them may be what was taken out already, and "a bit"."""
    for first, begin in enumerate(words):
        if begin != phrase[0]:
            continue
        places: list[int] = []
        for place in range(first, len(words)):
            word = words[place]
            if word == phrase[len(places)]:
                places.append(place)
                if len(places) == len(phrase):
                    return places
            elif word is not None and word not in _fillers():
                break
    return None


@functools.cache
def phrases() -> list[tuple[tuple[str, ...], Need | None, object]]:
    """Longest first, with the table that they come from; those of nothing to do without a need."""
    table: dict[tuple[str, ...], tuple[Need | None, object]] = {}
    for untouched in (PRAISE, HANDS_OFF):
        table |= {split_words(phrase): (None, untouched) for phrase in untouched}
    table |= {split_words(phrase): (ATTENTION, ATTENTION_PHRASES) for phrase in ATTENTION_PHRASES}
    for needs in (COMPLAINTS, ORDERS):
        table |= {split_words(phrase): (need, needs) for need, phrases in needs.items() for phrase in phrases}
    for nouns, ways, sign in ((TONES, MORE_OF, 1), (TONES, LESS_OF, -1), (FAULTS, LESS_OF, -1)):
        for (tool, argument), some in nouns.items():
            entry = (tool, argument, sign), TONES
            table |= {split_words(f"{way} {noun}"): entry for way in ways for noun in some}
    # "A bit loud" is "too loud"; of longer ones some are good: "a bit up front".
    single = {phrase[1]: entry for phrase, entry in table.items() if phrase[0] == "too" and len(phrase) == 2}
    table |= {(small, word): entry for small in SMALL for word, entry in single.items()}
    return sorted(((phrase, *entry) for phrase, entry in table.items()), key=lambda entry: -len(entry[0]))


@functools.cache
def sizes() -> list[tuple[tuple[str, ...], float]]:
    """Words of sizes, longest first."""
    return sorted(((split_words(phrase), size) for phrase, size in SIZES.items()), key=lambda entry: -len(entry[0]))


@functools.cache
def _fillers() -> frozenset[str]:
    return frozenset(word for phrase, _ in sizes() for word in phrase)
