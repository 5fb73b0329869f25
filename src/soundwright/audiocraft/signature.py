"""Which experiment a command line is: dora's own answer, asked of dora.

The signature is a digest of what the overrides change in the configuration, whatever their order, and some of them
(workers, threads, how often to generate) do not count. So the newest folder, or one with the same overrides, need not
be the one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundwright.audiocraft.installation import Installation
from soundwright.core.errors import UsageError


@dataclass(frozen=True)
class Plan:
    """What a command line will run.

    Attributes:
        sig: dora's signature.
        folder: of the experiment; made by its first run.
        settings: name -> value, resolved, of the settings listed in `inside/signature.py`.
    """

    sig: str
    folder: Path
    settings: dict[str, Any]

    @property
    def num_epochs(self) -> int:
        """How many epochs the experiment is to have."""
        return int(self.settings["optim.epochs"])

    def stages_of(self, epoch: int) -> list[str]:
        """The stages that are due in an epoch (from 1): evaluation and generation come every few, and in the last."""
        stages = ["train", "valid"]
        for stage in ("evaluate", "generate"):
            every = self.settings[f"{stage}.every"]
            if epoch == self.num_epochs or (every and epoch % int(every) == 0):
                stages.append(stage)
        return stages


def check_overrides(overrides: Sequence[str]) -> None:
    """Refuses what dora would stop at with an assertion, or take for an option of its own.

    Raises:
        UsageError: one of them is not of the form name=value.
    """
    for override in overrides:
        if "=" not in override or override.startswith("-"):
            raise UsageError(f"{override!r} is no setting", remedy="write settings as name=value, e.g. optim.epochs=2")


def ask_dora(
    installation: Installation, overrides: Sequence[str], experiments: Path, stand_ins: tuple[str, ...]
) -> Plan:
    """Asks dora for the experiment of these overrides; takes as long as AudioCraft takes to load, some 6 s.

    Raises:
        UsageError: one of them is not of the form name=value.
        ProcessFailed: the configuration does not have what they name, or AudioCraft does not load.
    """
    check_overrides(overrides)
    answer = installation.ask("signature.py", *overrides, stand_ins=stand_ins, experiments=experiments)
    return Plan(answer["sig"], Path(answer["folder"]), answer["settings"])
