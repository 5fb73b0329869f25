"""What `music generate`, `music replay` and `music album` do around the making of tracks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, UsageError
from soundwright.core.threads import limit_threads
from soundwright.musicgen.job import Job, Setting
from soundwright.musicgen.making import Item, Maker
from soundwright.musicgen.memory import free_memory
from soundwright.musicgen.model_shapes import ModelShape
from soundwright.musicgen.options import MachineOptions, parse_bytes
from soundwright.musicgen.outcome import Outcome
from soundwright.musicgen.plan import Plan, Work, make_plan, require_fit
from soundwright.musicgen.record import Record
from soundwright.runs.events import Note, emit
from soundwright.runs.interrupt import catch_interrupts

if TYPE_CHECKING:
    from soundwright.musicgen.engine import Engine

#: Quieter than this all through, a file is silent: one step of 16 bits.
_SILENT = 1 / 32768


_T = TypeVar("_T")


def plan_for(job: Job, records: list[Record]) -> tuple[Plan, int | None]:
    """Plans the memory of tracks, tells it, and refuses what does not fit.

    Raises:
        UsageError: it does not fit into the budget; the remedy names what would.
    """
    setting, sampling = job.setting, job.sampling
    machine = setting.machine
    given = machine.memory_budget
    budget = parse_bytes(given) if given is not None else free_memory(setting.device)
    # A token of T5 is at least three letters of most words.
    longest = max((len(record.prompt) for record in records), default=0)
    length_s = max((record.duration_s for record in records), default=0.0)
    known_s = 30.0 if any(record.continue_from for record in records) else 0.0
    if length_s > 30.0:
        known_s = max(known_s, 30.0 - sampling.extend_stride)
    work = Work(
        precision=setting.precision,
        device=setting.device,
        at_once=max(1, min(machine.at_once, len(records))),
        decode_chunk=machine.decode_chunk,
        duration_s=length_s,
        known_s=known_s,
        guided=sampling.cfg_coef != 1.0,
        prompt_tokens=min(512, longest // 3 + 8),
        ranks=_processes("WORLD_SIZE", machine),
        local_ranks=_processes("LOCAL_WORLD_SIZE", machine),
        recording_s=_seconds_of(job.continue_from),
    )
    plan = make_plan(setting.checkpoint.name, ModelShape.from_config(setting.checkpoint.config), work)
    if os.environ.get("RANK", "0") == "0":  # under torchrun the first process tells for all
        for line in plan.lines(budget):
            emit(Note(line))
    require_fit(plan, budget)
    return plan, budget


def _processes(variable: str, machine: MachineOptions) -> int:
    """How many processes torchrun started: in all, or on this machine."""
    return max(1, int(os.environ.get(variable, "1"))) if machine.fsdp else 1


def _seconds_of(recording: Path | None) -> float:
    if recording is None:
        return 0.0
    from soundwright.audio.files import probe

    info = probe(recording)
    return info.num_samples / info.sample_rate


@contextmanager
def engine_for(setting: Setting) -> Iterator[Engine]:
    """The engine of a setting; what it holds is freed at the end."""
    from soundwright.musicgen.engine import Engine

    machine = setting.machine
    with limit_threads(machine.threads):
        engine = Engine(setting.checkpoint, device=setting.device, dtype=machine.dtype, fsdp=machine.fsdp)
        try:
            yield engine
        finally:
            engine.close()


def agree(engine: Engine, decided: list[_T]) -> list[_T]:
    """What the first process decided, for all processes; waits for them all."""
    if engine.place.world_size == 1:
        return decided
    from torch import distributed

    shared = [decided]
    distributed.broadcast_object_list(shared, src=0)
    return shared[0]


def tell_cut_off(engine: Engine, items: list[Item]) -> None:
    """Warns of words that the text encoder will not read: its limit is 512 tokens."""
    for item in items if engine.place.rank == 0 else []:
        for what, prompt in (("prompt", item.record.prompt), ("negative prompt", item.record.negative_prompt)):
            cut = engine.cut_off(prompt) if prompt else ""
            if cut:
                emit(
                    Note(
                        f"warning: {item.output.name}: the {what} is too long for the model, which will not read: {cut}"
                    )
                )


def make_items(
    engine: Engine,
    job: Job,
    items: list[Item],
    *,
    planned: tuple[Plan, int | None] | None = None,
    goes_on: bool = False,
) -> list[Outcome]:
    """Plans and makes tracks; the first Ctrl-C stops after what is saved.

    Args:
        engine: of the job's model.
        job: what the tracks have in common.
        items: the tracks.
        planned: of the memory, where that was done and told before.
        goes_on: whether a batch goes on after a track that fails.

    Raises:
        SoundwrightError: the plan does not fit, a sound cannot be used, or a track fails and `goes_on` is false.
    """
    if not items:
        return []
    plan, budget = planned or plan_for(job, [item.record for item in items])
    beginning = sound_for(job.continue_from, engine, "--continue-from")
    song = sound_for(job.melody, engine, "--melody")
    tell_cut_off(engine, items)
    with catch_interrupts("stopping; whole windows are saved, and the same command goes on from them") as interrupt:
        maker = Maker(
            engine,
            plan,
            budget,
            job.setting.machine,
            job.sampling,
            job.finish,
            beginning=beginning,
            melody=song,
            cancelled=lambda: interrupt.requested,
            goes_on=goes_on,
        )
        return maker.make(items)


def sound_for(path: Path | None, engine: Engine, option: str) -> NDArray[np.float32] | None:
    """A sound that goes in, float32 `[C, N]` at the model's rate.

    Raises:
        BadInput: it cannot be read, or is silent.
        UsageError: it does not exist.
    """
    if path is None:
        return None
    from soundwright.audio.files import read_audio

    if not path.is_file():
        raise UsageError(f"{option}: no such file", path=path, remedy="give a recording")
    samples = read_audio(path, sample_rate=engine.sample_rate)
    if not samples.size or float(np.abs(samples).max()) < _SILENT:
        raise BadInput(f"{option}: is silent", path=path, remedy="give a recording in which something sounds")
    return samples
