"""The layers of a `pocket` network in NumPy: linear, RMS norm, causal block. T frames, D features, H hidden.

A layer computes in the dtype of its tensors: float64 in the encoder, float32 in the decoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # float32 or float64, as the layer
Tensors = Mapping[str, Array]

_EPSILON = 1e-5  # of torch's RMSNorm in the network that was trained


class Linear:
    """`[T, in]` to `[T, out]`.

    Args:
        tensors: hold `NAME.weight [out, in]` and `NAME.bias [out]`.
        name: of the layer.
    """

    def __init__(self, tensors: Tensors, name: str) -> None:
        self._weight = tensors[f"{name}.weight"].T  # [in, out], a view: BLAS reads it transposed
        self._bias = tensors[f"{name}.bias"]  # [out]

    def __call__(self, x: Array) -> Array:
        """`[T, in]` to `[T, out]`."""
        y = x @ self._weight
        y += self._bias
        return y


class RMSNorm:
    """x over its root mean square over features, times a weight (Zhang and Sennrich, 2019)."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        self._weight = tensors[f"{name}.weight"]  # [D]

    def __call__(self, x: Array) -> Array:
        """`[T, D]` to `[T, D]`."""
        mean_square = np.einsum("td,td->t", x, x) / x.dtype.type(x.shape[1])  # [T]
        y: Array = x / np.sqrt(mean_square + x.dtype.type(_EPSILON))[:, None]
        y *= self._weight
        return y


class CausalBlock:
    """A causal depthwise convolution over frames, then a gated layer over features; added to its input.

    y[t] = sum_k mix[k] * x[t - (taps - 1 - k) * dilation]
    value, gate = widen(norm(y))
    x + narrow(value * silu(gate)),  silu(g) = g / (1 + exp(-g))
    """

    def __init__(self, tensors: Tensors, name: str, dilation: int) -> None:
        self._mix = tensors[f"{name}.mix"]  # [taps, D], the last tap is now
        self._dilation = dilation
        self._norm = RMSNorm(tensors, f"{name}.norm")
        self._widen = Linear(tensors, f"{name}.widen")  # D to 2 H
        self._narrow = Linear(tensors, f"{name}.narrow")  # H to D
        self.history = (len(self._mix) - 1) * dilation  # frames of the past that it needs

    def __call__(self, x: Array, past: Array) -> tuple[Array, Array]:
        """`[T, D]` and the past inputs `[history, D]` to `[T, D]` and the new past."""
        joined = np.concatenate([past, x])  # [history + T, D]
        num_frames = len(x)
        y = joined[:num_frames] * self._mix[0]
        term = np.empty_like(y)
        for k in range(1, len(self._mix)):
            y += np.multiply(joined[k * self._dilation :][:num_frames], self._mix[k], out=term)
        wide = self._widen(self._norm(y))  # [T, 2 H]
        value, gate = wide[:, : wide.shape[1] // 2], wide[:, wide.shape[1] // 2 :]
        # silu with tanh, which NumPy vectorises on every processor and which cannot overflow
        opening = np.tanh(0.5 * gate)
        opening += 1
        opening *= gate
        opening *= value
        opening *= 0.5
        y = self._narrow(opening)
        y += x
        return y, joined[num_frames:]

    def no_past(self, dtype: Any) -> Array:
        """The past before a stream begins: zeros `[history, D]`."""
        return np.zeros((self.history, self._mix.shape[1]), dtype)


class CausalBlocks:
    """Blocks one after the other, and the pasts that a stream carries for them."""

    def __init__(self, tensors: Tensors, name: str, dilations: Sequence[int]) -> None:
        self._blocks = [CausalBlock(tensors, f"{name}.{i}", dilation) for i, dilation in enumerate(dilations)]

    def __call__(self, x: Array, pasts: list[Array] | None) -> tuple[Array, list[Array]]:
        """`[T, D]` and a past for each block, or None at the start of a stream; the result and the new pasts."""
        after = []
        for i, block in enumerate(self._blocks):
            x, past = block(x, block.no_past(x.dtype) if pasts is None else pasts[i])
            after.append(past)
        return x, after
