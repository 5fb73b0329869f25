"""What the training loop needs to know to train a mixer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from soundwright.core.errors import SoundwrightError, show_path
from soundwright.mixing.bank import Passage
from soundwright.mixing.distortion import Ranges
from soundwright.mixing.labels import TOOL_NAMES, VALUES
from soundwright.mixing.model.contract import Inputs
from soundwright.mixing.model.fusion import Fused
from soundwright.mixing.model.mixer import Mixer, Outputs, Said
from soundwright.mixing.prompts import OTHER_NAMES, make_prompt
from soundwright.mixing.sampling import Batch, sample
from soundwright.mixing.tokens import IGNORE, encode
from soundwright.training.loop import Task
from soundwright.training.ranks import Place, item_indices

_RENAMED = 0.3  # part of the stems that go by another name
#: Of the parts of the loss.
WEIGHTS = {"choice": 1.0, "value": 2.0, "spread": 0.05, "presence": 1.0, "direct": 2.0, "touch": 0.3}
#: Column of the tool of each column of values.
_TOOL_OF = [TOOL_NAMES.index(tool) for tool, _ in VALUES]


@dataclass(frozen=True)
class Lesson:
    """One batch of training.

    Attributes:
        names: of the passages, for messages.
        inputs: of the mixer.
        said: what it must say.
        presence: `[B, S, tools]`.
        values: `[B, S, values]`.
    """

    names: list[str]
    inputs: Inputs
    said: Said
    presence: Tensor
    values: Tensor


def make_lesson(batch: Batch, rng: np.random.Generator, *, rename: float = _RENAMED) -> Lesson:
    """Adds prompts and names to examples, and writes what is to be said as tokens."""
    prompts, names, said = [], [], []
    for stems, labels in zip(batch.stems, batch.labels, strict=True):
        shown = _renamed(stems, rng, rename)
        prompts.append(make_prompt(rng, {shown[stem]: calls for stem, calls in labels.items()}))
        names.append(tuple(shown[stem] for stem in stems))
        said.append(encode(labels, stems))
    inputs = Inputs(prompts, names, batch.stem_features, batch.mix_features, batch.audio)
    return Lesson(batch.names, inputs, Said.of(said), torch.from_numpy(batch.presence), torch.from_numpy(batch.values))


def lesson_loss(outputs: Outputs, lesson: Lesson, grammar: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch, and its parts.

    Args:
        outputs: of the mixer.
        lesson: what was to be said.
        grammar: `Mixer.grammar`.
    """
    said = lesson.said.to(grammar.device)
    parts = fused_parts(outputs.fused, lesson, grammar)
    chosen = said.choice != IGNORE
    parts["choice"] = nn.functional.cross_entropy(outputs.scores[chosen], said.choice[chosen])
    rows, at = (said.column != IGNORE).nonzero(as_tuple=True)
    columns = said.column[rows, at]
    error = (outputs.values[rows, at, columns] - said.value[rows, at]).abs()
    parts["value"] = error.sum() / max(1, len(rows))
    # The spread learns what the error is to be expected, and must not bend the value.
    spread = outputs.spreads[rows, at, columns]
    parts["spread"] = (error.detach() / spread + spread.log()).sum() / max(1, len(rows))
    return _total(parts), parts


def fused_parts(fused: Fused, lesson: Lesson, grammar: Tensor) -> dict[str, Tensor]:
    """The parts of the loss that the fusion's own heads have, without the decoder."""
    presence, values = lesson.presence.to(grammar.device), lesson.values.to(grammar.device)
    usable = grammar[0, 1:]
    there = presence[..., _TOOL_OF]
    entropy = nn.functional.binary_cross_entropy_with_logits
    return {
        "presence": entropy(fused.presence[..., usable], presence[..., usable]),
        "direct": ((fused.values - values).abs() * there).sum() / there.sum().clamp_min(1),
        "touch": entropy(fused.touch, presence.amax(dim=(1, 2))),
    }


def _total(parts: dict[str, Tensor]) -> Tensor:
    return torch.stack([WEIGHTS[name] * part for name, part in parts.items()]).sum()


class MixerTask(Task):
    """Trains a mixer on passages.

    Args:
        build: makes the mixer, with what is to be trained requiring gradients.
        passages: training material, each with the same number of stems within a group of `groups`.
        batch_size: examples per rank and micro-step.
        learning_rate: peak.
        weight_decay: of matrices.
        accumulate: micro-steps per step.
        seed: of distortions, prompts and order.
        ranges: of the distortions.
        validation: called with the mixer for numbers on held-out passages.
        autocast: compute in this type where it is possible.
        listening: part of the training in which the fusion learns alone, which takes a third of the time.
        sampler: makes examples of places of passages, for an epoch; `sampling.sample` by default.
        recolour: of `sampling.sample`.
    """

    def __init__(
        self,
        build: Callable[[], Mixer],
        passages: Sequence[Passage],
        *,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.02,
        accumulate: int = 1,
        seed: int = 0,
        ranges: Ranges | None = None,
        validation: Callable[[Mixer], dict[str, float]] | None = None,
        autocast: torch.dtype | None = None,
        listening: float = 0.0,
        sampler: Callable[[Mixer, list[int], int], Batch] | None = None,
        recolour: float = 0.0,
    ) -> None:
        self.build, self.passages, self.validation = build, list(passages), validation
        self.batch_size, self.learning_rate, self.weight_decay = batch_size, learning_rate, weight_decay
        self.accumulate, self.seed, self.ranges = accumulate, seed, ranges
        self.autocast, self.listening, self.sampler = autocast, listening, sampler
        self.recolour = recolour
        self.groups = groups_of(self.passages)

    def setup(self, place: Place) -> None:
        """Builds mixer and optimiser."""
        self.model: Mixer = self.build()
        trained = [p for p in self.model.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=self.learning_rate, betas=(0.9, 0.98))

    def batch(self, step: int, micro_step: int, place: Place) -> Lesson:
        """Examples of passages with equally many stems; an epoch is as many as there are passages."""
        indices = item_indices(step, micro_step, self.batch_size, self.accumulate, place)
        rng = np.random.default_rng([self.seed, indices[0]])
        group = self.groups[int(rng.choice(len(self.groups), p=[len(g) / len(self.passages) for g in self.groups]))]
        items = [group[int(place)] for place in rng.integers(len(group), size=self.batch_size)]
        if self.sampler is not None:
            batch = self.sampler(self.model, items, indices[0])
        else:
            batch = sample(
                self.passages,
                items,
                seed=self.seed,
                epoch=indices[0],
                ranges=self.ranges,
                recolour=self.recolour,
            )
        return make_lesson(batch, rng)

    def loss(self, batch: Lesson, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The loss and its parts.

        Raises:
            SoundwrightError: it is not finite; with the passages' names.
        """
        device = self.model.device
        with torch.autocast(device.type, dtype=self.autocast, enabled=self.autocast is not None):
            if progress < self.listening:
                fused = self.model.prefix(batch.inputs).fused
                parts = fused_parts(fused, batch, self.model.grammar)
                loss = _total(parts)
            else:
                outputs = self.model(batch.inputs, batch.said)
                fused = outputs.fused
                loss, parts = lesson_loss(outputs, batch, self.model.grammar)
        if not torch.isfinite(loss):
            bad = _first_bad(batch, fused)
            raise SoundwrightError(
                f"the loss is {loss.item()} at {show_path(bad)}",
                remedy="look at this passage's sound, or lower the learning rate",
            )
        return loss, {name: float(part.detach()) for name, part in parts.items()}

    def validate(self) -> dict[str, float]:
        """Numbers on held-out passages."""
        if self.validation is None:
            return {}
        self.model.eval()
        return self.validation(self.model)


def groups_of(passages: Sequence[Passage]) -> list[list[int]]:
    """Places of passages with equally many stems."""
    by_count: dict[int, list[int]] = {}
    for place, passage in enumerate(passages):
        by_count.setdefault(len(passage.stems), []).append(place)
    return list(by_count.values())


def _renamed(stems: Sequence[str], rng: np.random.Generator, share: float) -> dict[str, str]:
    shown: dict[str, str] = {}
    for stem in stems:
        others = OTHER_NAMES.get(stem, ())
        name = str(rng.choice(others)) if others and rng.random() < share else stem
        shown[stem] = stem if name in shown.values() else name
    return shown


def _first_bad(batch: Lesson, fused: Fused) -> str:
    """The name of the first passage whose features or outputs are not finite."""
    for place, name in enumerate(batch.names):
        seen = (batch.inputs.stem_features[place], batch.inputs.mix_features[place])
        said = (fused.values[place], fused.presence[place])
        if not all(np.isfinite(x).all() for x in seen) or not all(bool(torch.isfinite(x).all()) for x in said):
            return name
    return batch.names[0]
