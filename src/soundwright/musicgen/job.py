"""What the tracks of one command have in common: model, device, sampling, level; and the record that follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from soundwright.core.digest import file_digest
from soundwright.core.errors import UsageError
from soundwright.core.extras import needs_extra
from soundwright.musicgen.checkpoints import Checkpoint
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.options import MachineOptions, SamplingOptions
from soundwright.musicgen.precision import resolve
from soundwright.musicgen.record import FinishFacts, InputFacts, ModelFacts, Record, SamplingFacts, StyleFacts
from soundwright.musicgen.track_request import TrackRequest


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


@dataclass(frozen=True)
class Job:
    """What the tracks of one model have in common.

    Attributes:
        setting: the model, and where.
        sampling: how tokens are drawn.
        finish: level and fades.
        continue_from: a recording that all go on from.
        melody: a recording whose melody all follow.
    """

    setting: Setting
    sampling: SamplingOptions
    finish: FinishOptions
    continue_from: Path | None = None
    melody: Path | None = None

    def check(self) -> None:
        """Refuses what the model or the sampler cannot do, before anything is written.

        Raises:
            UsageError: a number is out of range, a melody is for a model that takes none, or a window would go nowhere.
        """
        from soundwright.musicgen.engine import WINDOW_S
        from soundwright.musicgen.sampling import SamplingSettings, require_sound

        checkpoint = self.setting.checkpoint
        if self.melody is not None and not checkpoint.takes_melody:
            raise UsageError(
                f"--model {checkpoint.name} takes no melody",
                path=self.melody,
                remedy="use --model melody, or leave out --melody",
            )
        self.finish.check()
        require_sound(SamplingSettings(**asdict(self.sampling)), WINDOW_S)


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


def record_of(request: TrackRequest, seed: int, job: Job, format: str) -> Record:
    """What the record of a track will say, before it is made.

    Raises:
        BadInput: a sound that goes in cannot be read.
    """
    setting = job.setting
    style = None
    if request.style is not None and request.style_digest is not None:
        style = StyleFacts(name=request.style, digest=request.style_digest)
    return Record(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        style=style,
        duration_s=request.duration_s,
        seed=seed,
        model=model_facts(setting.checkpoint),
        sampling=SamplingFacts(**asdict(job.sampling)),
        precision=setting.precision,
        device=setting.device.partition(":")[0],
        continue_from=input_facts(job.continue_from),
        melody=input_facts(job.melody),
        finish=FinishFacts(**asdict(job.finish)),
        format=format,
    )


def model_facts(checkpoint: Checkpoint) -> ModelFacts:
    """Which weights; of a folder its whole path, since a record may be read from another folder."""
    folder = None if checkpoint.hub_id else checkpoint.folder.resolve()
    return ModelFacts(
        name=folder.name if folder else checkpoint.name,
        hub_id=checkpoint.hub_id,
        revision=checkpoint.revision,
        digest=checkpoint.digest(),
        licence=checkpoint.licence,
        folder=str(folder) if folder else None,
    )


def input_facts(path: Path | None) -> InputFacts | None:
    """Path and digest of a sound that goes in.

    Raises:
        BadInput: it cannot be read.
    """
    return None if path is None else InputFacts(path=str(path.resolve()), sha256=file_digest(path))
