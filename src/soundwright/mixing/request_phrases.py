"""What people say about a stem, and what mends it. English; articles and forms of "to be" are left out of phrases.

`requests` reads prompts by it.
"""

from __future__ import annotations

from typing import TypeAlias

#: Tool, argument, and whether there is to be more of it (1), less (-1), or what the sound itself says (0).
Need: TypeAlias = tuple[str, str, int]

_VOLUME, _BALANCE = ("change_volume", "db"), ("apply_pan", "balance")
_LOW, _MID, _HIGH = (("apply_eq", f"{band}_gain") for band in ("low", "mid", "high"))

#: What a stem is said to be: "the drums are too loud", "boomy bass".
COMPLAINTS: dict[Need, tuple[str, ...]] = {
    (*_VOLUME, 1): (
        *("too quiet", "too soft", "too low", "too weak", "not loud enough", "buried", "lost", "drowned", "inaudible"),
        *("hard to hear", "barely audible", "too far back", "in the background", "overpowered", "masked"),
    ),
    (*_VOLUME, -1): (
        *("too loud", "too hot", "too strong", "overpowering", "too prominent", "too dominant", "too up front"),
        *("too much", "deafening", "in your face", "overpower", "overpowers", "drown", "drowns", "mask", "masks"),
    ),
    (*_BALANCE, 1): ("too far left", "too far to the left", "too much to the left", "on the left"),
    (*_BALANCE, -1): ("too far right", "too far to the right", "too much to the right", "on the right"),
    (*_BALANCE, 0): ("off centre", "off center", "off to one side", "on one side", "lopsided"),
    (*_LOW, 1): ("thin", "too thin", "tinny", "weedy", "cold"),
    (*_LOW, -1): ("boomy", "muddy", "too boomy", "too muddy", "bassy", "too bassy", "woofy", "rumbly", "bloated"),
    (*_MID, 1): ("hollow", "too hollow", "scooped", "lifeless"),
    (*_MID, -1): ("boxy", "nasal", "honky", "too boxy", "too nasal"),
    (*_HIGH, 1): ("dull", "dark", "too dull", "too dark", "muffled", "veiled", "lifeless on top"),
    (*_HIGH, -1): (
        *("harsh", "shrill", "piercing", "too bright", "too harsh", "sibilant", "brittle", "hissy", "sharp"),
        *("too sharp", "scratchy"),
    ),
    ("apply_reverb", "amount", 1): ("too dry", "dry"),
    ("apply_reverb", "amount", -1): ("too wet", "too much reverb", "too far away", "washed out"),
    ("apply_compressor", "ratio", 1): ("too dynamic", "jumpy", "uneven"),
    ("apply_expander", "ratio", 1): ("squashed", "too compressed", "overcompressed", "over compressed", "flat"),
}

#: What is to be done: "turn up the drums", "more reverb on the vocals". `{}` may stand anywhere between the words.
ORDERS: dict[Need, tuple[str, ...]] = {
    (*_VOLUME, 1): (
        *("turn up", "bring up", "push up", "raise", "louder", "bring forward", "bring out", "boost", "increase"),
        *(
            "more volume",
            "more level",
            "turn it up",
            "up",
            "more",
            "can hardly hear",
            "can barely hear",
            "can not hear",
        ),
        *("can t hear", "cannot hear", "hardly hear", "need to hear", "stand out", "crank"),
    ),
    (*_VOLUME, -1): (
        *("turn down", "bring down", "pull down", "pull back", "push back", "lower", "softer", "quieter", "reduce"),
        *("less volume", "less loud", "not so loud", "less level", "turn it down", "down", "less", "decrease"),
        *("attenuate", "duck", "back off", "dial back", "dial down"),
    ),
    (*_BALANCE, 1): ("to the right", "pan right", "more right", "further right", "hard right", "move right"),
    (*_BALANCE, -1): ("to the left", "pan left", "more left", "further left", "hard left", "move left"),
    (*_BALANCE, 0): (
        *("to the middle", "to the centre", "to the center", "in the middle", "in the centre", "in the center"),
        *("centre", "center", "centred", "centered"),
    ),
    (*_LOW, 1): (
        *("warmer", "fuller", "fatter", "more bottom", "more low end", "more lows", "more bass", "more weight"),
        *("more warmth", "boost lows", "boost low end", "boost bass", "not enough bass", "not enough low end"),
        *("no low end", "no bottom", "needs bass", "needs low end", "add bass", "add low end", "add warmth"),
    ),
    (*_LOW, -1): (
        *("less bottom", "less low end", "less lows", "less bass", "too much bass", "too much low end", "less boomy"),
        *("too much bottom", "less muddy", "cut lows", "cut low end", "cut bass", "reduce bass", "reduce low end"),
        *("less mud", "remove mud", "tighten low end", "less boom", "thinner"),
    ),
    (*_MID, 1): ("more body", "more mids", "more midrange", "boost mids", "add body", "not enough body", "less hollow"),
    (*_MID, -1): ("less boxy", "less nasal", "less mids", "less midrange", "too much mids", "cut mids", "scoop mids"),
    (*_HIGH, 1): (
        *("brighter", "more air", "more highs", "more treble", "more top", "more sparkle", "more presence", "crisper"),
        *("clearer", "more clarity", "boost highs", "boost treble", "add air", "add highs", "add treble", "more sheen"),
        *("less dull", "less muffled", "not bright enough", "not enough highs", "not enough treble", "open up"),
    ),
    (*_HIGH, -1): (
        *("darker", "less highs", "less treble", "less harsh", "less bright", "too much treble", "too much highs"),
        *("cut highs", "cut treble", "smoother", "tame highs", "less sibilant", "less shrill", "reduce treble"),
        *("reduce highs", "less sharp", "mellower", "less air"),
    ),
    ("apply_reverb", "amount", 1): (
        *("more reverb", "more room", "more space", "add reverb", "wetter", "add room", "add space", "more spacious"),
        *("not enough reverb", "no reverb"),
    ),
    ("apply_reverb", "amount", -1): ("less reverb", "drier", "dryer", "less wet", "remove reverb", "less room"),
    ("apply_compressor", "ratio", 1): (
        "compress",
        "more compression",
        "add compression",
        "more even",
        "more compressed",
    ),
    ("apply_expander", "ratio", 1): ("less compression", "less compressed", "more dynamic", "more dynamics", "expand"),
    ("apply_high_pass", "cutoff_hz", 1): ("high pass", "highpass", "remove rumble", "cut rumble", "less rumble"),
    ("apply_low_pass", "cutoff_hz", 1): ("low pass", "lowpass", "remove hiss", "cut hiss", "less hiss"),
    ("apply_limiter", "ceiling_db", 1): ("limit", "tame peaks", "limit peaks"),
}

#: Something about a stem, and nobody says what.
ATTENTION: Need = ("", "", 0)
ATTENTION_PHRASES = (
    "wrong with",
    "off with",
    "listen to",
    "fix",
    "mend",
    "check",
    "look at",
    "improve",
    "better",
    "nicer",
)

#: Nothing is to be done to a stem.
HANDS_OFF = (
    *("leave alone", "not touch", "don t touch", "dont touch", "not change", "don t change", "leave as is"),
    *("keep as is", "leave untouched", "fine", "good", "great", "perfect", "all right", "alright", "okay"),
)

#: By how much: as many times the usual step.
SIZES: dict[str, float] = {
    **dict.fromkeys(
        ("a bit", "a little", "slightly", "a touch", "a tad", "somewhat", "a hair", "little bit", "bit"), 0.5
    ),
    **dict.fromkeys(("much", "way", "a lot", "far", "really", "very", "lots", "significantly", "extremely", "so"), 2.0),
}

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
EVERYTHING = ("mix", "everything", "song", "track", "whole thing", "all of it", "it all", "whole mix", "all stems")
