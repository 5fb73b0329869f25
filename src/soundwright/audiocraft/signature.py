"""Which experiment a command line is: dora's own answer, asked of dora.

The signature is a digest of what the overrides change in the configuration, whatever their order, and some of them
(workers, threads, how often to generate) do not count. So the newest folder, or one with the same overrides, need not
be the one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

from soundwright.audiocraft.installation import Installation
from soundwright.core.errors import UsageError

#: Settings that are counted with here, and what they may be.
_NUMBERS: dict[str, tuple[type, ...]] = {
    "optim.epochs": (int,),
    "sample_rate": (int, float),
    "evaluate.every": (int, NoneType),
    "generate.every": (int, NoneType),
    "dataset.segment_duration": (int, float, NoneType),
    "dataset.min_segment_ratio": (int, float, NoneType),
    "dataset.valid.num_samples": (int, NoneType),
    "dataset.evaluate.num_samples": (int, NoneType),
}

#: What may not stand in a value of hydra's without quotes.
_NOT_FOR_HYDRA = re.compile(r"[^A-Za-z0-9_./+@% -]")


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
    check_experiments(experiments)
    answer = installation.ask("signature.py", *overrides, stand_ins=stand_ins, experiments=experiments)
    for name, kinds in _NUMBERS.items():
        value = answer["settings"][name]
        if isinstance(value, bool) or not isinstance(value, kinds):  # a bool would pass for an int
            raise UsageError(f"{name}={value} is no number", remedy="give one that AudioCraft can count with")
    return Plan(answer["sig"], Path(answer["folder"]), answer["settings"])


def check_experiments(experiments: Path) -> None:
    """Refuses a folder whose path dora cannot pass on: it hands it to hydra unquoted, as a setting.

    Raises:
        UsageError: hydra's grammar would read the path otherwise, or not at all.
    """
    strange = sorted(set(_NOT_FOR_HYDRA.findall(str(experiments.absolute()))))
    if strange:
        raise UsageError(
            f"dora cannot work in a folder with {' '.join(map(repr, strange))} in its path",
            path=experiments,
            remedy="choose a folder for experiments with letters from a to z, digits, and any of _ - . in its path",
        )
