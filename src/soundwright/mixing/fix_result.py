"""What `mix fix` and `mix apply` tell when they are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.formats.instructions import Call, render_call
from soundwright.formats.mixing_steps import Step, Steps
from soundwright.mixing.fix_render import Rendered


@dataclass(frozen=True)
class Mixed:
    """What was done, or would be.

    Attributes:
        verb: `fix` or `apply`.
        steps: carried out and refused.
        notes: on the stems.
        failures: files that could not be used.
        rendered: what was written; None for a dry run.
    """

    verb: str
    steps: Steps
    notes: tuple[str, ...] = ()
    failures: tuple[BadInput, ...] = ()
    rendered: Rendered | None = None

    @property
    def exit_code(self) -> int:
        """0; 1 where a stem could not be used."""
        return 1 if self.failures else 0

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        done = sum(not step.refused for step in self.steps.steps)
        yield from (f"failed: {failure}" for failure in self.failures)
        yield from (f"note: {show_path(note)}" for note in dict.fromkeys((*self.notes, *self.steps.notes)))
        yield from (_line(step) for step in self.steps.steps)
        if not done:
            yield f"{'all steps are refused' if self.steps.steps else 'there is nothing to do'}: the mix is left alone"
        if self.rendered is None:
            yield f"mix {self.verb}: {_count(done)}; nothing is written (--dry-run)"
            return
        yield from (f"note: {note}" for note in self.rendered.notes)
        levels = (("before", self.rendered.before), ("after", self.rendered.after), ("mix.wav", self.rendered.mix))
        yield from (f"{name:8s} {level}" for name, level in levels)
        yield f"mix {self.verb}: {_count(done)} -> {show_path(self.rendered.output / 'report.html')}"


def refuse_steps(steps: Steps, numbers: Sequence[int]) -> Steps:
    """Steps of which those of these numbers are refused.

    Raises:
        UsageError: there is no step of such a number.
    """
    known = [step.number for step in steps.steps]
    for number in numbers:
        if number not in known:
            there = f"there are {', '.join(map(str, known))}" if known else "there are no steps"
            raise UsageError(f"--refuse {number}: {there}", remedy="look at them with --dry-run")
    changed = [step.model_copy(update={"refused": True}) if step.number in numbers else step for step in steps.steps]
    return steps.model_copy(update={"steps": changed})


def _line(step: Step) -> str:
    call = render_call(Call(step.tool, dict(step.arguments)))
    stem = f"{show_path(step.stem)}: " if step.stem else ""
    confidence = "" if step.confidence is None else f"  [{step.confidence:.2f}]"
    note = f"  {show_path(step.note)}" if step.note else ""
    return f"{step.number:3d}  {stem}{call}{confidence}{'  REFUSED' if step.refused else ''}{note}"


def _count(number: int) -> str:
    return f"{number} {'step' if number == 1 else 'steps'}"
