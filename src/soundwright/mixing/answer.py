"""The mixer's answer about stems: what the network says, what words ask for, and how much the reference shows.

Words change only what they name: everything else is answered as if nothing in particular had been asked. What they name
is done as the network says; where it says nothing of the kind, or they say how much, as they say. Beside a reference
that can show what they name, it decides whether that is so, unless they give a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import SoundwrightError, show_path
from soundwright.formats.instructions import Call
from soundwright.mixing.bands import LINEAR
from soundwright.mixing.baselines import levels
from soundwright.mixing.decode import Spoken, speak
from soundwright.mixing.effects.balance import FULL_DIFFERENCE_DB
from soundwright.mixing.fitting import fit
from soundwright.mixing.look import Look
from soundwright.mixing.model.mixer import Inputs, Mixer
from soundwright.mixing.model.settings import OWN
from soundwright.mixing.prompts import NEUTRAL
from soundwright.mixing.tools import TOOLS, canonical, fill
from soundwright.mixing.words.requests import Reading, Request, read_requests

#: Stem and tool: there is one call of each.
Key = tuple[str, str]

#: What is done where words ask for it and nobody knows how much: audible, and soon undone.
STEPS = {"db": 3.0, "balance": 0.3, "low_gain": 3.0, "mid_gain": 3.0, "high_gain": 3.0, "amount": 0.25}
_SHOWING = ("aligned", "stems")  # evidence that can show what words name
_PLAIN = NEUTRAL[0]


@dataclass(frozen=True)
class Answer:
    """What is said about stems.

    Attributes:
        instructions: canonical.
        confidences: of what the network said, by stem and tool, 0 to 1.
        errors: expected absolute errors of what the network said, by stem, tool and argument, in its unit.
        touch: how likely anything is wrong at all.
        asked: calls that words name, and whether their amount is a guess.
        fitted: calls of which the amounts were fitted to the reference.
        strange: stems on which the network held back.
        notes: what a person should know about the words.
    """

    instructions: dict[str, tuple[Call, ...]]
    confidences: dict[Key, float]
    errors: dict[tuple[str, str, str], float]
    touch: float
    asked: dict[Key, bool]
    fitted: frozenset[Key]
    strange: tuple[str, ...]
    notes: tuple[str, ...]


def answer(mixer: Mixer, prompt: str, looks: Sequence[Look], audio: NDArray[np.float32] | None = None) -> list[Answer]:
    """Answers about stems beside different references.

    Args:
        mixer: in eval mode.
        prompt: what is asked.
        looks: of the same stems.
        audio: what the audio encoder hears of them, `[S, audio_dim]`, if the mixer has one.

    Raises:
        SoundwrightError: a feature is not finite.
    """
    names = looks[0].stems
    reading = read_requests(prompt, names)
    rows = np.stack([seen.features.stems for seen in looks]), np.stack([seen.features.mix for seen in looks])
    if not all(np.isfinite(x).all() for x in rows):
        raise SoundwrightError("features that are not finite: the stems cannot be compared")
    heard = None if audio is None else np.repeat(audio[None], len(looks), axis=0)

    def said(words: str, asked: Sequence[Key] = ()) -> list[Spoken]:
        return speak(mixer, Inputs([words] * len(looks), [names] * len(looks), *rows, heard), asked=asked)

    # A text encoder from elsewhere knows more words than ours; its own one knows those of `requests`.
    reads_freely = mixer.settings.text_model != OWN and not reading.requests
    plain = said(prompt if reads_freely else _PLAIN)
    told = said(prompt, [(r.stem, r.tool) for r in reading.requests]) if reading.requests else plain
    return [_Answering(*given, reading).answer() for given in zip(looks, plain, told, strict=True)]


class _Answering:
    """One answer as it comes together: calls are arguments by stem and tool."""

    def __init__(self, seen: Look, plain: Spoken, told: Spoken, reading: Reading) -> None:
        self.seen, self.plain, self.told, self.reading = seen, plain, told, reading
        self.calls = {key: call for key, call in _calls(plain).items() if key[0] not in reading.alone}
        self.asked: dict[Key, bool] = {}
        self.exact: set[Key] = set()
        self.notes: list[str] = []

    def answer(self) -> Answer:
        for request in self.reading.requests:
            if request.tool:
                self._grant(request)
            else:
                self._attend(request)
        said = canonical(_by_stem(self.calls))
        fitted: frozenset[Key] = frozenset()
        if self.seen.kind == "aligned" and self.seen.reference is not None:
            rate = self.seen.here.sample_rate
            said = fit(said, self.seen.stems, rate, self.seen.common, self.seen.reference, fixed=self.exact)
            fitted = frozenset((s, c.tool) for s, some in said.items() for c in some if c.tool in LINEAR) - self.exact
        there = {(stem, call.tool) for stem, some in said.items() for call in some}
        guessed = {key for key, guess in self.asked.items() if guess} | self.exact
        heard = {**self.plain.confidences, **{k: c for k, c in self.told.confidences.items() if k in self.asked}}
        errors = {**self.plain.errors, **{k: e for k, e in self.told.errors.items() if k[:2] in self.asked}}
        return Answer(
            said,
            {key: confidence for key, confidence in heard.items() if key in there - guessed},
            {key: error for key, error in errors.items() if key[:2] in there - guessed - fitted},
            self.plain.touch,
            {key: guess for key, guess in self.asked.items() if key in there},
            fitted,
            self.plain.strange,
            (*self.notes, *(self._unread(text) for text in self.reading.unread)),
        )

    def _attend(self, request: Request) -> None:
        """Something about a stem is wrong: what the network says with that in mind."""
        found = {key: call for key, call in _calls(self.told).items() if key[0] == request.stem}
        self.calls = {key: call for key, call in self.calls.items() if key[0] != request.stem} | found
        self.asked |= dict.fromkeys(found, False)
        if not found:
            self._note(request, "nothing is found to mend; say what is wrong with it")

    def _grant(self, request: Request) -> None:
        key = request.stem, request.tool
        value = self._value(request, key)
        if value is None:
            return
        arguments = dict(self.calls.get(key) or fill(Call(request.tool)))
        if request.argument in STEPS:
            parameter = TOOLS[request.tool].parameter(request.argument)
            arguments[request.argument] = min(max(value, parameter.low), parameter.high)
        self.calls[key] = arguments

    def _value(self, request: Request, key: Key) -> float | None:
        """What the argument is to be, or None where the request is not granted."""
        if request.sign == 0:
            left, right = levels(self.seen.here)[:, self.seen.stems.index(request.stem)]
            balance = float(left - right) / FULL_DIFFERENCE_DB
            if abs(balance) < TOOLS["apply_pan"].parameter("balance").step / 2:
                self._note(request, "it stands in the middle")
                return None
            self.exact.add(key)
            self.asked[key] = False
            return balance
        if request.tool == "apply_reverb" and request.sign < 0:
            self._note(request, "no tool takes a room away")
            return None
        if request.amount is not None:
            self.exact.add(key)
            self.asked[key] = False
            return request.sign * request.amount
        # Of strange stems another section shows only what is very clear: that it shows nothing says nothing.
        held_back = self.seen.kind == "stems" and request.stem in self.plain.strange
        shows = self.seen.kind in _SHOWING and request.tool in LINEAR and not held_back
        if request.size == 1 or shows:
            for said in (self.told, self.plain):
                value = _calls(said).get(key, {}).get(request.argument, 0.0)
                if value * request.sign > 0:
                    self.asked[key] = False
                    return value
        if shows:
            number = f"'{request.stem} -2 dB'"
            self._note(request, f"the reference shows no need for it; give a number, as in {number}")
            return None
        self.asked[key] = True
        return request.sign * request.size * STEPS.get(request.argument, 0.0)

    def _note(self, request: Request, what: str) -> None:
        self.notes.append(f"{show_path(request.stem)}: {show_path(request.text)!r}: {what}")

    def _unread(self, text: str) -> str:
        stems = ", ".join(map(show_path, self.seen.stems[:8]))
        return f"not understood: {show_path(text)!r} -> say which stem ({stems}) and what is wrong with it, one by one"


def _calls(said: Spoken) -> dict[Key, dict[str, float]]:
    return {(stem, call.tool): fill(call) for stem, some in said.instructions.items() for call in some}


def _by_stem(calls: Mapping[Key, Mapping[str, Any]]) -> dict[str, tuple[Call, ...]]:
    found: dict[str, tuple[Call, ...]] = {}
    for (stem, tool), arguments in calls.items():
        found[stem] = (*found.get(stem, ()), Call(tool, dict(arguments)))
    return found
