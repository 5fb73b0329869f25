"""Which device a model runs on."""

from __future__ import annotations

from soundwright.core.errors import UsageError


def resolve_device(device: str) -> str:
    """Turns `auto` into `cuda` where a GPU is usable, else `cpu`; checks any other name.

    Raises:
        UsageError: the device is not one that PyTorch knows, or a GPU was asked for and none is usable.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise UsageError(f"unknown device {device!r}", remedy="use --device auto, cpu or cuda") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("no usable CUDA device on this machine", remedy="use --device cpu")
    return device
