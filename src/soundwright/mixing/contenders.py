"""Every way to answer about one example, scored: the mixer in each condition, its rivals, and the exact answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from soundwright.core.errors import SoundwrightError
from soundwright.formats.instructions import Call, Instructions, parse, render
from soundwright.mixing import rules
from soundwright.mixing.answer import answer
from soundwright.mixing.distortion import Drawn, Ranges, distort, draw
from soundwright.mixing.executor import add_up
from soundwright.mixing.items import Item
from soundwright.mixing.levels import SILENT_DB, level_db
from soundwright.mixing.look import look
from soundwright.mixing.model.contract import MixerModel
from soundwright.mixing.prompts import make_hint
from soundwright.mixing.scoring import Named, Score, Scorer
from soundwright.mixing.small_network import SmallNetwork
from soundwright.mixing.tools import check

REFERENCES = ("blind", "same-mix", "same-stems", "other-mix", "other-stems")
#: Words that name one thing, which is wrong or is not; without a reference.
WORDS = ("true", "false")
#: What words may name falsely: the size is not said.
_NAMED = (
    *(("change_volume", "db", size) for size in (-6.0, 6.0)),
    *(("apply_pan", "balance", size) for size in (-0.5, 0.5)),
    *(("apply_eq", f"{band}_gain", size) for band in ("low", "mid", "high") for size in (-6.0, 6.0)),
)


@dataclass(frozen=True)
class Contest:
    """What is compared, and how.

    Attributes:
        mixer: that is asked.
        network: the small one, if there is one.
        references: of `REFERENCES`.
        words: of `WORDS`.
        prompt: what the mixer is asked otherwise.
        seed: of the distortions.
        ranges: of the distortions.
    """

    mixer: MixerModel
    network: SmallNetwork | None
    references: Sequence[str]
    words: Sequence[str]
    prompt: str
    seed: int
    ranges: Ranges | None = None

    def answers(self, item: Item, repeat: int) -> Iterator[tuple[tuple[str, str], Score, bool]]:
        """(method, condition), score, and whether the answer is well-formed; nothing of an item that is silent."""
        here = {name: sound for name, sound in item.here.items() if level_db(sound) > SILENT_DB}
        if not here:
            return
        rate, stems = item.sample_rate, list(here)
        drawn = draw(self.seed, repeat, item.name, here, self.ranges)
        heard, target = distort(drawn, here, rate)
        other = distort(Drawn({}, {}, drawn.wanted), {name: item.there[name] for name in here}, rate)[1]
        given: dict[str, Any] = {
            "blind": None,
            "same-mix": add_up(target.values()),
            "same-stems": target,
            "other-mix": add_up(other.values()),
            "other-stems": other,
        }
        scorer = Scorer(item.song, heard, target, drawn.labels, rate)
        named = {kind: _named(self._rng(item, repeat), drawn.labels, stems, kind) for kind in WORDS}

        def scored(
            method: str, condition: str, said: Instructions, kind: str = "true", without: Instructions | None = None
        ) -> Any:
            return (method, condition), scorer.score(said, named[kind], without), executable(said, stems)

        blind = look(heard, rate)
        yield scored("do nothing", "-", {})
        yield scored("usual loudness", "-", rules.normalise(stems, blind.here))
        yield scored("rule", "-", rules.rule(stems, blind.here))
        yield scored("exact answer", "-", drawn.labels)
        seen = [blind if name == "blind" else look(heard, rate, given[name]) for name in self.references]
        if self.network is not None and seen:
            rows = np.stack([s.features.stems for s in seen]), np.stack([s.features.mix for s in seen])
            for name, said in zip(self.references, self.network.say([stems] * len(seen), *rows), strict=True):
                yield scored("small network", name, said)
        audio = self.mixer.hear(list(heard.values()), rate)
        try:
            said_beside = answer(self.mixer, self.prompt, seen, audio) if seen else []
            for name, found in zip(self.references, said_beside, strict=True):
                yield scored("mixer", name, found.instructions)
            if self.words:
                [plain] = answer(self.mixer, self.prompt, [blind], audio)
            for kind in self.words:
                worded = plain
                if (call := named[kind]) is not None:
                    [worded] = answer(self.mixer, make_hint(self._rng(item, repeat), *call, vague=0), [blind], audio)
                yield scored("mixer", f"blind, {kind} words", worded.instructions, kind, plain.instructions)
        except SoundwrightError as error:
            raise SoundwrightError(f"{item.name}: {error}") from error

    def _rng(self, item: Item, repeat: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, repeat, *item.name.encode("utf-8", "surrogateescape")])


def _named(rng: np.random.Generator, labels: Instructions, stems: Sequence[str], kind: str) -> Named | None:
    """What words name: one of the calls that are wanted, or one that is not; None where there is none."""
    wanted = [(stem, call) for stem, calls in labels.items() for call in calls]
    if kind == "true":
        return wanted[int(rng.integers(len(wanted)))] if wanted else None
    known = {(stem, call.tool) for stem, call in wanted}
    free = [(s, Call(t, {a: v})) for s in stems for t, a, v in _NAMED if (s, t) not in known]
    return free[int(rng.integers(len(free)))] if free else None


def executable(said: Instructions, stems: Sequence[str]) -> bool:
    """Whether instructions survive being written, read and checked."""
    try:
        again: Mapping[str, tuple[Call, ...]] = parse(render(said))
        check(again, stems)
    except SoundwrightError:
        return False
    return {k: v for k, v in again.items() if v} == {k: v for k, v in said.items() if v}
