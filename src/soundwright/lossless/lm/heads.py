"""From a position's features to the distribution of its sample: three ways to spend bits on 256 or 65,536 values.

A head makes numbers (`outputs`) from features and tells from them what a sample costs (`nats`). All of it is float32,
under autocast too: a mean of bfloat16 would be off by hundreds of 16-bit steps.

Letters in shapes: B sequences, T positions, D features, O numbers per position, P past samples, K components.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Past samples that the logistics head sees, and the differences between them that it predicts from.
PAST = 17
TAPS = PAST - 1
#: Its logistic distributions.
COMPONENTS = 10


class Head(nn.Module, ABC):
    """What all heads have in common: the number of values, and the width of their outputs."""

    def __init__(self, sample_bits: int) -> None:
        super().__init__()
        self.sample_bits = sample_bits
        self.num_values = 1 << sample_bits

    @abstractmethod
    def outputs(self, features: Tensor) -> Tensor:
        """Features `[..., D]` to the numbers `[..., O]` that the distribution is made of."""

    @abstractmethod
    def nats(self, outputs: Tensor, samples: Tensor, past: Tensor) -> Tensor:
        """What each sample costs `[...]`: from outputs `[..., O]`, samples `[...]`, the P before each `[..., P]`."""


class Softmax(Head):
    """One logit per value, as in the document; at 16 bits 65,536 of them."""

    def __init__(self, dim: int, sample_bits: int) -> None:
        super().__init__(sample_bits)
        self.logits = nn.Linear(dim, self.num_values)
        nn.init.normal_(self.logits.weight, std=0.02)
        nn.init.zeros_(self.logits.bias)

    def outputs(self, features: Tensor) -> Tensor:
        """`[..., D]` to logits `[..., 2^bits]`."""
        return self.logits(features)  # type: ignore[no-any-return]

    def nats(self, outputs: Tensor, samples: Tensor, past: Tensor) -> Tensor:
        """Cross-entropy `[...]`."""
        return _cross_entropy(outputs, samples)


class Bytes(Head):
    """The high byte of a 16-bit sample, then its low byte, which knows the high one: 256 logits twice."""

    def __init__(self, dim: int, sample_bits: int) -> None:
        super().__init__(sample_bits)
        self.high = nn.Linear(dim, 256 + dim)  # logits of the high byte, and features for the low one
        self.after = nn.Embedding(256, dim)
        self.low = nn.Linear(dim, 256)
        for weight in (self.high.weight, self.after.weight, self.low.weight):
            nn.init.normal_(weight, std=0.02)
        for bias in (self.high.bias, self.low.bias):
            nn.init.zeros_(bias)

    def outputs(self, features: Tensor) -> Tensor:
        """`[..., D]` to `[..., 256 + D]`."""
        return self.high(features)  # type: ignore[no-any-return]

    def low_logits(self, outputs: Tensor, high: Tensor) -> Tensor:
        """Logits of the low byte `[..., 256]` once the high byte `[...]` is known."""
        features = outputs[..., 256:] + self.after(high)  # [..., D]
        return self.low(F.gelu(features, approximate="tanh"))  # type: ignore[no-any-return]

    def nats(self, outputs: Tensor, samples: Tensor, past: Tensor) -> Tensor:
        """Cross-entropy of both bytes `[...]`."""
        high, low = samples >> 8, samples & 255
        return _cross_entropy(outputs[..., :256], high) + _cross_entropy(self.low_logits(outputs, high), low)


class Logistics(Head):
    """A mixture of discretised logistics around a linear prediction that the network steers.

    The prediction is the last sample and a weighted sum of the last `TAPS` differences; the network gives the weights,
    and begins at none. (Weights of the samples themselves were tried: music is slow, so they nearly cancel, and their
    gradients are a hundred times larger.) Widths follow how much the last samples moved, times what the network says,
    so loud and soft music look alike. A uniform component, mostly of little weight, pays for surprises.

    Source of the density: Salimans et al., PixelCNN++ (2017).
    """

    def __init__(self, dim: int, sample_bits: int) -> None:
        super().__init__(sample_bits)
        self.numbers = nn.Linear(dim, TAPS + 3 * COMPONENTS + 1)
        nn.init.normal_(self.numbers.weight, std=0.002)
        with torch.no_grad():
            self.numbers.bias.zero_()
            self.numbers.bias[-1] = -5.0  # the uniform component's logit
            self.numbers.bias[TAPS + 2 * COMPONENTS : -1] = torch.linspace(-4.0, 1.5, COMPONENTS)

    def outputs(self, features: Tensor) -> Tensor:
        """`[..., D]` to taps, logits, offsets, widths and the uniform's logit `[..., P + 3 K]`."""
        return self.numbers(features)  # type: ignore[no-any-return]

    def mixture(self, outputs: Tensor, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the density is made of, from outputs `[..., O]` and past samples, newest first `[..., P]`.

        Returns:
            Log weights `[..., K + 1]` (the last is the uniform's), means in sample steps above silence `[..., K]`,
            log widths in sample steps `[..., K]`.
        """
        taps, logits, offsets, widths, uniform = torch.split(outputs, [TAPS, *[COMPONENTS] * 3, 1], dim=-1)
        levels = past.to(outputs.dtype) - self.num_values // 2  # [..., P]
        differences = levels[..., :-1] - levels[..., 1:]  # [..., P - 1]
        prediction = levels[..., :1] + (taps * differences).sum(dim=-1, keepdim=True)  # [..., 1]
        movement = differences.abs().mean(dim=-1, keepdim=True)  # [..., 1]
        log_widths = (widths + (movement + 0.3).log()).clamp(-3.0, math.log(self.num_values))  # [..., K]
        means = prediction + offsets * log_widths.exp()  # [..., K]
        return torch.cat([logits, uniform], dim=-1).log_softmax(dim=-1), means, log_widths

    def nats(self, outputs: Tensor, samples: Tensor, past: Tensor) -> Tensor:
        """Minus the log of the mixture's mass on each sample `[...]`."""
        log_weights, means, log_widths = self.mixture(outputs, past)
        half = self.num_values // 2
        x = (samples - half).to(outputs.dtype)[..., None]  # [..., 1]
        step = torch.exp(-log_widths)  # a sample step in widths [..., K]
        above, below = (x + 0.5 - means) * step, (x - 0.5 - means) * step  # [..., K]
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)): exact in both tails and at any width.
        inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-step))  # [..., K]
        # The outermost values take the tails, so that the masses sum to one.
        mass = torch.where(x <= -half, F.logsigmoid(above), torch.where(x >= half - 1, F.logsigmoid(-below), inside))
        flat = torch.full_like(x, -math.log(self.num_values))  # [..., 1]
        return -torch.logsumexp(log_weights + torch.cat([mass, flat], dim=-1), dim=-1)


HEADS: dict[str, type[Softmax] | type[Bytes] | type[Logistics]] = {
    "softmax": Softmax,
    "bytes": Bytes,
    "logistics": Logistics,
}


def _cross_entropy(logits: Tensor, values: Tensor) -> Tensor:
    """Logits `[..., V]` and values `[...]` to nats `[...]`."""
    flat = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), values.reshape(-1), reduction="none")
    return flat.view(values.shape)
