"""What `music generate`, `music replay` and `music album` do around the making of tracks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, UsageError
from soundwright.core.extras import needs_extra
from soundwright.musicgen.checkpoints import Checkpoint
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.making import Item, Maker
from soundwright.musicgen.memory import free_memory
from soundwright.musicgen.model_shapes import ModelShape
from soundwright.musicgen.options import MachineOptions, SamplingOptions, parse_bytes
from soundwright.musicgen.outcome import Outcome
from soundwright.musicgen.outputs import file_digest
from soundwright.musicgen.plan import Plan, Work, make_plan, require_fit
from soundwright.musicgen.precision import resolve
from soundwright.musicgen.record import (
    FinishFacts,
    InputFacts,
    ModelFacts,
    Record,
    SamplingFacts,
    StyleFacts,
)
from soundwright.musicgen.track_request import TrackRequest
from soundwright.runs.events import Note, emit
from soundwright.runs.interrupt import catch_interrupts

if TYPE_CHECKING:
    from soundwright.musicgen.engine import Engine

#: Quieter than this all through, a file is silent: one step of 16 bits.
_SILENT = 1 / 32768


@dataclass(frozen=True)
class Setting:
    """One model on one device, before anything is loaded.

    Attributes:
        checkpoint: the weights.
        machine: where and how.
        device: resolved, e.g. cpu or cuda.
        precision: resolved.
    """

    checkpoint: Checkpoint
    machine: MachineOptions
    device: str
    precision: str


def settle(checkpoint: Checkpoint, machine: MachineOptions) -> Setting:
    """Resolves device and arithmetic.

    Raises:
        UsageError: there is no such device, or it has no such arithmetic.
        MissingExtra: torch or transformers are not installed.
    """
    machine.check()
    with needs_extra("music", "making music"):
        import scipy  # noqa: F401
        import torch  # noqa: F401
        import transformers  # noqa: F401

        from soundwright.core.device import resolve_device
    device = resolve_device(machine.device)
    return Setting(checkpoint, machine, device, resolve(machine.dtype, device, fsdp=machine.fsdp))


def record_of(
    request: TrackRequest,
    seed: int,
    setting: Setting,
    sampling: SamplingOptions,
    finish: FinishOptions,
    format: str,
    continue_from: Path | None = None,
    melody: Path | None = None,
) -> Record:
    """What the record of a track will say, before it is made.

    Raises:
        BadInput: a sound that goes in cannot be read.
    """
    checkpoint = setting.checkpoint
    style = None
    if request.style is not None and request.style_digest is not None:
        style = StyleFacts(name=request.style, digest=request.style_digest)
    return Record(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        style=style,
        duration_s=request.duration_s,
        seed=seed,
        model=ModelFacts(
            name=checkpoint.name,
            hub_id=checkpoint.hub_id,
            revision=checkpoint.revision,
            digest=checkpoint.digest(),
            licence=checkpoint.licence,
        ),
        sampling=SamplingFacts(**asdict(sampling)),
        precision=setting.precision,
        device=setting.device.partition(":")[0],
        continue_from=input_facts(continue_from),
        melody=input_facts(melody),
        finish=FinishFacts(**asdict(finish)),
        format=format,
    )


def input_facts(path: Path | None) -> InputFacts | None:
    """Path and digest of a sound that goes in.

    Raises:
        BadInput: it cannot be read.
    """
    return None if path is None else InputFacts(path=str(path), sha256=file_digest(path))


def plan_for(setting: Setting, sampling: SamplingOptions, records: list[Record]) -> tuple[Plan, int | None]:
    """Plans the memory of tracks, tells it, and refuses what does not fit.

    Raises:
        UsageError: it does not fit into the budget; the remedy names what would.
    """
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
        ranks=_ranks(machine),
    )
    plan = make_plan(setting.checkpoint.name, ModelShape.from_config(setting.checkpoint.config), work)
    if os.environ.get("RANK", "0") == "0":  # under torchrun the first process tells for all
        for line in plan.lines(budget):
            emit(Note(line))
    require_fit(plan, budget)
    return plan, budget


def _ranks(machine: MachineOptions) -> int:
    return max(1, int(os.environ.get("WORLD_SIZE", "1"))) if machine.fsdp else 1


@contextmanager
def engine_for(setting: Setting) -> Iterator[Engine]:
    """The engine of a setting; what it holds is freed at the end."""
    from soundwright.musicgen.engine import Engine

    machine = setting.machine
    engine = Engine(
        setting.checkpoint, device=setting.device, dtype=machine.dtype, fsdp=machine.fsdp, threads=machine.threads
    )
    try:
        yield engine
    finally:
        engine.close()


def agree(engine: Engine, seeds: list[int]) -> list[int]:
    """The first process's seeds, for all processes; waits for them all."""
    if engine.place.world_size == 1:
        return seeds
    from torch import distributed

    shared = list(seeds)
    distributed.broadcast_object_list(shared, src=0)
    return shared


def tell_cut_off(engine: Engine, items: list[Item]) -> None:
    """Warns of words that the text encoder will not read: its limit is 512 tokens."""
    for item in items:
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
    setting: Setting,
    items: list[Item],
    sampling: SamplingOptions,
    finish: FinishOptions,
    *,
    continue_from: Path | None = None,
    melody: Path | None = None,
    goes_on: bool = False,
) -> list[Outcome]:
    """Plans and makes tracks; the first Ctrl-C stops after what is saved.

    Raises:
        SoundwrightError: the plan does not fit, a sound cannot be used, or a track fails and `goes_on` is false.
    """
    if not items:
        return []
    plan, budget = plan_for(setting, sampling, [item.record for item in items])
    beginning = sound_for(continue_from, engine, "--continue-from")
    song = sound_for(melody, engine, "--melody")
    tell_cut_off(engine, items)
    with catch_interrupts("stopping; whole windows are saved, and --resume goes on from them") as interrupt:
        maker = Maker(
            engine,
            plan,
            budget,
            setting.machine,
            sampling,
            finish,
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
