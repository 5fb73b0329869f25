"""Checkpoints that stand whole or not at all, and that resume a run exactly.

A checkpoint is one file of tensors and plain containers, written beside its place, synced and renamed. It is read
with `weights_only=True`, so a checkpoint from a stranger cannot run code.
"""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import torch

from soundwright.core.errors import BadInput
from soundwright.runs import atomic

_PATTERN = "step-*.ckpt"


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], *, keep: int = 2) -> Path:
    """Writes `folder/step-<step>.ckpt` atomically and removes all but the `keep` newest checkpoints."""
    path = folder / f"step-{step:08d}.ckpt"
    with atomic.atomic_path(path) as temporary:
        torch.save({**state, "step": step}, temporary)
    for old in sorted(folder.glob(_PATTERN))[:-keep]:
        old.unlink()
    return path


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint in `folder`, or None. A write that was cut off has another name."""
    return max(folder.glob(_PATTERN), default=None)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint.

    Raises:
        BadInput: the file is no checkpoint of this package.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadInput(
            f"expected a training checkpoint, found something else ({type(error).__name__})",
            path=path,
            remedy="delete it: the run resumes from the checkpoint before, or from the start",
        ) from error
    if not isinstance(state, dict) or "step" not in state:
        raise BadInput("expected a training checkpoint, found another torch file", path=path)
    return state


def random_states() -> dict[str, Any]:
    """The states of torch's and Python's global generators, in containers that need no pickle to rebuild."""
    version, internal, gauss = random.getstate()
    states: dict[str, Any] = {"torch": torch.get_rng_state(), "python": json.dumps([version, internal, gauss])}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """Restores what `random_states` returned."""
    torch.set_rng_state(states["torch"])
    version, internal, gauss = json.loads(states["python"])
    random.setstate((version, tuple(internal), gauss))
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
