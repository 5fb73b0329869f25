"""MusicGen's decoder, written for one column at a time: fused projections, a cache that never moves, text read once.

The same function as `transformers.MusicgenForCausalLM` and `MusicgenMelodyForCausalLM`. Shape letters: R rows (an item
has one row with its prompt and, for guidance, one without), K codebooks, T columns, D features, H heads, E = D / H
features of a head, L positions of a text, V codes.

Activations are float32 whatever the weights are. Only the matrices of the blocks and of the heads are parameters; the
small rest are buffers, which `fully_shard` leaves whole.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from soundwright.musicgen.block import Block, Norm, Take
from soundwright.musicgen.cache import Cache
from soundwright.musicgen.decoder_config import DecoderConfig
from soundwright.musicgen.linear import linear
from soundwright.musicgen.precision import Precision

#: Of keys and values; float32 elsewhere.
CACHE_DTYPES: dict[Precision, torch.dtype] = {"float16": torch.float16, "bfloat16": torch.bfloat16}


class Decoder(nn.Module):
    """Codes in, logits out.

    Args:
        config: the shape of the network.
        take: gives the weights by the names that `transformers` has for them.
        precision: of the matrix products.
        device: a torch device.
        text_dim: features of the text encoder's states.
        chroma: shape and content `[C, num_chroma]` of "no melody", for a model that is conditioned on one: it has no
            cross-attention, but reads chroma and text as if they were its first columns. None for other models.
    """

    embedding: Tensor
    offsets: Tensor
    positions: Tensor

    def __init__(
        self,
        config: DecoderConfig,
        take: Take,
        precision: Precision,
        device: str,
        *,
        text_dim: int,
        chroma: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.precision, self.device = config, precision, device
        self.sharded = False
        self.silent_chroma = chroma
        dim, codebooks, tokens = config.hidden_size, config.num_codebooks, config.vocab_size + 1

        def stacked(pattern: str, shape: tuple[int, int]) -> Tensor:
            return torch.cat([take(pattern.format(codebook), shape) for codebook in range(codebooks)])

        inner = "decoder.model.decoder"
        self.register_buffer("embedding", stacked(inner + ".embed_tokens.{}.weight", (tokens, dim)).to(device))
        self.register_buffer("offsets", torch.arange(codebooks, device=device) * tokens)  # [K]
        self.register_buffer("positions", torch.empty(0, dim, device=device))
        self.text_projection = Projection(take, "enc_to_dec_proj", text_dim, dim, device)
        if chroma is not None:
            self.chroma_projection = Projection(take, "audio_enc_to_dec_proj", chroma.shape[1], dim, device)
        self.blocks = nn.ModuleList(
            Block(config, _within(take, f"{inner}.layers.{i}."), precision, device, cross=chroma is None)
            for i in range(config.num_hidden_layers)
        )
        self.norm = Norm(
            take(f"{inner}.layer_norm.weight", (dim,)).to(device), take(f"{inner}.layer_norm.bias", (dim,)).to(device)
        )
        self.heads = linear(stacked("decoder.lm_heads.{}.weight", (config.vocab_size, dim)), precision, device)

    def start(self, rows: int, columns: int, texts: list[Tensor]) -> Cache:
        """A cache for at most `columns` columns after the chroma and the texts that a melody model begins with."""
        if self.silent_chroma is not None:
            columns += len(self.silent_chroma) + max((len(text) for text in texts), default=0)
        if len(self.positions) < columns:
            self.positions = sinusoids(columns, self.config.hidden_size).to(self.device)
        heads = self.config.num_attention_heads
        shape = (rows, heads, columns, self.config.hidden_size // heads)
        return Cache(len(self.blocks), shape, CACHE_DTYPES.get(self.precision, torch.float32), self.device)

    def forward(
        self, codes: Tensor, cache: Cache, texts: list[Tensor] | None = None, chroma: Tensor | None = None
    ) -> Tensor:
        """Logits `[R, K, V]` of the column after the last of `codes` `[R, K, T]`.

        Args:
            codes: delayed columns; several at once only where the cache is empty.
            cache: what came before; it grows.
            texts: text encoder states `[L, text_dim]` of the first rows, with the first columns only.
            chroma: `[R, C, num_chroma]` of a melody model, with the first columns only.
        """
        rows, _, columns = codes.shape
        tokens = (codes.transpose(1, 2) + self.offsets).reshape(rows * columns, -1)  # [R T, K]
        x = F.embedding_bag(tokens, self.embedding, mode="sum").view(rows, columns, -1)  # [R, T, D]
        read = [self.text_projection(text) for text in texts or []]  # [L, D] each
        if chroma is not None:
            x = torch.cat([self.chroma_projection(chroma), _zero_padded(read, rows, x), x], dim=1)  # [R, C + L + T, D]
            read = []
        if cache.place is None:
            x = x + self.positions[cache.length : cache.length + x.shape[1]]  # [R, T, D]
        else:
            x = x + self.positions[cache.place]  # [R, 1, D]
        hidden = cache.hidden()
        for block, layer in zip(self.blocks, cache.layers, strict=True):
            x = block(x, layer, read, hidden)  # [R, T, D]
        if cache.place is None:
            cache.advance(x.shape[1])
        logits = self.heads(self.norm(x[:, -1]))  # [R, K V]
        return logits.view(rows, self.config.num_codebooks, -1)  # type: ignore[no-any-return]


class Projection(nn.Module):
    """Text states or chroma to D features; nothing at all where the checkpoint has no such layer."""

    weight: Tensor | None
    bias: Tensor | None

    def __init__(self, take: Take, name: str, dim_in: int, dim: int, device: str) -> None:
        super().__init__()
        same = dim_in == dim  # transformers makes the layer only where the widths differ
        self.register_buffer("weight", None if same else take(f"{name}.weight", (dim, dim_in)).to(device))
        self.register_buffer("bias", None if same else take(f"{name}.bias", (dim,)).to(device))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., dim_in]` to `[..., D]`."""
        return x if self.weight is None else F.linear(x, self.weight, self.bias)


def sinusoids(length: int, dim: int) -> Tensor:
    """Fixed positions `[length, dim]`, cosines before sines, wavelengths 2 pi to 20,000 pi (as `transformers`)."""
    half = dim // 2
    rates = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10_000) / (half - 1)))  # [dim / 2]
    angles = torch.arange(length, dtype=torch.float32)[:, None] * rates  # [length, dim / 2]
    return F.pad(torch.cat([angles.cos(), angles.sin()], dim=1), (0, dim % 2))  # [length, dim]


def _within(take: Take, prefix: str) -> Take:
    return lambda name, shape: take(prefix + name, shape)


def _zero_padded(texts: list[Tensor], rows: int, like: Tensor) -> Tensor:
    """Texts `[L, D]` of the first rows as one `[R, max L, D]`, zero where there is none, as in `transformers`."""
    longest = max((len(text) for text in texts), default=0)
    padded = like.new_zeros(rows, longest, like.shape[-1])  # [R, max L, D]
    for row, text in zip(padded, texts, strict=False):
        row[: len(text)] = text
    return padded
