"""Which arithmetic a decoder runs in. It follows from the device's type and the flags, never from free memory."""

from __future__ import annotations

from typing import Literal, get_args

from soundwright.core.errors import UsageError

Dtype = Literal["auto", "float32", "float16", "bfloat16", "int8"]
#: What happens inside the matrix products; everything between them is float32 everywhere.
Precision = Literal["float32", "float16-packed", "float16", "bfloat16", "int8"]

ARITHMETIC: dict[Precision, str] = {
    "float32": "float32 throughout",
    "float16-packed": "weights rounded to float16, everything else float32",
    "float16": "matrix products in float16, everything else float32",
    "bfloat16": "matrix products in bfloat16, everything else float32",
    "int8": "weights and inputs of matrix products rounded to 8 bits, everything else float32",
}


def resolve(dtype: str, device: str, *, fsdp: bool = False) -> Precision:
    """What `--dtype` means on a device.

    `auto` is float16-packed on a CPU (logits within 0.1 % of float32 at a quarter of its time) and float16 on a GPU
    (what AudioCraft runs MusicGen in). Sharded over processes on CPUs it is float32: packed weights do not shard.

    Args:
        dtype: `auto`, `float32`, `float16`, `bfloat16` or `int8`.
        device: a torch device, e.g. `cpu` or `cuda:0`.
        fsdp: whether the weights are to be sharded.

    Raises:
        UsageError: the device does not have this arithmetic.
    """
    if dtype not in get_args(Dtype):
        raise UsageError(f"unknown --dtype {dtype!r}", remedy=f"use one of {', '.join(get_args(Dtype))}")
    kind = device.partition(":")[0]
    if kind == "cpu":
        choices: dict[str, Precision] = {"float32": "float32"}
        if not fsdp:
            choices |= {"float16": "float16-packed", "int8": "int8"}
        choices["auto"] = choices.get("float16", "float32")
    elif kind == "cuda":
        choices = {"auto": "float16", "float32": "float32", "float16": "float16", "bfloat16": "bfloat16"}
    else:
        choices = {"auto": "float32", "float32": "float32"}
    if dtype not in choices:
        where = f"{kind} with --fsdp" if fsdp else kind
        raise UsageError(f"--dtype {dtype} is not for {where}", remedy=f"use one of {', '.join(sorted(choices))}")
    return choices[dtype]
