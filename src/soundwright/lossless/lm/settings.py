"""What a training of an audio transformer is: one record of its settings, and what must hold among them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from soundwright.core.errors import UsageError

Head = Literal["auto", "softmax", "bytes", "logistics"]
Channels = Literal["mono", "stereo"]
Schedule = Literal["constant", "cosine"]

_POSITIVE = (
    "stereo_blocking_n", "chunk_size", "training_steps", "batch_size", "log_every", "embedding_dim", "num_layers",
    "num_heads", "widening_factor", "num_chunks",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The settings of document 001, with its names and defaults, and ours after them.

    Attributes:
        use_16bit: samples of 16 bits instead of 8.
        stereo_blocking_n: samples of a block of one channel, where channels are kept.
        chunk_size: bytes of PCM in a chunk.
        training_steps: optimiser steps.
        batch_size: chunks per step.
        log_every: steps between numbers, and between looks at held-out chunks.
        learning_rate: of Adam.
        embedding_dim: features of a position.
        num_layers: blocks of attention and MLP.
        num_heads: attention heads.
        widening_factor: hidden features of the MLP, as a multiple of `embedding_dim`.
        seed: of initial values and of the order of chunks.
        num_chunks: the most chunks that are trained on.
        channels: `mono` mixes, `stereo` keeps both in blocks.
        head: how the next sample's distribution is made, `auto` for the bit depth's own.
        schedule: of the learning rate over the steps.
    """

    use_16bit: bool = False
    stereo_blocking_n: int = 1024
    chunk_size: int = 2048
    training_steps: int = 1000
    batch_size: int = 128
    log_every: int = 100
    learning_rate: float = 1e-4
    embedding_dim: int = 64
    num_layers: int = 4
    num_heads: int = 8
    widening_factor: int = 4
    seed: int = 42
    num_chunks: int = 488_281
    channels: Channels = "mono"
    head: Head = "auto"
    schedule: Schedule = "constant"

    @property
    def sample_bits(self) -> int:
        """Bits of a sample: 8 or 16."""
        return 16 if self.use_16bit else 8

    @property
    def sequence_length(self) -> int:
        """Samples of a chunk."""
        return self.chunk_size * 8 // self.sample_bits

    @property
    def head_used(self) -> str:
        """What `head` stands for: with `auto`, softmax at 8 bits and logistics at 16."""
        if self.head != "auto":
            return self.head
        return "logistics" if self.use_16bit else "softmax"

    def check(self) -> None:
        """Checks every value, with the document's messages.

        Raises:
            UsageError: one that cannot be, and what could.
        """
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise UsageError(f"{name} must be positive, got {getattr(self, name)}")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise UsageError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.seed < 0:
            raise UsageError(f"seed must be non-negative, got {self.seed}")
        if self.use_16bit and self.chunk_size % 2:
            raise UsageError(
                f"chunk_size must be even for 16-bit audio, got {self.chunk_size}",
                remedy="it counts bytes, and a sample has two",
            )
        if self.embedding_dim % self.num_heads:
            raise UsageError(
                f"embedding_dim must be divisible by num_heads, got {self.embedding_dim} and {self.num_heads}",
                remedy=f"use {_nearest(self.embedding_dim, self.num_heads)}",
            )
        if self.head == "bytes" and not self.use_16bit:
            raise UsageError("the head bytes is for 16-bit audio", remedy="add --use_16bit, or use --head softmax")
        for name, choices in (("head", Head), ("channels", Channels), ("schedule", Schedule)):
            known = get_args(choices)
            if getattr(self, name) not in known:
                raise UsageError(f"unknown {name} {getattr(self, name)!r}", remedy=f"use {', '.join(known)}")

    def warnings(self) -> list[str]:
        """What will work but is hardly meant: chunks that hold less than one pair of left and right blocks."""
        pair = 2 * self.stereo_blocking_n * self.sample_bits // 8
        mono = self.channels == "mono"
        if pair <= self.chunk_size:
            return []
        return [
            f"Blocking size {self.stereo_blocking_n} is too large for chunk size {self.chunk_size}. Chunks will not "
            f"contain complete L/R block pairs: a pair is 2 x {self.stereo_blocking_n} samples = {pair} bytes."
            + (" (Only --channels stereo makes blocks; mixed to mono there are none.)" if mono else "")
        ]

    def run_name(self) -> str:
        """The name of a run that was given none.

        >>> Settings().run_name()
        '8bit_block1024_chunk2048_steps1000'
        """
        return f"{self.sample_bits}bit_block{self.stereo_blocking_n}_chunk{self.chunk_size}_steps{self.training_steps}"

    def identity(self) -> dict[str, Any]:
        """All that the weights depend on; a training goes on only where this is the same."""
        return {**asdict(self), "head": self.head_used}


def _nearest(embedding_dim: int, num_heads: int) -> str:
    """The legal values next to a pair that does not go together.

    >>> _nearest(128, 12)
    '--num_heads 8 or 16, or --embedding_dim 120 or 132'
    """
    divisors = [n for n in range(1, embedding_dim + 1) if embedding_dim % n == 0]
    heads = [
        max((n for n in divisors if n < num_heads), default=1),
        min((n for n in divisors if n > num_heads), default=0),
    ]
    below = embedding_dim // num_heads * num_heads
    dims = [below, below + num_heads]
    return (
        f"--num_heads {' or '.join(str(n) for n in heads if n)}, "
        f"or --embedding_dim {' or '.join(str(n) for n in dims if n)}"
    )
