"""What a person might ask for, made up for training: some say nothing in particular, others where and what is wrong.

What a prompt says is true, and it never says how much: no numbers, no names of tools.
"""

from __future__ import annotations

import numpy as np

from soundwright.formats.instructions import Call, Instructions
from soundwright.mixing.words.phrases import ALIASES

NEUTRAL = (
    "fix this mix",
    "make this sound better",
    "please balance the mix",
    "mix these stems",
    "clean this up",
    "something is off, fix it",
    "make it sound like a record",
    "",
)
#: Part of the prompts of distorted examples that say something, and of these the part that says two things.
HINT_SHARE, TWO_SHARE = 0.4, 0.3
OTHER_NAMES = {
    "vocals": ("voice", "lead vocal", "singer", "vox", "lead"),
    "drums": ("drum kit", "percussion", "beat", "drum"),
    "bass": ("bass guitar", "bassline", "bass line"),
    "other": ("rest", "instruments", "keys", "guitar", "piano", "synth", "chords"),
}
_WORDS: dict[tuple[str, str, bool], tuple[str, ...]] = {
    ("change_volume", "db", True): (
        *("the {} is too quiet", "turn the {} up", "turn up the {}", "i can hardly hear the {}", "louder {}"),
        *(
            "the {} is buried",
            "bring up the {}",
            "raise the {}",
            "the {} is not loud enough",
            "more {}",
            "the {} is lost",
        ),
    ),
    ("change_volume", "db", False): (
        *("the {} is too loud", "turn the {} down", "turn down the {}", "{} too loud", "softer {}", "lower the {}"),
        *("the {} is overpowering", "less {}", "pull back the {}", "make the {} quieter"),
    ),
    ("apply_pan", "balance", True): (
        *("the {} is too far left", "move the {} to the right", "pan the {} to the right", "the {} is on the left"),
    ),
    ("apply_pan", "balance", False): (
        *("the {} is too far right", "move the {} to the left", "pan the {} to the left", "the {} is on the right"),
    ),
    ("apply_eq", "low_gain", True): (
        *("the {} sounds thin", "make the {} warmer", "more bottom on the {}", "the {} needs more low end"),
        *("make the {} fuller", "more bass on the {}"),
    ),
    ("apply_eq", "low_gain", False): (
        *(
            "the {} is boomy",
            "the {} is muddy",
            "less bottom on the {}",
            "too much low end on the {}",
            "less mud on the {}",
        ),
        *("cut lows on the {}", "too much bass on the {}"),
    ),
    ("apply_eq", "mid_gain", True): ("the {} sounds hollow", "more body for the {}", "more mids on the {}"),
    ("apply_eq", "mid_gain", False): ("the {} is boxy", "the {} sounds nasal", "less mids on the {}"),
    ("apply_eq", "high_gain", True): (
        *(
            "the {} is dull",
            "make the {} brighter",
            "more air on the {}",
            "the {} sounds muffled",
            "the {} is too dark",
        ),
        *("more highs on the {}", "more treble on the {}"),
    ),
    ("apply_eq", "high_gain", False): (
        *("the {} is harsh", "make the {} darker", "the {} is too bright", "less treble on the {}", "the {} is shrill"),
        *("less highs on the {}", "cut highs on the {}"),
    ),
}
_ANY = ("something is wrong with the {}", "listen to the {}", "fix the {}")
_JOINED = ("{} and {}", "{}, {}", "{}. {}", "{}, and {}")


def make_prompt(rng: np.random.Generator, labels: Instructions, *, hint: bool | None = None) -> str:
    """A prompt for an example.

    Args:
        rng: what is random.
        labels: what has to be done.
        hint: whether to say something about it; drawn by default. Where nothing has to be done nothing is said.
    """
    needs = [(stem, call) for stem, calls in labels.items() for call in calls]
    wanted = rng.random() < HINT_SHARE if hint is None else hint
    if not needs or not wanted:
        return str(rng.choice(NEUTRAL))
    count = 2 if len(needs) > 1 and rng.random() < TWO_SHARE else 1
    said = [make_hint(rng, *needs[place]) for place in rng.choice(len(needs), count, replace=False)]
    return said[0] if count == 1 else str(rng.choice(_JOINED)).format(*said)


def make_hint(rng: np.random.Generator, stem: str, call: Call, *, vague: float = 0.15) -> str:
    """Words for the need of a call.

    Args:
        rng: what is random.
        stem: what it is called.
        call: what has to be done.
        vague: how often to say where and not what.
    """
    name = max(call.arguments, key=lambda argument: abs(call.arguments[argument]))
    words = _WORDS.get((call.tool, name, call.arguments[name] > 0), _ANY)
    if rng.random() < vague:
        words = _ANY
    return str(rng.choice(words)).format(stem)


def vocabulary() -> list[str]:
    """The words of all prompts and names of stems."""
    texts = [*NEUTRAL, *_ANY, *(text for some in _WORDS.values() for text in some)]
    for names in (OTHER_NAMES, ALIASES):
        texts += [*names, *(name for others in names.values() for name in others)]
    texts.append("backing vocals strings horns")
    words = " ".join(texts).replace("{}", " ").replace(",", " ").split()
    more = (
        "a an and but not more less much very bit soft hard high low mid left right warm bright deep punchy snare kick"
    )
    return sorted({*words, *more.split()})
