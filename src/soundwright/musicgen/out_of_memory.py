"""Is an error a lack of memory? PyTorch says so in three ways."""

from __future__ import annotations

import gc


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the processor or on the GPU."""
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    # torch.OutOfMemoryError is a RuntimeError; on the processor it is only told in words.
    return isinstance(error, RuntimeError) and ("out of memory" in text or "not enough memory" in text)


def free(device: str) -> None:
    """Gives back what is not held any more."""
    gc.collect()
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
