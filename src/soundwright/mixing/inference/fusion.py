"""Text, stems and mix brought together: one vector per stem that knows the others, and what the fusion says itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
from soundwright.mixing.inference.layers import (
    LayerNorm,
    Linear,
    Perceptron,
    attend,
    check_heads,
    gelu,
    split_heads,
)
from soundwright.mixing.inference.weights import Floats, Weights
from soundwright.mixing.labels import TOOL_NAMES, VALUES


@dataclass(frozen=True)
class Fused:
    """What the fusion knows.

    Attributes:
        whole: of text, mix and stems in this order, `[B, L + 1 + S, D]`.
        stems: the last of these, `[B, S, D]`.
        presence: logits of each tool, `[B, S, tools]`.
        values: scaled values, `[B, S, values]`.
        touch: logit of anything being wrong, `[B]`.
    """

    whole: Floats
    stems: Floats
    presence: Floats
    values: Floats
    touch: Floats


@dataclass(frozen=True)
class _Block:
    """Self-attention, then two linear layers, each with a norm before it and a residual around both."""

    attention_norm: LayerNorm
    query_key_value: Linear
    out: Linear
    norm: LayerNorm
    inner: Linear
    outer: Linear

    @classmethod
    def of(cls, weights: Weights, name: str, hidden: int) -> _Block:
        stacked = weights.take(f"{name}.self_attn.in_proj_weight", 3 * hidden, hidden)
        offsets = weights.take(f"{name}.self_attn.in_proj_bias", 3 * hidden)
        return cls(
            LayerNorm.of(weights, f"{name}.norm1", hidden),
            Linear(np.ascontiguousarray(stacked.T), offsets),
            Linear.of(weights, f"{name}.self_attn.out_proj", hidden, hidden),
            LayerNorm.of(weights, f"{name}.norm2", hidden),
            Linear.of(weights, f"{name}.linear1", hidden, 2 * hidden),
            Linear.of(weights, f"{name}.linear2", 2 * hidden, hidden),
        )

    def __call__(self, x: Floats, seen: NDArray[np.bool_], heads: int) -> Floats:
        """`[B, T, D]` to `[B, T, D]`; `seen` is `[B, 1, T]`."""
        parts = np.split(self.query_key_value(self.attention_norm(x)), 3, axis=-1)  # 3 of [B, T, D]
        query, key, value = (split_heads(part, heads) for part in parts)  # [B, H, T, D / H]
        x = x + self.out(attend(query, key, value, seen))  # [B, T, D]
        return x + self.outer(gelu(self.inner(self.norm(x))))  # [B, T, D]


class Fusion:
    """Encodes each input by itself, then lets them look at each other.

    Args:
        weights: of which those under `fusion` are taken.
        text_dim: features of the text encoder.
        hidden: D.
        layers: blocks.
        heads: of attention.

    Raises:
        ValueError: the weights are others than the sizes ask for.
    """

    def __init__(self, weights: Weights, text_dim: int, hidden: int, layers: int, heads: int) -> None:
        check_heads("fusion", hidden, heads)
        self._heads = heads
        self._stem = Perceptron.of(weights, "fusion.stem", STEM_FEATURES, 256, hidden)
        self._mix = Perceptron.of(weights, "fusion.mix", MIX_FEATURES, 128, hidden)
        self._name = Linear.of(weights, "fusion.name", text_dim, hidden)
        self._text = Linear.of(weights, "fusion.text", text_dim, hidden)
        self._kind = weights.take("fusion.kind", 3, hidden)  # of a position: text, mix, stem
        self._blocks = [_Block.of(weights, f"fusion.blocks.{i}", hidden) for i in range(layers)]
        self._norm = LayerNorm.of(weights, "fusion.norm", hidden)
        self._presence = Perceptron.of(weights, "fusion.presence", hidden, 128, len(TOOL_NAMES))
        self._values = Perceptron.of(weights, "fusion.values", hidden, 128, len(VALUES))
        self._touch = Linear.of(weights, "fusion.touch", 2 * hidden, 1)
        # What a reference shows is linear in the features already.
        self._shown = Linear.of(weights, "fusion.shown", STEM_FEATURES, len(TOOL_NAMES) + len(VALUES))

    def __call__(
        self,
        text: Floats,
        text_mask: NDArray[np.bool_],
        names: Floats,
        stem_features: Floats,
        mix_features: Floats,
    ) -> Fused:
        """Fuses.

        Args:
            text: of the prompt, `[B, L, text_dim]`.
            text_mask: true where there is a token, `[B, L]`.
            names: of the stems' names, `[B, S, text_dim]`.
            stem_features: `[B, S, STEM_FEATURES]`.
            mix_features: `[B, MIX_FEATURES]`.
        """
        length = text.shape[1]
        stems = self._stem(stem_features) + self._name(names) + self._kind[2]  # [B, S, D]
        mix = (self._mix(mix_features) + self._kind[1])[:, None]  # [B, 1, D]
        words = self._text(text) + self._kind[0]  # [B, L, D]
        x = np.concatenate([words, mix, stems], axis=1)  # [B, L + 1 + S, D]
        seen = np.ones((len(x), 1, x.shape[1]), bool)  # [B, 1, L + 1 + S]
        seen[:, 0, :length] = text_mask
        for block in self._blocks:
            x = block(x, seen, self._heads)  # [B, L + 1 + S, D]
        x = self._norm(x)
        fused = x[:, length + 1 :]  # [B, S, D]
        worst = np.concatenate([x[:, length], fused.max(axis=1)], axis=-1)  # [B, 2 D]
        presence, values = np.split(self._shown(stem_features), [len(TOOL_NAMES)], axis=-1)
        return Fused(
            x,
            fused,
            presence + self._presence(fused),  # [B, S, tools]
            values + self._values(fused),  # [B, S, values]
            self._touch(worst)[:, 0],  # [B]
        )
