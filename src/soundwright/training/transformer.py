"""A causal transformer over embeddings, whole on one page: what stands before it and after it is the caller's.

The shape is that of Deletang et al., "Language Modeling Is Compression" (2023): fixed sinusoids for positions,
attention without biases, a GELU of the tanh kind, layer norms with scale and offset, no dropout. It differs in one
thing: the norms stand before attention and MLP and once more at the end (pre-norm; Xiong et al., 2020), not after each
sum. So it trains from the first step at its full learning rate, without a warm-up.

There are two ways through it: `forward` for all positions at once, for training, and `step` for one more position of
sequences that grow, with what earlier positions left behind kept in a `Cache`.

Letters in shapes: B sequences, T positions, D features, H heads, d = D / H features of a head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: On CPUs heads that are narrower leave most of a vector register empty: padded with zeros to this they take two
#: thirds of the time (head_dim 8, T 2048), with the same result.
_CPU_HEAD_DIM = 16


@dataclass(frozen=True)
class TransformerConfig:
    """The shape of a transformer.

    Attributes:
        embedding_dim: D, features of a position.
        num_layers: blocks of attention and MLP.
        num_heads: H; divides D.
        widening_factor: hidden features of the MLP, as a multiple of D.
        max_length: the most positions that a sequence may have.
    """

    embedding_dim: int = 64
    num_layers: int = 4
    num_heads: int = 8
    widening_factor: int = 4
    max_length: int = 2048

    def __post_init__(self) -> None:
        if self.embedding_dim % self.num_heads:
            raise ValueError(f"embedding_dim {self.embedding_dim} is not divisible by num_heads {self.num_heads}")

    @property
    def head_dim(self) -> int:
        """d, features of a head."""
        return self.embedding_dim // self.num_heads


@dataclass
class Cache:
    """What `step` keeps of B sequences that grow together.

    Attributes:
        keys: per layer `[B, H, max_length, d]`.
        values: per layer `[B, H, max_length, d]`.
        length: positions so far.
    """

    keys: list[Tensor]
    values: list[Tensor]
    length: int = 0


class Attention(nn.Module):
    """Each position looks at itself and those before it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.qkv = nn.Linear(config.embedding_dim, 3 * config.embedding_dim, bias=False)
        self.output = nn.Linear(config.embedding_dim, config.embedding_dim, bias=False)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`[B, T, D]` to queries, keys and values `[B, H, T, d]`."""
        batch, length, _ = x.shape
        qkv = self.qkv(x).view(batch, length, 3, self.config.num_heads, self.config.head_dim)  # [B, T, 3, H, d]
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [B, H, T, d]
        return q, k, v

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T, D]` to `[B, T, D]`."""
        q, k, v = self.heads(x)
        scale = self.config.head_dim**-0.5
        narrow = max(0, _CPU_HEAD_DIM - self.config.head_dim) if x.device.type == "cpu" else 0
        if narrow:
            q, k, v = (F.pad(part, (0, narrow)) for part in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)  # [B, H, T, d]
        mixed = mixed[..., : self.config.head_dim].transpose(1, 2).flatten(2)  # [B, T, D]
        return self.output(mixed)  # type: ignore[no-any-return]

    def step(self, x: Tensor, keys: Tensor, values: Tensor, position: int) -> Tensor:
        """One more position: `[B, 1, D]` to `[B, 1, D]`; its key and value are put into `[B, H, max_length, d]`."""
        q, k, v = self.heads(x)  # each [B, H, 1, d]
        keys[:, :, position], values[:, :, position] = k[:, :, 0], v[:, :, 0]
        scores = q @ keys[:, :, : position + 1].transpose(2, 3) * self.config.head_dim**-0.5  # [B, H, 1, t]
        mixed = scores.softmax(dim=-1) @ values[:, :, : position + 1]  # [B, H, 1, d]
        return self.output(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention, then an MLP at each position; both add to what they read."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim, hidden = config.embedding_dim, config.embedding_dim * config.widening_factor
        self.norm_attention = nn.LayerNorm(dim)
        self.attention = Attention(config)
        self.norm_mlp = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, hidden)
        self.narrow = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T, D]` to `[B, T, D]`."""
        x = x + self.attention(self.norm_attention(x))  # [B, T, D]
        return x + self.mlp(self.norm_mlp(x))  # [B, T, D]

    def step(self, x: Tensor, keys: Tensor, values: Tensor, position: int) -> Tensor:
        """One more position: `[B, 1, D]` to `[B, 1, D]`."""
        x = x + self.attention.step(self.norm_attention(x), keys, values, position)  # [B, 1, D]
        return x + self.mlp(self.norm_mlp(x))  # [B, 1, D]

    def mlp(self, x: Tensor) -> Tensor:
        """`[B, T, D]` to `[B, T, D]`, by way of `[B, T, widening_factor * D]`."""
        return self.narrow(F.gelu(self.widen(x), approximate="tanh"))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Embeddings in, features out; position t knows the embeddings 0 to t."""

    positions: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.embedding_dim)
        self.register_buffer("positions", sinusoids(config.max_length, config.embedding_dim), persistent=False)
        self.reset()

    def reset(self) -> None:
        """Draws initial values: deviation 1 / sqrt(inputs), less by depth where a block adds to the sum.

        The 0.02 of GPT-2 is meant for 768 features; at 64 it learns more slowly.
        """
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                added = name.endswith(("output.weight", "narrow.weight"))
                depth = 2 * self.config.num_layers if added else 1
                nn.init.normal_(parameter, std=(parameter.shape[1] * depth) ** -0.5)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings `[B, T, D]` to features `[B, T, D]`, T up to `max_length`."""
        x = x + self.positions[: x.shape[1]]  # [B, T, D]
        for block in self.blocks:
            x = block(x)  # [B, T, D]
        return self.norm(x)  # type: ignore[no-any-return]

    def start(self, batch_size: int) -> Cache:
        """A cache for `batch_size` sequences that have no position yet."""
        shape = (batch_size, self.config.num_heads, self.config.max_length, self.config.head_dim)
        like = self.norm.weight
        keys, values = ([like.new_zeros(shape) for _ in self.blocks] for _ in range(2))
        return Cache(keys, values)

    def step(self, x: Tensor, cache: Cache) -> Tensor:
        """The next position of every sequence: embeddings `[B, D]` to features `[B, D]`; the cache grows by one.

        What it gives is `forward`'s to within rounding, not to the bit: what has to be repeated exactly must step
        both times, with the same B.
        """
        x = (x + self.positions[cache.length])[:, None]  # [B, 1, D]
        for block, keys, values in zip(self.blocks, cache.keys, cache.values, strict=True):
            x = block.step(x, keys, values, cache.length)  # type: ignore[operator]  # [B, 1, D]
        cache.length += 1
        return self.norm(x)[:, 0]  # type: ignore[no-any-return]


def sinusoids(length: int, dim: int) -> Tensor:
    """Fixed positions `[length, dim]`: sines, then cosines, of wavelengths 2 pi to 20,000 pi (Vaswani et al., 2017)."""
    rates = torch.exp(torch.arange(0, dim, 2, dtype=torch.float64) * (-math.log(10_000.0) / dim))  # [ceil(dim / 2)]
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates  # [length, ceil(dim / 2)]
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :dim].float()
