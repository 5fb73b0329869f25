"""Is an error a lack of memory? PyTorch says so in several ways. And what to tell where nothing smaller is left."""

from __future__ import annotations

import contextlib
import gc
from dataclasses import replace
from pathlib import Path

from soundwright.core.errors import BadInput
from soundwright.musicgen.plan import Plan, flags, make_plan, nearest_fit
from soundwright.musicgen.record import state_path

#: cuBLAS has words of its own.
_WORDS = ("out of memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the processor or on the GPU."""
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    # torch.OutOfMemoryError is a RuntimeError; on the processor it is only told in words.
    return isinstance(error, RuntimeError) and any(words in text for words in _WORDS)


def free(device: str, error: BaseException) -> None:
    """Gives back what is not held any more after an error, whose frames hold the tensors that filled the memory."""
    with contextlib.suppress(AttributeError):
        error.__traceback__ = None
        error.__context__ = None
    gc.collect()
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()


def no_room_for_tokens(plan: Plan, output: Path) -> BadInput:
    """For a track that was tried alone. What is smaller makes other music, for which what is saved is of no use."""
    least = make_plan(plan.name, plan.shape, replace(plan.work, at_once=1, decode_chunk=1))
    smaller = nearest_fit(least, least.peak - 1)
    saved = state_path(output).is_file()
    remedy = f"free some memory and give the same command{', which goes on' if saved else ''}"
    if smaller:
        remedy += f"; or make other music with {flags(least, smaller)}{' --overwrite' if saved else ''}"
    kept = "; whole windows are saved" if saved else ""
    return BadInput(f"memory ran out, and it was the only track{kept}", path=output, remedy=remedy)


def no_room_for_sound(output: Path) -> BadInput:
    """For a track whose tokens are there."""
    return BadInput(
        "memory ran out even for the smallest piece of sound; the tokens are saved",
        path=output,
        remedy="free some memory; the same command goes on from there",
    )
