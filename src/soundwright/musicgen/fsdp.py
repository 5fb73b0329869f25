"""One decoder over several processes: each keeps a part of every block, and gathers a block when it is its turn.

All processes run the same tracks with the same noise, so that they draw the same tokens; only rank 0 writes. It is for
models that do not fit on one device: every column moves the whole decoder between the devices. To be resumed, the
saved tokens have to lie where all processes see them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from soundwright.core.errors import UsageError
from soundwright.musicgen.checkpoints import Checkpoint
from soundwright.musicgen.decoder import Decoder
from soundwright.musicgen.loading import load_decoder
from soundwright.musicgen.precision import Precision
from soundwright.training.ranks import Place, leave_group

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

#: Without a process group.
ALONE = Place()


@contextmanager
def joined(device: str) -> Iterator[Place]:
    """Joins the process group that torchrun describes in the environment, and leaves it at the end.

    Raises:
        UsageError: torchrun did not start this process.
    """
    if dist.is_initialized():
        yield Place.current()
        return
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        raise UsageError("--fsdp needs torchrun", remedy="start `torchrun --nproc-per-node N generate_fsdp.py ...`")
    if device.startswith("cuda"):
        torch.cuda.set_device(device_of(device, ALONE))
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Place.current()
    finally:
        leave_group()


def device_of(device: str, place: Place) -> str:
    """The GPU of this process among those of its machine; other devices are shared."""
    return f"cuda:{os.environ.get('LOCAL_RANK', place.rank)}" if device.startswith("cuda") else device


def load_sharded(checkpoint: Checkpoint, precision: Precision, device: str) -> Decoder:
    """This process's part of a decoder; all processes call it.

    A decoder is whole on the CPU until it is shared out. So the processes of a machine take turns, and the machine
    holds one whole decoder at a time besides the parts that are done; `plan.make_plan` counts that.
    """
    # Here and not above: importing it takes a second that nobody else has to wait.
    from torch.distributed.device_mesh import init_device_mesh

    mesh = init_device_mesh(device.partition(":")[0], (dist.get_world_size(),))
    decoder: Decoder | None = None
    for turn in range(_turns(device)):
        if turn == int(os.environ.get("LOCAL_RANK", dist.get_rank())):
            decoder = load_decoder(checkpoint, precision, "cpu")
            _shard(decoder, device, mesh)
        dist.barrier()
    assert decoder is not None
    return decoder


def _turns(device: str) -> int:
    """Processes of the machine that has the most."""
    here = torch.tensor(int(os.environ.get("LOCAL_WORLD_SIZE", dist.get_world_size())), device=device)
    dist.all_reduce(here, op=dist.ReduceOp.MAX)
    return int(here)


def _shard(decoder: Decoder, device: str, mesh: DeviceMesh) -> None:
    """Leaves this process its part of a decoder that was loaded on the CPU, and moves the rest to the device."""
    from torch.distributed.fsdp import fully_shard

    for block in decoder.blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(decoder, mesh=mesh)
    decoder.to(device)
    decoder.device, decoder.sharded = device, True


def agreed(cancelled: Callable[[], bool], place: Place, device: str) -> Callable[[], bool]:
    """Asks all processes: a signal reaches them at different columns, and they have to stop at the same one."""
    if place.world_size == 1:
        return cancelled

    def any_cancelled() -> bool:
        flag = torch.tensor(float(cancelled()), device=device)
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag)

    return any_cancelled
