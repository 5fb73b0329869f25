"""Matrix products without bias, in each arithmetic. Inputs and outputs are float32.

A decoder that makes one column at a time reads every weight for two rows of input: its speed is the rate at which
weights come out of memory, so they are kept in 16 bits. PyTorch's own half-precision products on a CPU are slower
than float32; fbgemm's unpack float16 weights in registers and add in float32.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundwright.core.errors import UsageError
from soundwright.musicgen.precision import Precision

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class PlainLinear(nn.Module):
    """`torch.nn.functional.linear` in the dtype of the weight `[out, in]`. It can be sharded."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., in]` to `[..., out]`."""
        return F.linear(x.to(self.weight.dtype), self.weight).float()


class PackedLinear(nn.Module):
    """A weight `[out, in]` in fbgemm's order, multiplied by one of its kernels."""

    def __init__(self, packed: object, kernel: Callable[[Tensor, object], Tensor]) -> None:
        super().__init__()
        self.packed, self.kernel = packed, kernel

    def forward(self, x: Tensor) -> Tensor:
        """`[..., in]` to `[..., out]`."""
        return self.kernel(x, self.packed)


def linear(weight: Tensor, precision: Precision, device: str) -> nn.Module:
    """A layer that multiplies by `weight` `[out, in]`.

    Raises:
        UsageError: this build of PyTorch has no kernel for it.
    """
    if precision in _DTYPES:
        return PlainLinear(weight.to(device, _DTYPES[precision]))
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        raise UsageError(
            "this build of PyTorch has no fbgemm, which multiplies by weights of 16 and 8 bits",
            remedy="use --dtype float32",
        )
    quantized = torch.ops.quantized
    weight = weight.float().contiguous()
    if precision == "float16-packed":
        return PackedLinear(quantized.linear_prepack_fp16(weight, None), quantized.linear_dynamic_fp16)
    with warnings.catch_warnings():
        # 8-bit tensors are to leave PyTorch one day; nothing that a user of ours can do about it.
        warnings.simplefilter("ignore")
        scales = (weight.abs().amax(dim=1) / 127).clamp_min(torch.finfo(torch.float32).tiny)  # [out]
        zeros = torch.zeros(len(scales), dtype=torch.long)
        rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)  # [out, in]
        return PackedLinear(quantized.linear_prepack(rounded, None), quantized.linear_dynamic)


def rows_are_independent(precision: Precision) -> bool:
    """Whether a row's product is the same to the bit whatever other rows are multiplied with it.

    fbgemm's float16 kernel adds up each row in one order. MKL and cuBLAS choose the order by the number of rows, and
    the 8-bit kernel scales its input by the largest value of all rows.
    """
    return precision == "float16-packed"
