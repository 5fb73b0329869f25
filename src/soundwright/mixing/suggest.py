"""Asks the mixer: what do these stems need? One answer for whole songs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.formats.instructions import Call
from soundwright.mixing.levels import SHORTEST_S

if TYPE_CHECKING:
    from soundwright.mixing.executor import Samples
    from soundwright.mixing.model.contract import MixerModel

MAX_STEMS = 32
_SILENT_POWER = 1e-6


@dataclass(frozen=True)
class Suggestion:
    """What the mixer suggests.

    Attributes:
        instructions: canonical; stems that stay as they are do not appear.
        confidences: how sure it is of each call, by stem and tool, 0 to 1.
        errors: by how much each argument is expected to be off, by stem, tool and argument, in its unit.
        wrong: how likely anything is wrong with the mix, 0 to 1.
        asked: arguments that the prompt names, by stem, tool and argument, and whether their amount is a guess.
        exact: calls with an argument as the prompt says it, whatever a reference shows.
        fitted: calls of which the amounts were fitted to the reference.
        unworded: what would be suggested without the prompt; None where there is none.
        notes: what a person should know about the answer.
        blind: whether there was no reference, or none that can be used; None where nobody has said.
        late: by how many samples the reference begins later than the stems.
    """

    instructions: dict[str, tuple[Call, ...]]
    confidences: dict[tuple[str, str], float]
    errors: dict[tuple[str, str, str], float]
    wrong: float
    notes: tuple[str, ...]
    asked: dict[tuple[str, str, str], bool] = field(default_factory=dict)
    exact: frozenset[tuple[str, str]] = frozenset()
    fitted: frozenset[tuple[str, str]] = frozenset()
    unworded: dict[str, tuple[Call, ...]] | None = None
    blind: bool | None = None
    late: int = 0

    def measurable(self) -> dict[str, tuple[Call, ...]]:
        """The instructions that a reference can judge: without what the prompt wants in any case."""
        return self.instructions if self.unworded is None else self.unworded


def suggest(
    stems: Mapping[str, NDArray[Any]],
    sample_rate: int,
    prompt: str = "",
    reference: NDArray[Any] | Mapping[str, NDArray[Any]] | None = None,
    model: str | Path | MixerModel = "tiny",
    *,
    unheard: Sequence[str] = (),
) -> Suggestion:
    """Suggests instructions.

    Args:
        stems: whole stems, `[2, N]`, `[1, N]` or `[N]` by name.
        sample_rate: Hz, of stems and reference.
        prompt: what is wanted, in English.
        reference: a mix that sounds as it should, or stems of the same names; of the same performance, at most 5 s
            earlier or later, or of another section or song.
        model: a name, a folder of `mix train`, or a mixer.
        unheard: names of more stems, which are silent; the prompt may name them.

    Raises:
        UsageError: there are no stems, or more than 32; no such model.
        BadInput: a sample is NaN or infinite; the model's folder is damaged.
        MissingExtra: the model is not only ours, and needs PyTorch or another module that is not installed.
    """
    with needs_extra("mix", "mixing"):
        from soundwright.mixing.alignment import is_same, lateness, shifted, told
        from soundwright.mixing.answer import answer
        from soundwright.mixing.look import look
        from soundwright.mixing.model.loading import load_model

    if not 1 <= len(stems) <= MAX_STEMS:
        raise UsageError(f"expected 1 to {MAX_STEMS} stems, found {len(stems)}")
    mixer = load_model(model)[0] if isinstance(model, str | Path) else model
    notes: list[str] = []
    sounding = {name: sound for name, sound in stems.items() if _sounds(sound)}
    notes += [f"{show_path(name)}: silent, left as it is" for name in stems if name not in sounding]
    if not sounding:
        return Suggestion({}, {}, {}, 0.0, tuple(notes))
    reference, odd = _usable(reference, sounding, sample_rate)
    notes += odd
    late, in_step = 0, True
    if reference is not None:
        whole, target = _as_stereo(sounding, reference)
        late = lateness(whole, target, sample_rate)
        reference = shifted(target, late)
        in_step = is_same(whole, reference, sample_rate)
        notes += [told(late, sample_rate)] if late else []
    seen = look(sounding, sample_rate, reference, in_step=in_step)
    silent = [*unheard, *(name for name in stems if name not in sounding)]
    [said] = answer(mixer, prompt, [seen], mixer.hear(list(sounding.values()), sample_rate), silent)
    if reference is not None:
        notes.append(_HEARD[seen.kind])
    if seen.louder_db:
        louder = "louder" if seen.louder_db > 0 else "softer"
        notes.append(f"the reference is {abs(seen.louder_db):.1f} dB {louder} as a whole: not followed")
    notes += said.notes
    if said.strange:
        notes.append(_held_back(said.strange, len(sounding), seen.kind, asked=bool(said.asked)))
    return Suggestion(
        said.instructions,
        said.confidences,
        said.errors,
        said.touch,
        tuple(notes),
        said.asked,
        said.exact,
        said.fitted,
        said.unworded,
        reference is None,
        late,
    )


_HEARD = {
    "aligned": "the reference is of the same performance: compared moment by moment",
    "stems": "the reference's stems are of another section or song: compared on the whole",
    "mix": "the reference mix is of another section or song: it says little about single stems",
}


def _held_back(strange: tuple[str, ...], num_stems: int, kind: str, *, asked: bool) -> str:
    """Why little or nothing is said about stems that the mixer knows nothing of."""
    if len(strange) == num_stems:
        what = "these stems sound unlike those that this mixer was trained on"
    else:
        what = f"{', '.join(map(show_path, strange))}: unlike anything that this mixer was trained on"
    done = "only what the reference shows clearly is mended" if kind == "stems" else "left alone"
    but = ", but for what you ask" if asked else ""
    return f"{what}, so {done}{but}; give a reference of the same performance"


def _as_stereo(
    stems: Mapping[str, NDArray[Any]], reference: NDArray[Any] | Mapping[str, NDArray[Any]]
) -> tuple[dict[str, Samples], Samples | dict[str, Samples]]:
    from soundwright.mixing.executor import as_stereo

    whole = {name: as_stereo(sound) for name, sound in stems.items()}
    if isinstance(reference, Mapping):
        return whole, {name: as_stereo(sound) for name, sound in reference.items()}
    return whole, as_stereo(reference)


def _usable(
    reference: NDArray[Any] | Mapping[str, NDArray[Any]] | None, stems: Mapping[str, NDArray[Any]], sample_rate: int
) -> tuple[NDArray[Any] | Mapping[str, NDArray[Any]] | None, list[str]]:
    """A reference of stems that lack some becomes a mix; one that is silent or of a few samples is none."""
    from soundwright.mixing.executor import add_up, as_stereo

    if reference is None:
        return None, []
    mixed = add_up(as_stereo(sound) for sound in reference.values()) if isinstance(reference, Mapping) else reference
    if mixed.shape[-1] < SHORTEST_S * sample_rate:
        return None, [f"the reference is shorter than {SHORTEST_S:g} s: not used"]
    if not (any(map(_sounds, reference.values())) if isinstance(reference, Mapping) else _sounds(reference)):
        return None, ["the reference is silent: not used"]
    if not isinstance(reference, Mapping):
        return reference, []
    if any(name not in reference for name in stems):
        return mixed, ["the reference lacks stems of these names: used as a mix"]
    return {name: reference[name] for name in stems}, []


def _sounds(sound: NDArray[Any]) -> bool:
    """Whether there is anything to hear; what is not finite is for others to refuse."""
    return bool(sound.size) and not float(np.mean(np.square(sound, dtype=np.float64))) <= _SILENT_POWER
