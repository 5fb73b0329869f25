"""What `decode` asks of a mixer, whatever computes it: NumPy for our own (`inference`), PyTorch for others' models.

    stream = mixer.begin(inputs)                              reads prompts, stems, mix
    chances, values, spreads = stream.step(pieces, ...)       reads one more piece in each example, and so on

Letters: B examples, S stems, D features. Choices, values and states are those of `tokens`, `labels` and `grammar`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.familiarity import Familiarity
from soundwright.mixing.model.settings import MixerSettings

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Inputs:
    """What a mixer is given, for B examples with S stems each.

    Attributes:
        prompts: what is asked for.
        names: of the stems, by example.
        stem_features: `[B, S, STEM_FEATURES]`.
        mix_features: `[B, MIX_FEATURES]`.
        audio: embeddings of the stems, `[B, S, audio_dim]`, or None.
    """

    prompts: Sequence[str]
    names: Sequence[Sequence[str]]
    stem_features: Floats
    mix_features: Floats
    audio: Floats | None = None


class Stream(Protocol):
    """Instructions of B examples as they are written, piece by piece.

    Attributes:
        touch: how likely anything is wrong at all, 0 to 1, `[B]`.
    """

    touch: Floats

    def step(self, pieces: Sequence[int], stems: Sequence[int], states: Sequence[int]) -> tuple[Floats, Floats, Floats]:
        """Reads one more piece in each example, and says what may come next.

        Args:
            pieces: ids of `tokens.PIECES`, `[B]`; a `LINE` is read as the beginning of its stem's line.
            stems: whose line it is, places in `Inputs.names`, `[B]`.
            states: of the grammar, `[B]`.

        Returns:
            Chances of `CHOICES`, 0 where the grammar forbids, which add up to 1, `[B, choices]`; scaled values of all
            columns, `[B, values]`; and their expected absolute errors, `[B, values]`.
        """


class MixerModel(Protocol):
    """A mixer that can be asked."""

    @property
    def settings(self) -> MixerSettings:
        """Its shape, tools and thresholds."""

    @property
    def familiarity(self) -> Familiarity:
        """With what it was trained on."""

    def hear(self, sounds: Sequence[NDArray[Any]], sample_rate: int) -> Floats | None:
        """What its audio encoder hears of sounds `[C, N]`, as `[S, audio_dim]`; None where it has none."""

    def begin(self, inputs: Inputs) -> Stream:
        """Reads inputs."""
