"""What a prompt lacks, by the five points of document 003: length, tempo or feel, genre, instruments, exclusions.

The check reads words and hears nothing. It is for prompts that were written in a hurry; a prompt that passes may still
be dull, and one that does not may be what somebody wants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from soundwright.musicgen.prompt_words import (
    BEATS,
    CLAUSE_END,
    EXCLUSION,
    FEEL,
    GENRE,
    INSTRUMENTS,
    NEGATION,
    SONG_SHEET,
    VOICES,
)

#: Fewer words than this are a caption, not a description.
MIN_WORDS = 25
#: Of instruments; one alone is named by the genre already.
MIN_INSTRUMENTS = 2


@dataclass(frozen=True)
class Finding:
    """One point.

    Attributes:
        point: what was looked for.
        found: the words that were found for it.
        lack: what is wrong; empty where all is well.
        remedy: what to write.
    """

    point: str
    found: str = ""
    lack: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        if self.lack:
            return f"lacks   {self.point}: {self.lack} -> {self.remedy}"
        return f"ok      {self.point}: {self.found}"


def check_prompt(prompt: str, negative_prompt: str = "") -> list[Finding]:
    """Looks at a prompt.

    Args:
        prompt: the words for the model.
        negative_prompt: exclusions may stand here instead.

    Returns:
        A finding per point, in the order of the document.
    """
    wanted, unwanted = _split(prompt)
    return [
        _length(prompt),
        _tempo(wanted),
        _named("genre", GENRE, wanted, 1, 'name it and its sub-genre, e.g. "deep house with a touch of Chicago"'),
        _named(
            "instruments",
            INSTRUMENTS,
            wanted,
            MIN_INSTRUMENTS,
            'say who plays what: "soft drums", "a warm bass line"',
        ),
        _exclusions(unwanted, negative_prompt),
        _voices(prompt, wanted),
    ]


def _split(prompt: str) -> tuple[str, str]:
    """What is asked for, and what is excluded: each from a negation to the end of its clause."""
    wanted, unwanted, position = [], [], 0
    while match := NEGATION.search(prompt, position):
        end = CLAUSE_END.search(prompt, match.end())
        stop = end.start() if end else len(prompt)
        wanted.append(prompt[position : match.start()])
        unwanted.append(prompt[match.start() : stop])
        position = stop
    left_out = [part for part in unwanted if EXCLUSION.match(part) and not part.lower().startswith("not")]
    return "\n".join([*wanted, prompt[position:]]), "; ".join(left_out)


def _length(prompt: str) -> Finding:
    num_words = len(prompt.split())
    num_sentences = len([part for part in re.split(r"[.!?](?:\s|$)", prompt) if part.strip()])
    found = f"{num_words} words, {_count(num_sentences, 'sentence')}"
    lack = ""
    if not num_words:
        lack = "the prompt is empty"
    elif num_words < MIN_WORDS:
        lack = f"{found}, which say little"
    elif num_sentences < 2:
        lack = f"{found}, one breath for everything"
    return Finding("length", found, lack, f"write several sentences, {MIN_WORDS} words or more")


def _tempo(wanted: str) -> Finding:
    tempi = list(dict.fromkeys(match[0] for match in BEATS.finditer(wanted)))
    feel = _distinct(FEEL, wanted)
    lack = ""
    if len(tempi) > 1:
        lack = f"more than one, {' and '.join(tempi)}"
    elif not tempi and not feel:
        lack = "neither is named"
    remedy = 'say one of each, e.g. "around 128 BPM, a steady 4-on-the-floor kick"'
    return Finding("tempo or feel", ", ".join(tempi + feel), lack, remedy)


def _named(point: str, pattern: re.Pattern[str], wanted: str, at_least: int, remedy: str) -> Finding:
    found = _distinct(pattern, wanted)
    lack = ""
    if len(found) < at_least:
        lack = f"only {found[0]}" if found else "no word for one is known here"
    return Finding(point, ", ".join(found), lack, remedy)


def _exclusions(unwanted: str, negative_prompt: str) -> Finding:
    found = " ".join(unwanted.split())
    if negative_prompt.strip():
        found = f"{found}; " * bool(found) + f"negative prompt: {negative_prompt.strip()}"
    lack = "" if found else "nothing is left out"
    return Finding("exclusions", found, lack, 'end with e.g. "No vocals, instrumental only."')


def _voices(prompt: str, wanted: str) -> Finding:
    sheet = SONG_SHEET.search(prompt)
    asked = [sheet[0].strip()] if sheet else _distinct(VOICES, wanted)
    lack = f"asks for {', '.join(asked)}, and MusicGen sings no words" if asked else ""
    return Finding("no voices", "none are asked for", lack, "leave them out, or name an instrument that leads")


def _distinct(pattern: re.Pattern[str], text: str) -> list[str]:
    return list(dict.fromkeys(match[0].lower() for match in pattern.finditer(text)))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def lacking(findings: list[Finding]) -> Iterator[Finding]:
    """The findings that say something is missing."""
    return (finding for finding in findings if finding.lack)
