"""Layers that text encoder, fusion and decoder share, as functions of float32 arrays.

Letters: B examples, T positions that ask, U positions that are looked at, H heads, D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import NDArray

from soundwright.mixing.inference.weights import Floats, Weights


@dataclass(frozen=True)
class Linear:
    """x W + b.

    Attributes:
        weight: `[D, D']`.
        bias: `[D']`.
    """

    weight: Floats
    bias: Floats | np.float32

    @classmethod
    def of(cls, weights: Weights, name: str, size: int, out: int, *, bias: bool = True) -> Linear:
        """Takes `name.weight`, stored as `[out, size]`, and `name.bias`."""
        weight = np.ascontiguousarray(weights.take(f"{name}.weight", out, size).T)
        return cls(weight, weights.take(f"{name}.bias", out) if bias else np.float32(0))

    def __call__(self, x: Floats) -> Floats:
        """`[..., D]` to `[..., D']`."""
        return x @ self.weight + self.bias


@dataclass(frozen=True)
class Perceptron:
    """Two linear layers with a GELU between them."""

    inner: Linear
    outer: Linear

    @classmethod
    def of(cls, weights: Weights, name: str, size: int, hidden: int, out: int) -> Perceptron:
        """Takes `name.0` and `name.2`, as a sequence of layers names them."""
        return cls(Linear.of(weights, f"{name}.0", size, hidden), Linear.of(weights, f"{name}.2", hidden, out))

    def __call__(self, x: Floats) -> Floats:
        """`[..., D]` to `[..., D']`."""
        return self.outer(gelu(self.inner(x)))


@dataclass(frozen=True)
class LayerNorm:
    """Mean 0 and variance 1 over the features, then a gain and an offset for each (Ba et al., 2016).

    Attributes:
        gain: `[D]`.
        offset: `[D]`.
        eps: added to the variance.
    """

    gain: Floats
    offset: Floats
    eps: float = 1e-5

    @classmethod
    def of(cls, weights: Weights, name: str, size: int, eps: float = 1e-5) -> LayerNorm:
        """Takes `name.weight` and `name.bias`."""
        return cls(weights.take(f"{name}.weight", size), weights.take(f"{name}.bias", size), eps)

    def __call__(self, x: Floats) -> Floats:
        """`[..., D]` to `[..., D]`."""
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)  # [..., 1]
        return np.asarray(centred / np.sqrt(variance + self.eps) * self.gain + self.offset)


@dataclass(frozen=True)
class RMSNorm:
    """Mean square 1 over the features, then a gain for each (Zhang and Sennrich, 2019).

    Attributes:
        gain: `[D]`.
        eps: added to the mean square.
    """

    gain: Floats
    eps: float = 1e-6

    def __call__(self, x: Floats) -> Floats:
        """`[..., D]` to `[..., D]`."""
        return np.asarray(x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + self.eps) * self.gain)


def gelu(x: Floats) -> Floats:
    """X times the normal distribution function of x (Hendrycks and Gimpel, 2016), exactly and not by a tanh."""
    return np.asarray(0.5 * x * (1 + scipy.special.erf(x * np.float32(np.sqrt(0.5)))))


def silu(x: Floats) -> Floats:
    """X times its sigmoid."""
    return x * sigmoid(x)


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    return np.asarray(scipy.special.expit(x))


def softplus(x: Floats) -> Floats:
    """log(1 + exp(x))."""
    return np.logaddexp(np.float32(0), x)


def softmax(scores: Floats) -> Floats:
    """Scores `[..., U]` to parts of 1; minus infinity is none."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def split_heads(x: Floats, heads: int) -> Floats:
    """`[B, T, D]` to `[B, H, T, D / H]`."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def attend(queries: Floats, keys: Floats, values: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Scaled dot-product attention (Vaswani et al., 2017).

    Args:
        queries: `[B, H, T, D / H]`.
        keys: `[B, H, U, D / H]`.
        values: `[B, H, U, D / H]`.
        seen: true where a position may be looked at, `[B, T, U]` or `[B, 1, U]`; one at least for each that asks.

    Returns:
        `[B, T, D]`.
    """
    scores = queries @ keys.swapaxes(-1, -2) * np.float32(queries.shape[-1] ** -0.5)  # [B, H, T, U]
    shares = softmax(np.where(seen[:, None], scores, np.float32(-np.inf)))  # [B, H, T, U]
    mixed = (shares @ values).swapaxes(1, 2)  # [B, T, H, D / H]
    return mixed.reshape(*mixed.shape[:2], -1)


def check_heads(what: str, size: int, heads: int) -> None:
    """Refuses heads that do not divide the features.

    Raises:
        ValueError: they do not.
    """
    if size % heads:
        raise ValueError(f"{heads} heads of attention do not divide the {size} features of the {what}")
