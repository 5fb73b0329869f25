"""What becomes of requests: done as the network or the reference says, by as much as asked, by a usual step, or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from soundwright.core.errors import show_path
from soundwright.formats.instructions import Call
from soundwright.mixing.effects.balance import FULL_DIFFERENCE_DB
from soundwright.mixing.features import shown
from soundwright.mixing.look import Look
from soundwright.mixing.tools import TOOLS, fill
from soundwright.mixing.words.requests import Reading, Request

#: Stem and tool: there is one call of each.
Key = tuple[str, str]

#: What is done where nobody knows how much: audible, and soon undone. By argument.
STEPS = {"db": 3.0, "balance": 0.3, "low_gain": 3.0, "mid_gain": 3.0, "high_gain": 3.0, "amount": 0.25}
#: What tools do that have no more and less, by size.
_BY_SIZE: dict[tuple[str, str], dict[float, float]] = {
    ("apply_compressor", "ratio"): {0.5: 2.0, 1.0: 4.0, 2.0: 8.0},
    ("apply_expander", "ratio"): {0.5: 1.5, 1.0: 2.0, 2.0: 3.0},
    ("apply_high_pass", "cutoff_hz"): {0.5: 60.0, 1.0: 80.0, 2.0: 120.0},
    ("apply_low_pass", "cutoff_hz"): {0.5: 15_000.0, 1.0: 12_000.0, 2.0: 9_000.0},
}
#: The tools of which a reference says something.
_SHOWABLE = ("change_volume", "apply_pan", "apply_eq")
_DYNAMICS = ("apply_compressor", "apply_expander")
_SHOWN_DB = 2.0  # what another section must show of a request


class Grants:
    """Requests as they are dealt with, one after the other.

    Args:
        seen: the stems.
        unworded: arguments by stem and tool, as if nothing had been asked.
        worded: the same with the words in mind.

    Attributes:
        calls: arguments by stem and tool, with what was granted.
        asked: arguments that words name, and whether their amount is a guess.
        exact: calls with an argument as words say it.
    """

    def __init__(
        self,
        seen: Look,
        unworded: Mapping[Key, Mapping[str, float]],
        worded: Mapping[Key, Mapping[str, float]],
    ) -> None:
        self.seen = seen
        self.unworded, self.worded = unworded, worded
        self.calls: dict[Key, dict[str, float]] = {key: dict(arguments) for key, arguments in unworded.items()}
        self.asked: dict[tuple[str, str, str], bool] = {}
        self.exact: set[Key] = set()
        self._refused: dict[tuple[str, str], list[str]] = {}

    def consider(self, request: Request) -> None:
        """Grants a request, or notes why not."""
        key = request.stem, request.tool
        if request.stem not in self.seen.stems:
            self._refuse(request, "it is silent")
        elif not request.tool:
            self._attend(request)
        elif request.argument not in STEPS:
            self._use(request, key)
        elif (value := self._value(request, key)) is not None:
            parameter = TOOLS[request.tool].parameter(request.argument)
            arguments = self.calls.get(key) or fill(Call(request.tool))
            self.calls[key] = {**arguments, request.argument: min(max(value, parameter.low), parameter.high)}

    def settle(self) -> None:
        """Thresholds that words ask for: at the level that a stem has by then, as volume comes before dynamics."""
        for (stem, tool, _), guess in self.asked.items():
            if guess and tool in _DYNAMICS:
                level = float(self.seen.here.levels_db()[:, self.seen.stems.index(stem)].max())
                level += self.calls.get((stem, "change_volume"), {}).get("db", 0.0)
                self.calls[stem, tool]["threshold_db"] = TOOLS[tool].parameter("threshold_db").snap(level)

    def notes(self) -> Iterator[str]:
        """Why requests were not granted."""
        for (text, why), stems in self._refused.items():
            yield f"{', '.join(map(show_path, stems))}: '{show_path(text)}': {why}"

    def unread(self, reading: Reading) -> Iterator[str]:
        """What of the words was not understood."""
        if reading.cut:
            yield "the prompt is long: its end was not read"
        stems = ", ".join(map(show_path, self.seen.stems[:8]))
        for text in reading.unread:
            yield f"not understood: '{show_path(text)}' -> say stem by stem ({stems}) what is wrong"

    def _attend(self, request: Request) -> None:
        """Something about a stem is wrong: what is said with that in mind."""
        found = {key: dict(arguments) for key, arguments in self.worded.items() if key[0] == request.stem}
        self.calls = {key: call for key, call in self.calls.items() if key[0] != request.stem} | found
        self.asked |= {(*key, name): False for key, arguments in found.items() for name in arguments}
        if not found:
            self._refuse(request, "nothing is found to mend; say what is wrong with it")

    def _use(self, request: Request, key: Key) -> None:
        """Tools that change dynamics, or cut: by the size asked."""
        arguments = fill(Call(request.tool))
        sizes = _BY_SIZE.get((request.tool, request.argument), {})
        arguments[request.argument] = sizes.get(request.size, arguments[request.argument])
        self.calls[key] = arguments
        self._ask(request, guess=True)

    def _value(self, request: Request, key: Key) -> float | None:
        """What the argument is to be, or None where the request is not granted."""
        if request.tool == "apply_pan" and (request.sign == 0 or request.place):
            return self._way(request, key)
        if request.tool == "apply_reverb" and request.sign < 0:
            self._refuse(request, "no tool takes a room away")
            return None
        if request.amount is not None:
            self.exact.add(key)
            self._ask(request, guess=False)
            return request.sign * request.amount
        same = self.seen.kind == "aligned" and request.tool in _SHOWABLE
        if request.size == 1 or same:
            for calls in (self.worded, self.unworded):
                value = calls.get(key, {}).get(request.argument, 0.0)
                if value * request.sign > 0:
                    self._ask(request, guess=False)
                    return value
        if same:
            self._refuse(request, "the reference shows no need for it; say how much (dB, %), and it is done")
            return None
        if request.size == 1 and (found := self._shown(request)) * request.sign >= _SHOWN_DB:
            self._ask(request, guess=False)
            return TOOLS[request.tool].parameter(request.argument).snap(found)
        self._ask(request, guess=True)
        return request.sign * request.size * STEPS[request.argument]

    def _way(self, request: Request, key: Key) -> float | None:
        """From where a stem stands to where it is to be."""
        left, right = self.seen.here.levels_db()[:, self._place(request)]
        present = float(right - left) / FULL_DIFFERENCE_DB
        amount = STEPS["balance"] * request.size if request.amount is None else request.amount
        way = request.sign * amount - present
        if abs(way) < TOOLS["apply_pan"].parameter("balance").step / 2 or (request.sign and way * request.sign < 0):
            self._refuse(request, "it stands there")
            return None
        self.exact.add(key)
        self._ask(request, guess=request.sign != 0 and request.amount is None)
        return way

    def _shown(self, request: Request) -> float:
        """What stems of another section show of an argument, dB; 0 where there are none."""
        if self.seen.kind != "stems" or request.tool != "change_volume":
            return 0.0
        seen, place = shown(self.seen.features.stems), self._place(request)
        return float(seen.found[place, 0]) if seen.found[place, 0] * seen.level[place] > 0 else 0.0

    def _place(self, request: Request) -> int:
        return self.seen.stems.index(request.stem)

    def _ask(self, request: Request, *, guess: bool) -> None:
        self.asked[request.stem, request.tool, request.argument] = guess

    def _refuse(self, request: Request, why: str) -> None:
        stems = self._refused.setdefault((request.text, why), [])
        if request.stem not in stems:
            stems.append(request.stem)
