"""EnCodec's layers over a sound that arrives in pieces, bit for bit as `transformers` computes them over the whole.

A causal convolution needs only the last few columns before a piece, an LSTM only its state. So each layer here keeps
that much between pieces, and a sound of any length passes through in constant memory. `transformers` pads by
reflection, so the first piece starts with a reflection of itself and the last one ends with one.

**Why the bits stay the same.** Every product runs through the same kernel as in the whole-file pass, in the same
layout `[1, channels, columns]`, and those kernels sum in an order that does not depend on the number of columns, as
long as there are enough of them (from 64 on; below that MKL takes other kernels). The streams see to that: no piece is
shorter unless the whole sound is. What is saved is memory traffic: pieces that fit into the cache, no copy for padding
(ELU writes straight into the padded buffer), weight norm folded once. Layouts that would be a little faster
(channels-last) sum in another order and were refused: docs/encode-speed.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

#: ELU takes the vectorised path for whole vectors and the scalar one, which rounds differently, for what is left of a
#: row, and for rows that lie otherwise in memory than the result. Rows of a multiple of this many columns have no rest
#: (two AVX-512 vectors). A difference of 1e-6 here flipped one frame of 2251 in a trial.
_VECTOR_COLUMNS = 32


class Layer(Protocol):
    """One layer of one stream."""

    def run(self, x: Tensor, *, last: bool) -> Tensor:
        """Takes the next columns `[1, C, n]`; `last` says that the sound ends with them. May overwrite `x`."""


def fold_weight_norm(model: nn.Module) -> None:
    """Replaces every weight-norm parametrisation by its plain weight, in place.

    In place, because removing parametrisations from a deep copy breaks the original: they share a dynamic class.
    """
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def stream_layers(modules: Iterable[nn.Module]) -> list[Layer]:
    """Fresh stream layers for the `layers` of an `EncodecEncoder` or `EncodecDecoder`; weights are shared."""
    layers: list[Layer] = []
    elu = False
    for module in modules:
        match type(module).__name__:
            case "ELU":
                elu = True
                continue
            case "EncodecConv1d":
                layers.append(CausalConv(module, elu=elu))
            case "EncodecConvTranspose1d":
                layers.append(CausalUpsampling(module, elu=elu))
            case "EncodecResnetBlock":
                layers.append(Residual(module))
            case "EncodecLSTM":
                layers.append(Lstm(module))
            case other:
                raise TypeError(f"EnCodec has no layer of type {other}")
        elu = False
    return layers


def run_layers(layers: Sequence[Layer], x: Tensor, *, last: bool) -> Tensor:
    """Passes the next columns `[1, C, n]` through layers in turn."""
    for layer in layers:
        x = layer.run(x, last=last)
    return x


class CausalConv:
    """A causal convolution, after an ELU where `elu` says so.

    With kernel k, dilation d and stride s it needs p = (k - 1) d + 1 - s columns from before each piece.
    """

    def __init__(self, module: nn.Module, *, elu: bool) -> None:
        conv = cast(nn.Conv1d, module.conv)
        self.weight = conv.weight
        self.bias = conv.bias
        self.stride = conv.stride[0]
        self.dilation = conv.dilation[0]
        self.elu = elu
        self.context = (conv.kernel_size[0] - 1) * self.dilation + 1 - self.stride
        self.pointwise = conv.kernel_size[0] == 1 and self.stride == 1
        self._before: Tensor | None = None
        self._buffer: Tensor | None = None

    def run(self, x: Tensor, *, last: bool) -> Tensor:
        """`[1, C, n]` to `[1, C', n / stride]`."""
        if self.pointwise:
            if self.elu:
                x = F.elu_(x)
            # The kernel that Conv1d itself uses on one thread, without its unfolding; equal to the last bit.
            return torch.addmm(cast(Tensor, self.bias)[:, None], self.weight[:, :, 0], x[0])[None]
        padded = self._pad(x, -x.shape[-1] % self.stride if last else 0, last)
        return F.conv1d(padded, self.weight, self.bias, self.stride, dilation=self.dilation)

    def _pad(self, x: Tensor, right: int, last: bool) -> Tensor:
        left, columns = self.context, x.shape[-1]
        if self._before is None and last:
            return _pad_whole(F.elu(x) if self.elu else x, left, right)
        width = left + columns + right
        if self._buffer is None or self._buffer.shape[-1] != width:
            self._buffer = x.new_empty(1, x.shape[1], width)
        buffer = self._buffer
        body = buffer[..., left : left + columns]
        if not self.elu:
            body.copy_(x)
        elif x.stride(-1) == 1 and columns % _VECTOR_COLUMNS == 0:
            torch.ops.aten.elu.out(x, out=body)
        else:  # what comes out of an LSTM has its channels side by side
            body.copy_(F.elu(x))
        if left:
            buffer[..., :left] = body[..., 1 : left + 1].flip(-1) if self._before is None else self._before
        if right:
            buffer[..., left + columns :] = body[..., columns - 1 - right : columns - 1].flip(-1)
        self._before = buffer[..., columns : columns + left].clone()
        return buffer


def _pad_whole(x: Tensor, left: int, right: int) -> Tensor:
    """Reflection at both ends; a sound shorter than its padding gets zeros first, as `EncodecConv1d._pad1d` does."""
    missing = max(0, max(left, right) - x.shape[-1] + 1)
    if missing:
        x = F.pad(x, (0, missing))
    padded = F.pad(x, (left, right), "reflect")
    return padded[..., : padded.shape[-1] - missing]


class CausalUpsampling:
    """A transposed convolution with kernel 2 s and stride s, after an ELU, trimmed on the right as EnCodec does.

    An output column depends on two input columns, so keeping the last input column is enough.
    """

    def __init__(self, module: nn.Module, *, elu: bool) -> None:
        conv = cast(nn.ConvTranspose1d, module.conv)
        self.weight = conv.weight
        self.bias = conv.bias
        self.stride = conv.stride[0]
        self.reach = conv.kernel_size[0] // self.stride - 1  # earlier columns that an output column hears
        self.elu = elu
        self._before: Tensor | None = None

    def run(self, x: Tensor, *, last: bool) -> Tensor:
        """`[1, C, n]` to `[1, C', n * stride]`."""
        if self.elu:
            x = F.elu_(x)
        columns = x.shape[-1]
        if self._before is not None:
            x = torch.cat([self._before, x], dim=-1)
        skip = x.shape[-1] - columns
        self._before = x[..., x.shape[-1] - min(self.reach, x.shape[-1]) :].clone()
        y: Tensor = F.conv_transpose1d(x, self.weight, self.bias, self.stride)
        return y[..., skip * self.stride : (skip + columns) * self.stride]


class Residual:
    """A residual block: ELU and convolution twice, added to the shortcut."""

    def __init__(self, module: nn.Module) -> None:
        self.block = stream_layers(cast(nn.ModuleList, module.block))
        shortcut = cast(nn.Module, module.shortcut)
        self.shortcut = None if isinstance(shortcut, nn.Identity) else CausalConv(shortcut, elu=False)

    def run(self, x: Tensor, *, last: bool) -> Tensor:
        """`[1, C, n]` to `[1, C, n]`."""
        # The shortcut first: the block may overwrite x.
        residual = x.clone() if self.shortcut is None else self.shortcut.run(x, last=last)
        return residual.add_(run_layers(self.block, x, last=last))


class Lstm:
    """The LSTM with its skip connection."""

    def __init__(self, module: nn.Module) -> None:
        self.lstm = cast(nn.LSTM, module.lstm)
        self._state: tuple[Tensor, Tensor] | None = None

    def run(self, x: Tensor, *, last: bool) -> Tensor:
        """`[1, C, T]` to `[1, C, T]`."""
        columns = x.permute(2, 0, 1)
        y, self._state = self.lstm(columns, self._state)
        return cast(Tensor, y + columns).permute(1, 2, 0)
