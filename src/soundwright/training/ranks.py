"""Several processes that train one model: where each stands, what it sees, and what they must agree on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

_LAST_MESSAGE_S = 0.3


@dataclass
class Place:
    """Where a process stands: its rank among `world_size` processes."""

    rank: int = 0
    world_size: int = 1

    @classmethod
    def current(cls) -> Place:
        """The place in the process group, or (0, 1) where there is none."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    def wait(self) -> None:
        """Waits until every rank is here."""
        if self.world_size > 1:
            dist.barrier()


@contextmanager
def launched_ranks() -> Iterator[Place]:
    """Joins the process group that torchrun describes in the environment, and leaves it at the end.

    Without torchrun, or inside a group that exists already, it joins nothing. Yields the place in the group.
    """
    join = "RANK" in os.environ and "WORLD_SIZE" in os.environ and not dist.is_initialized()
    if join:
        dist.init_process_group("gloo")
    try:
        yield Place.current()
    finally:
        if join:
            leave_group()


def leave_group() -> None:
    """Leaves the process group.

    gloo's threads let go of the last message's tensors a moment after it has arrived, and need Python for that: a
    process that ends before is aborted ("terminate called without an active exception", pytorch/pytorch#179291).
    """
    time.sleep(_LAST_MESSAGE_S)
    dist.destroy_process_group()


def item_indices(step: int, micro_step: int, batch_size: int, accumulate: int, place: Place) -> range:
    """Global indices of the items of one rank's micro-batch; over ranks and micro-steps each index occurs once.

    >>> list(item_indices(1, 0, 2, 1, Place(1, 2)))
    [6, 7]
    """
    first = ((step * accumulate + micro_step) * place.world_size + place.rank) * batch_size
    return range(first, first + batch_size)


def average_gradients(parameters: list[nn.Parameter], place: Place) -> None:
    """Averages gradients over ranks in one message."""
    if place.world_size == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= place.world_size
    offset = 0
    for gradient in gradients:
        gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
        offset += gradient.numel()


def agree(progress: float, stop: bool, place: Place) -> tuple[float, bool]:
    """All ranks take the furthest progress and stop if any was asked to."""
    if place.world_size == 1:
        return progress, stop
    both = torch.tensor([progress, float(stop)], dtype=torch.float64)
    dist.all_reduce(both, op=dist.ReduceOp.MAX)
    return float(both[0]), bool(both[1])
