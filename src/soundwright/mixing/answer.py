"""The mixer's answer about stems: what the network says, what a reference shows, and what words ask for.

Words change only what they name: everything else is answered as if nothing in particular had been asked. What they name
is done as the network says; where it says nothing of the kind, or they say how much, as they say. A reference of the
same performance shows how much, and whether what they name is so; a number is done all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import SoundwrightError
from soundwright.formats.instructions import Call, Instructions
from soundwright.mixing.bands import LINEAR
from soundwright.mixing.decode import Spoken, speak
from soundwright.mixing.fitting import fit
from soundwright.mixing.grants import Grants, Key
from soundwright.mixing.look import Look
from soundwright.mixing.model.contract import Inputs, MixerModel
from soundwright.mixing.model.settings import OWN
from soundwright.mixing.prompts import NEUTRAL
from soundwright.mixing.tools import canonical, fill
from soundwright.mixing.words.requests import Reading, Request, read_requests

_PLAIN = NEUTRAL[0]
_Calls = dict[Key, dict[str, float]]


@dataclass(frozen=True)
class Answer:
    """What is said about stems.

    Attributes:
        instructions: canonical.
        unworded: what would be said without the words.
        confidences: of what the network said, by stem and tool, 0 to 1.
        errors: expected absolute errors of what the network said, by stem, tool and argument, in its unit.
        touch: how likely anything is wrong at all.
        asked: arguments that words name, by stem, tool and argument, and whether their amount is a guess.
        exact: calls with an argument that is as words say, whatever the reference shows.
        fitted: calls of which the amounts were fitted to the reference.
        strange: stems on which the network held back.
        notes: what a person should know about the words.
    """

    instructions: dict[str, tuple[Call, ...]]
    unworded: dict[str, tuple[Call, ...]]
    confidences: dict[Key, float]
    errors: dict[tuple[str, str, str], float]
    touch: float
    asked: dict[tuple[str, str, str], bool]
    exact: frozenset[Key]
    fitted: frozenset[Key]
    strange: tuple[str, ...]
    notes: tuple[str, ...]


def answer(
    mixer: MixerModel,
    prompt: str,
    looks: Sequence[Look],
    audio: NDArray[np.float32] | None = None,
    silent: Sequence[str] = (),
) -> list[Answer]:
    """Answers about stems beside different references.

    Args:
        mixer: that is asked.
        prompt: what is asked.
        looks: of the same stems.
        audio: what the audio encoder hears of them, `[S, audio_dim]`, if the mixer has one.
        silent: names of more stems, which cannot be heard.

    Raises:
        SoundwrightError: a feature is not finite.
    """
    names = looks[0].stems
    words = prompt.encode("utf-8", "replace").decode()
    reading = read_requests(words, [*names, *silent])
    rows = np.stack([seen.features.stems for seen in looks]), np.stack([seen.features.mix for seen in looks])
    if not all(np.isfinite(x).all() for x in rows):
        raise SoundwrightError("features that are not finite: the stems cannot be compared")
    heard = None if audio is None else np.repeat(audio[None], len(looks), axis=0)

    def said(text: str, asked: Sequence[Key] = ()) -> list[Spoken]:
        return speak(mixer, Inputs([text] * len(looks), [names] * len(looks), *rows, heard), asked=asked)

    # A text encoder from elsewhere knows more words than ours; its own one knows those of `words`.
    reads_freely = mixer.settings.text_model != OWN and not reading.requests
    plain = said(words if reads_freely else _PLAIN)
    asked = [(r.stem, r.tool) for r in reading.requests if r.stem not in silent]
    told = said(words, asked) if asked else plain
    return [_answer(*given, reading) for given in zip(looks, plain, told, strict=True)]


def _answer(seen: Look, plain: Spoken, told: Spoken, reading: Reading) -> Answer:
    is_same = seen.kind == "aligned" and seen.reference is not None
    base, worded = _calls(plain.instructions), _calls(told.instructions)
    unworded = _fitted(base, seen) if is_same else base
    if is_same:
        # The amounts of what words name as well; those of the rest stay as they are without words.
        named = {key: call for key, call in worded.items() if _names(reading.requests, key)}
        worded = _fitted(base | named, seen) if named.keys() - base.keys() else unworded
    grants = Grants(seen, unworded, worded)
    for request in reading.requests:
        grants.consider(request)
    grants.settle()
    calls = {key: call for key, call in grants.calls.items() if key[0] not in reading.alone}
    instructions = canonical(_by_stem(calls))
    there = {(stem, call.tool) for stem, some in instructions.items() for call in some}
    fitted = frozenset(key for key in there & unworded.keys() if is_same and key[1] in LINEAR) - grants.exact
    asked = {key: guess for key, guess in grants.asked.items() if key[:2] in there}
    own = there - {key[:2] for key, guess in asked.items() if guess} - grants.exact
    confidences = {key: (plain if key in plain.confidences else told).confidences.get(key) for key in own}
    errors = {**told.errors, **plain.errors}
    return Answer(
        instructions,
        canonical(_by_stem(unworded)),
        {key: confidence for key, confidence in confidences.items() if confidence is not None},
        {key: error for key, error in errors.items() if key[:2] in own - fitted},
        plain.touch,
        asked,
        frozenset(grants.exact & there),
        fitted,
        plain.strange,
        (*grants.notes(), *grants.unread(reading)),
    )


def _names(requests: Sequence[Request], key: Key) -> bool:
    return any(r.stem == key[0] and r.tool in ("", key[1]) for r in requests)


def _fitted(calls: _Calls, seen: Look) -> _Calls:
    assert seen.reference is not None
    return _calls(fit(_by_stem(calls), seen.stems, seen.here.sample_rate, seen.here.cross, seen.reference))


def _calls(instructions: Instructions) -> _Calls:
    return {(stem, call.tool): fill(call) for stem, some in instructions.items() for call in some}


def _by_stem(calls: Mapping[Key, Mapping[str, Any]]) -> dict[str, tuple[Call, ...]]:
    found: dict[str, tuple[Call, ...]] = {}
    for (stem, tool), arguments in calls.items():
        found[stem] = (*found.get(stem, ()), Call(tool, dict(arguments)))
    return found
