"""The whole model: samples in, what the next one is likely to be out.

Position t is given sample t - 1 (at t = 0 a start of its own, which is no sample) and tells the distribution of
sample t. Letters in shapes: B sequences, T positions, D features, O numbers of the head, P past samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from soundwright.lossless.lm.heads import HEADS, PAST
from soundwright.training.transformer import Cache, Transformer, TransformerConfig

#: Heads that are wider are worked off in slices of positions and computed again on the way back.
_WIDE = 4096
_SLICE_NUMBERS = 1 << 25  # 128 MiB


@dataclass(frozen=True)
class ModelConfig:
    """What a model is; written into its weights file.

    Attributes:
        sample_bits: 8 or 16.
        sequence_length: T, the most samples it sees at once.
        head: `softmax`, `bytes` or `logistics`.
        embedding_dim: D.
        num_layers: of the transformer.
        num_heads: of the transformer.
        widening_factor: of the transformer.
        channels: `mono` or `stereo`, as its samples were laid out.
        stereo_blocking_n: samples of a block of one channel, where channels are kept.
    """

    sample_bits: int = 8
    sequence_length: int = 2048
    head: str = "softmax"
    embedding_dim: int = 64
    num_layers: int = 4
    num_heads: int = 8
    widening_factor: int = 4
    channels: str = "mono"
    stereo_blocking_n: int = 1024

    @property
    def transformer(self) -> TransformerConfig:
        """The transformer's share."""
        return TransformerConfig(
            self.embedding_dim, self.num_layers, self.num_heads, self.widening_factor, self.sequence_length
        )


@dataclass
class Stepping:
    """B sequences that grow together.

    Attributes:
        cache: of the transformer.
        past: the last P samples of each, newest first `[B, P]`.
    """

    cache: Cache
    past: Tensor


class SampleModel(nn.Module):
    """Embedding, transformer, head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.embedding_dim
        # 16-bit samples are embedded byte by byte, but for the head that has a logit per value.
        self.by_bytes = config.sample_bits == 16 and config.head != "softmax"
        self.start_embedding = nn.Parameter(torch.randn(dim) / math.sqrt(dim))
        self.embedding = nn.Embedding(512 if self.by_bytes else 1 << config.sample_bits, dim)
        # The logistics predict from differences: their input holds these too, free of level, beside the sample itself.
        self.shape = nn.Linear(PAST, dim) if config.head == "logistics" else None
        self.transformer = Transformer(config.transformer)
        self.head = HEADS[config.head](dim, config.sample_bits)
        nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(dim))

    def embed(self, samples: Tensor) -> Tensor:
        """Samples `[...]` to embeddings `[..., D]`, as large as the positions that are added to them."""
        if self.by_bytes:
            embedded = self.embedding(samples >> 8) + self.embedding((samples & 255) + 256)  # [..., D]
        else:
            embedded = self.embedding(samples)  # [..., D]
        return embedded * math.sqrt(self.config.embedding_dim)  # type: ignore[no-any-return]

    def inputs(self, embedded: Tensor, past: Tensor) -> Tensor:
        """What the transformer is given: embeddings `[..., D]` and the shape of the past samples `[..., P]`."""
        if self.shape is None:
            return embedded
        levels = past.to(self.shape.weight.dtype) - self.head.num_values // 2  # [..., P]
        differences = levels[..., :-1] - levels[..., 1:]  # [..., P - 1]
        movement = differences.abs().mean(dim=-1, keepdim=True) + 0.3  # [..., 1]
        return embedded + self.shape(torch.cat([differences / movement, movement.log() / 4], dim=-1))  # type: ignore[no-any-return]

    def features(self, samples: Tensor, past: Tensor) -> Tensor:
        """Samples `[B, T]` and those before each `[B, T, P]` to features `[B, T, D]` of what precedes each position."""
        start = (self.start_embedding * math.sqrt(self.config.embedding_dim)).expand(len(samples), 1, -1)  # [B, 1, D]
        embedded = torch.cat([start, self.embed(samples[:, :-1])], dim=1)  # [B, T, D]
        return self.transformer(self.inputs(embedded, past))  # type: ignore[no-any-return]

    def outputs(self, samples: Tensor) -> Tensor:
        """The head's numbers for every position at once: samples `[B, T]` to `[B, T, O]`."""
        past = past_samples(samples, self.head.num_values // 2)
        return self.head.outputs(self.features(samples, past).float())

    def nats(self, samples: Tensor) -> Tensor:
        """What every sample costs: `[B, T]` to `[B, T]`."""
        past = past_samples(samples, self.head.num_values // 2)
        features = self.features(samples, past)
        with torch.autocast(samples.device.type, enabled=False):
            features = features.float()
            if self.head.num_values <= _WIDE or not isinstance(self.head, HEADS["softmax"]):
                return self.head.nats(self.head.outputs(features), samples, past)
            rows = max(1, _SLICE_NUMBERS // self.head.num_values)
            parts = zip(torch.split(features.flatten(0, 1), rows), torch.split(samples.flatten(), rows), strict=True)
            costs = [checkpoint(self._slice_nats, f, s, use_reentrant=False) for f, s in parts]
            return torch.cat(costs).view(samples.shape)

    def _slice_nats(self, features: Tensor, samples: Tensor) -> Tensor:
        """`[n, D]` and `[n]` to `[n]`."""
        return self.head.nats(self.head.outputs(features), samples, samples[:, None])

    def begin(self, batch_size: int) -> Stepping:
        """The state of `batch_size` sequences that have no sample yet."""
        silence = torch.full((batch_size, PAST), self.head.num_values // 2, device=self.start_embedding.device)
        return Stepping(self.transformer.start(batch_size), silence)

    @torch.no_grad()
    def step(self, samples: Tensor | None, state: Stepping) -> Tensor:
        """The head's numbers `[B, O]` for the next sample, given the one before `[B]` (None at the start).

        With `state.past`, which `step` brings up to date, they make the distribution: `head.nats(outputs, x, past)`.
        """
        if samples is None:
            embedded = (self.start_embedding * math.sqrt(self.config.embedding_dim)).expand(len(state.past), -1)
        else:
            embedded = self.embed(samples)  # [B, D]
            state.past = torch.cat([samples[:, None], state.past[:, :-1]], dim=1)
        return self.head.outputs(self.transformer.step(self.inputs(embedded, state.past), state.cache))


def past_samples(samples: Tensor, silence: int) -> Tensor:
    """The P samples before each one, newest first: `[B, T]` to `[B, T, P]`; before the start there is silence."""
    padded = F.pad(samples, (PAST, 0), value=silence)[:, :-1]  # [B, T + P - 1]
    return padded.unfold(1, PAST, 1).flip(-1)


def activation_bytes(config: ModelConfig) -> int:
    """About how much memory a training step needs for one sequence."""
    per_layer = config.embedding_dim * (14 + 4 * config.widening_factor)
    head = {"softmax": 4 << config.sample_bits, "bytes": 2048, "logistics": 24 * PAST}[config.head]
    if config.head == "softmax" and config.sample_bits == 16:
        head = 0  # in slices, whatever the batch
    return 4 * config.sequence_length * (config.num_layers * per_layer + 4 * config.embedding_dim + head)
