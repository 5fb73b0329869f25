"""A mixer whose parts are all our own, asked in NumPy. `model.mixer` has the picture of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.familiarity import Familiarity
from soundwright.mixing.grammar import allowed
from soundwright.mixing.inference.decoder import Decoder, Memory
from soundwright.mixing.inference.fusion import Fused, Fusion
from soundwright.mixing.inference.layers import LayerNorm, Linear, gelu, sigmoid, softmax, softplus
from soundwright.mixing.inference.text_encoder import TextEncoder
from soundwright.mixing.inference.weights import Floats, Weights
from soundwright.mixing.labels import TOOL_NAMES, VALUES
from soundwright.mixing.model.contract import Inputs
from soundwright.mixing.model.settings import MixerSettings
from soundwright.mixing.model.wordpiece import WordPiece
from soundwright.mixing.tokens import CHOICES, LINE, PIECES


@dataclass(frozen=True)
class Prefix:
    """What stands before the lines.

    Attributes:
        fused: what the fusion knows.
        vectors: `[B, L + 1 + S, hidden]` of the decoder.
        mask: false at padding, `[B, L + 1 + S]`.
        lines: how the lines begin, `[B, S, hidden]` of the decoder.
    """

    fused: Fused
    vectors: Floats
    mask: NDArray[np.bool_]
    lines: Floats


class NumpyMixer:
    """A mixer that can be asked; see `contract.MixerModel`.

    Args:
        settings: its shape; `settings.is_own()`.
        tensors: its weights by name.
        tokenizer: of its text encoder.
        familiarity: with what it was trained on.

    Raises:
        ValueError: the tensors are others than the settings ask for.
    """

    def __init__(
        self,
        settings: MixerSettings,
        tensors: Mapping[str, NDArray[Any]],
        tokenizer: WordPiece,
        familiarity: Familiarity | None = None,
    ) -> None:
        self.settings = settings
        self.familiarity = Familiarity() if familiarity is None else familiarity
        weights = Weights(tensors)
        fused, hidden = settings.hidden, settings.own_decoder.hidden
        self._text = TextEncoder(weights, settings.own_text, tokenizer)
        self._fusion = Fusion(weights, settings.own_text.hidden, fused, settings.layers, settings.heads)
        self.decoder = Decoder(weights, settings.own_decoder)
        self._project = Linear.of(weights, "to_decoder.0", fused, hidden)
        self._project_norm = LayerNorm.of(weights, "to_decoder.1", hidden)
        self._tell = Linear.of(weights, "tell", len(TOOL_NAMES) + len(VALUES) + 1, hidden)
        self.pieces = weights.take("decoder.pieces.weight", len(PIECES), hidden)
        self._choose = Linear.of(weights, "decoder.choose", hidden, len(CHOICES))
        self._value_inner = Linear.of(weights, "value_head.inner.0", hidden + fused, 192)
        self._value_outer = Linear.of(weights, "value_head.outer", 192, 2 * len(VALUES))
        weights.refuse_rest()
        self._grammar = allowed(settings.tools)  # [states, choices]

    def hear(self, sounds: Sequence[NDArray[Any]], sample_rate: int) -> None:
        """It has no audio encoder."""

    def begin(self, inputs: Inputs) -> NumpyStream:
        """Reads inputs."""
        return NumpyStream(self, self.prefix(inputs))

    def prefix(self, inputs: Inputs) -> Prefix:
        """Encodes and fuses inputs."""
        text, mask = self._text(inputs.prompts)  # [B, L, text_dim], [B, L]
        # Each name once: a batch has a handful.
        known = sorted({name for names in inputs.names for name in names})
        places = np.array([[known.index(name) for name in names] for names in inputs.names])  # [B, S]
        names = self._text.means(known)[places]  # [B, S, text_dim]
        fused = self._fusion(text, mask, names, inputs.stem_features, inputs.mix_features)
        vectors = self._project_norm(self._project(fused.whole))  # [B, L + 1 + S, hidden]
        whole = np.ones(vectors.shape[:2], bool)
        whole[:, : mask.shape[1]] = mask
        # A line begins with the stem, and with what the fusion thinks of it.
        touch = np.broadcast_to(fused.touch[:, None, None], (*places.shape, 1))
        thought = np.concatenate([np.tanh(fused.presence / 4), fused.values, np.tanh(touch / 4)], axis=-1)
        lines = vectors[:, mask.shape[1] + 1 :] + self._tell(thought) + self.pieces[LINE]  # [B, S, hidden]
        return Prefix(fused, vectors, whole, lines)

    def judge(
        self, fused: Fused, hidden: Floats, stems: NDArray[np.int64], states: NDArray[np.int64]
    ) -> tuple[Floats, Floats, Floats]:
        """Scores, values and spreads at hidden states `[B, hidden]` in the lines of stems `[B]`; see `Stream.step`.

        Scores are logits, minus infinity where the grammar forbids.
        """
        rows = np.arange(len(hidden))
        scores = np.where(self._grammar[states], self._choose(hidden), np.float32(-np.inf))  # [B, choices]
        both = np.concatenate([hidden, fused.stems[rows, stems]], axis=-1)  # [B, hidden + D]
        value, spread = np.split(self._value_outer(gelu(self._value_inner(both))), 2, axis=-1)  # [B, values]
        return scores, value + fused.values[rows, stems], softplus(spread - 2) + np.float32(1e-3)


class NumpyStream:
    """Instructions as they are written; see `contract.Stream`.

    Args:
        mixer: that is asked.
        prefix: what it has been told.
    """

    def __init__(self, mixer: NumpyMixer, prefix: Prefix) -> None:
        self.touch = sigmoid(prefix.fused.touch)
        self._mixer, self._prefix = mixer, prefix
        self._memory: Memory | None = None

    def step(self, pieces: Sequence[int], stems: Sequence[int], states: Sequence[int]) -> tuple[Floats, Floats, Floats]:
        """Reads one more piece in each example, and says what may come next."""
        prefix, (ids, places, states_now) = self._prefix, (np.array(x, np.int64) for x in (pieces, stems, states))
        rows = np.arange(len(ids))
        is_line = (ids == LINE)[:, None]  # [B, 1]
        read = np.where(is_line, prefix.lines[rows, places], self._mixer.pieces[ids])[:, None]  # [B, 1, hidden]
        known = np.ones((len(ids), 1), bool)
        if self._memory is None:  # the first piece is read together with what stands before it
            self._memory = Memory(self._mixer.decoder)
            read = np.concatenate([prefix.vectors, read], axis=1)  # [B, L + 1 + S + 1, hidden]
            known = np.concatenate([prefix.mask, known], axis=1)
        hidden = self._memory.read(read, known)[:, -1]  # [B, hidden]
        scores, values, spreads = self._mixer.judge(prefix.fused, hidden, places, states_now)
        return softmax(scores), values, spreads
