"""What a person might ask for, made up for training: some say nothing in particular, others where and what is wrong.

What a prompt says is true, and it never says how much: no numbers, no names of tools.
"""

from __future__ import annotations

import numpy as np

from soundwright.formats.instructions import Call, Instructions

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
#: Part of the prompts of distorted examples that say something.
HINT_SHARE = 0.4
OTHER_NAMES = {
    "vocals": ("voice", "lead vocal", "singer", "vox", "lead"),
    "drums": ("drum kit", "percussion", "beat", "drum"),
    "bass": ("bass guitar", "bassline", "low end"),
    "other": ("rest", "instruments", "keys", "guitar", "piano", "synth", "chords"),
}
_WORDS: dict[tuple[str, str, bool], tuple[str, ...]] = {
    ("change_volume", "db", True): ("the {} is too quiet", "turn the {} up", "i can hardly hear the {}", "louder {}"),
    ("change_volume", "db", False): ("the {} is too loud", "turn the {} down", "{} too loud", "softer {}"),
    ("apply_pan", "balance", True): ("the {} is too far left", "move the {} to the right"),
    ("apply_pan", "balance", False): ("the {} is too far right", "move the {} to the left"),
    ("apply_eq", "low_gain", True): ("the {} sounds thin", "make the {} warmer", "more bottom on the {}"),
    ("apply_eq", "low_gain", False): ("the {} is boomy", "the {} is muddy", "less bottom on the {}"),
    ("apply_eq", "mid_gain", True): ("the {} sounds hollow", "more body for the {}"),
    ("apply_eq", "mid_gain", False): ("the {} is boxy", "the {} sounds nasal"),
    ("apply_eq", "high_gain", True): ("the {} is dull", "make the {} brighter", "more air on the {}"),
    ("apply_eq", "high_gain", False): ("the {} is harsh", "make the {} darker", "the {} is too bright"),
}
_ANY = ("something is wrong with the {}", "listen to the {}")


def make_prompt(rng: np.random.Generator, labels: Instructions, *, hint: bool | None = None) -> str:
    """A prompt for an example.

    Args:
        rng: what is random.
        labels: what has to be done.
        hint: whether to say something about it; drawn by default. Where nothing has to be done nothing is said.
    """
    hints = [(stem, call) for stem, calls in labels.items() for call in calls]
    wanted = rng.random() < HINT_SHARE if hint is None else hint
    if not hints or not wanted:
        return str(rng.choice(NEUTRAL))
    stem, call = hints[int(rng.integers(len(hints)))]
    return make_hint(rng, stem, call)


def make_hint(rng: np.random.Generator, stem: str, call: Call) -> str:
    """Words for the need of a call."""
    name = max(call.arguments, key=lambda argument: abs(call.arguments[argument]))
    words = _WORDS.get((call.tool, name, call.arguments[name] > 0), _ANY)
    if rng.random() < 0.15:
        words = _ANY
    return str(rng.choice(words)).format(stem)


def vocabulary() -> list[str]:
    """The words of all prompts and names of stems."""
    texts = [*NEUTRAL, *_ANY, *(text for some in _WORDS.values() for text in some)]
    texts += [*OTHER_NAMES, *(name for names in OTHER_NAMES.values() for name in names), "backing vocals strings horns"]
    words = " ".join(texts).replace("{}", " ").replace(",", " ").split()
    more = (
        "a an and but not more less much very bit soft hard high low mid left right warm bright deep punchy snare kick"
    )
    return sorted({*words, *more.split()})
