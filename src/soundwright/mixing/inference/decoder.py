"""The decoder: a Mistral of our own sizes that reads vectors, and remembers what it has read.

Sources: A. Jiang et al., "Mistral 7B" (2023), here with a key per query head and no window; J. Su et al., "RoFormer"
(2021) for the rotation by position; N. Shazeer, "GLU variants improve transformer" (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.inference.layers import Linear, RMSNorm, attend, check_heads, silu, split_heads
from soundwright.mixing.inference.weights import Floats, Weights
from soundwright.mixing.model.settings import OwnSizes

_THETA = 10_000.0  # the slowest rotation takes 2 pi times as many positions


@dataclass(frozen=True)
class _Layer:
    """Causal self-attention, then a gated linear unit, each with a norm before it and a residual around both."""

    attention_norm: RMSNorm
    query: Linear
    key: Linear
    value: Linear
    out: Linear
    norm: RMSNorm
    gate: Linear
    up: Linear
    down: Linear

    @classmethod
    def of(cls, weights: Weights, name: str, sizes: OwnSizes) -> _Layer:
        def linear(part: str, size: int, out: int) -> Linear:
            return Linear.of(weights, f"{name}.{part}", size, out, bias=False)

        hidden, inner = sizes.hidden, sizes.inner
        return cls(
            RMSNorm(weights.take(f"{name}.input_layernorm.weight", hidden)),
            linear("self_attn.q_proj", hidden, hidden),
            linear("self_attn.k_proj", hidden, hidden),
            linear("self_attn.v_proj", hidden, hidden),
            linear("self_attn.o_proj", hidden, hidden),
            RMSNorm(weights.take(f"{name}.post_attention_layernorm.weight", hidden)),
            linear("mlp.gate_proj", hidden, inner),
            linear("mlp.up_proj", hidden, inner),
            linear("mlp.down_proj", inner, hidden),
        )


class Decoder:
    """The transformer, without a vocabulary.

    Args:
        weights: of which those under `decoder.network` are taken.
        sizes: of the transformer.

    Raises:
        ValueError: the weights are others than the sizes ask for.
    """

    def __init__(self, weights: Weights, sizes: OwnSizes) -> None:
        check_heads("decoder", sizes.hidden, sizes.heads)
        size = sizes.hidden // sizes.heads
        if size % 2:
            raise ValueError(f"a head of the decoder has {size} features; expected an even number")
        weights.take("decoder.network.embed_tokens.weight", 1, sizes.hidden)  # of words, which it never reads
        self.heads = sizes.heads
        self.layers = [_Layer.of(weights, f"decoder.network.layers.{i}", sizes) for i in range(sizes.layers)]
        self.norm = RMSNorm(weights.take("decoder.network.norm.weight", sizes.hidden))
        self.frequencies = _THETA ** (-np.arange(0, size, 2) / size)  # [D / H / 2], radians from position to position


class Memory:
    """What a decoder has read of B examples: keys and values of each layer.

    Args:
        decoder: that reads.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._known: NDArray[np.bool_] | None = None  # [B, U]
        self._keys: list[Floats] = []  # of each layer, [B, H, U, D / H]
        self._values: list[Floats] = []

    def read(self, vectors: Floats, known: NDArray[np.bool_]) -> Floats:
        """Reads on.

        Padding is not looked at and takes no position, so that an example says the same in any batch.

        Args:
            vectors: `[B, T, D]`.
            known: false where they are padding, `[B, T]`.

        Returns:
            Hidden states `[B, T, D]`.
        """
        decoder, x = self._decoder, vectors
        before = 0 if self._known is None else self._known.shape[1]
        self._known = known if self._known is None else np.concatenate([self._known, known], axis=1)  # [B, U]
        positions = np.cumsum(self._known, axis=1)[:, before:] - 1  # [B, T]
        angles = np.maximum(positions, 0)[:, None, :, None] * decoder.frequencies  # [B, 1, T, D / H / 2]
        turn = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        # A position sees those up to itself.
        past = np.arange(self._known.shape[1]) <= np.arange(before, before + x.shape[1])[:, None]  # [T, U]
        seen = past & self._known[:, None]  # [B, T, U]
        for place, layer in enumerate(decoder.layers):
            y = layer.attention_norm(x)  # [B, T, D]
            query, key, value = (split_heads(part(y), decoder.heads) for part in (layer.query, layer.key, layer.value))
            keys, values = self._remember(place, _rotate(key, turn), value)  # [B, H, U, D / H]
            x = x + layer.out(attend(_rotate(query, turn), keys, values, seen))  # [B, T, D]
            y = layer.norm(x)
            x = x + layer.down(silu(layer.gate(y)) * layer.up(y))  # [B, T, D]
        return decoder.norm(x)

    def _remember(self, layer: int, keys: Floats, values: Floats) -> tuple[Floats, Floats]:
        """Adds to what a layer has read, and gives all of it."""
        if layer == len(self._keys):
            self._keys.append(keys)
            self._values.append(values)
        else:
            self._keys[layer] = np.concatenate([self._keys[layer], keys], axis=2)
            self._values[layer] = np.concatenate([self._values[layer], values], axis=2)
        return self._keys[layer], self._values[layer]


def _rotate(x: Floats, turn: tuple[Floats, Floats]) -> Floats:
    """Turns pairs of features of `[B, H, T, D / H]` by angles: the first half is paired with the second."""
    cos, sin = turn  # [B, 1, T, D / H / 2]
    one, other = np.split(x, 2, axis=-1)
    return np.concatenate([one * cos - other * sin, other * cos + one * sin], axis=-1)
