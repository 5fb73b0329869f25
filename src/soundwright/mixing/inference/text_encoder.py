"""Words to vectors: a BERT of our own sizes (J. Devlin et al., "BERT", 2019; norms stand after the residuals)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.inference.layers import LayerNorm, Linear, attend, check_heads, gelu, split_heads
from soundwright.mixing.inference.weights import Floats, Weights
from soundwright.mixing.model.settings import OwnSizes
from soundwright.mixing.model.wordpiece import MAX_TOKENS, WordPiece

_EPS = 1e-12  # of BERT's norms
_SEGMENTS = 2  # that it was made for; a prompt is the first


@dataclass(frozen=True)
class _Layer:
    """Self-attention, then two linear layers, each with a residual and a norm behind it."""

    query: Linear
    key: Linear
    value: Linear
    out: Linear
    attention_norm: LayerNorm
    inner: Linear
    outer: Linear
    norm: LayerNorm

    @classmethod
    def of(cls, weights: Weights, name: str, sizes: OwnSizes) -> _Layer:
        hidden, inner = sizes.hidden, sizes.inner
        return cls(
            Linear.of(weights, f"{name}.attention.self.query", hidden, hidden),
            Linear.of(weights, f"{name}.attention.self.key", hidden, hidden),
            Linear.of(weights, f"{name}.attention.self.value", hidden, hidden),
            Linear.of(weights, f"{name}.attention.output.dense", hidden, hidden),
            LayerNorm.of(weights, f"{name}.attention.output.LayerNorm", hidden, _EPS),
            Linear.of(weights, f"{name}.intermediate.dense", hidden, inner),
            Linear.of(weights, f"{name}.output.dense", inner, hidden),
            LayerNorm.of(weights, f"{name}.output.LayerNorm", hidden, _EPS),
        )

    def __call__(self, x: Floats, seen: NDArray[np.bool_], heads: int) -> Floats:
        """`[B, L, D]` to `[B, L, D]`; `seen` is `[B, 1, L]`."""
        query, key, value = (split_heads(part(x), heads) for part in (self.query, self.key, self.value))
        x = self.attention_norm(x + self.out(attend(query, key, value, seen)))  # [B, L, D]
        return self.norm(x + self.outer(gelu(self.inner(x))))  # [B, L, D]


class TextEncoder:
    """Prompts to token vectors, and names of stems to one vector each.

    Args:
        weights: of which those under `text.bert` are taken.
        sizes: of the BERT.
        tokenizer: with the vocabulary that it was trained with.

    Raises:
        ValueError: the weights are others than the sizes and the vocabulary ask for.
    """

    def __init__(self, weights: Weights, sizes: OwnSizes, tokenizer: WordPiece) -> None:
        check_heads("text encoder", sizes.hidden, sizes.heads)
        self.tokenizer, self._heads = tokenizer, sizes.heads
        name = "text.bert.embeddings"
        self._words = weights.take(f"{name}.word_embeddings.weight", len(tokenizer.pieces), sizes.hidden)  # [V, D]
        places = weights.take(f"{name}.position_embeddings.weight", MAX_TOKENS, sizes.hidden)
        segments = weights.take(f"{name}.token_type_embeddings.weight", _SEGMENTS, sizes.hidden)
        self._places = places + segments[0]  # [48, D]
        self._norm = LayerNorm.of(weights, f"{name}.LayerNorm", sizes.hidden, _EPS)
        self._layers = [_Layer.of(weights, f"text.bert.encoder.layer.{i}", sizes) for i in range(sizes.layers)]

    def __call__(self, texts: Sequence[str]) -> tuple[Floats, NDArray[np.bool_]]:
        """Texts to vectors `[B, L, D]` and a mask `[B, L]`, true where there is a token."""
        ids, mask = self.tokenizer(texts)  # [B, L]
        x = self._norm(self._words[ids] + self._places[: ids.shape[1]])  # [B, L, D]
        for layer in self._layers:
            x = layer(x, mask[:, None], self._heads)  # [B, L, D]
        return x, mask

    def means(self, texts: Sequence[str]) -> Floats:
        """Texts to one vector each, the mean over their tokens, `[B, D]`."""
        vectors, mask = self(texts)
        weight = mask[..., None].astype(np.float32)  # [B, L, 1]
        return np.asarray((vectors * weight).sum(axis=1) / weight.sum(axis=1))
