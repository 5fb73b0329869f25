"""An experiment as dora keeps it: a folder named by the signature of its settings.

    xps/<signature>/.argv.json       the overrides it was started with
                    .hydra/          the resolved configuration
                    history.json     the metrics of every finished epoch, by stage
                    checkpoint.th    the weights after the last of them
                    solver.log.0     its log, over all its runs (train.log stays empty)
                    samples/         what it generated, and the references

The folder is made before training begins and outlives a crash, so that it is there proves nothing; what proves
something is in `proof.py`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from soundwright.core.errors import BadInput, UsageError

#: stage -> metric -> value
Epoch = dict[str, dict[str, float]]

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ANEW = "move it away; dora writes it anew"


@dataclass(frozen=True)
class Experiment:
    """What stands in an experiment's folder.

    Attributes:
        folder: `.../xps/<signature>`.
        overrides: what it was last started with.
        history: the metrics of its finished epochs.
        num_epochs: how many it is to have; None where its configuration is not there.
    """

    folder: Path
    overrides: tuple[str, ...]
    history: tuple[Epoch, ...]
    num_epochs: int | None

    @property
    def sig(self) -> str:
        """Dora's signature."""
        return self.folder.name

    @property
    def checkpoint(self) -> Path:
        """The weights; may not be there."""
        return self.folder / "checkpoint.th"

    @property
    def log(self) -> Path:
        """The log; may not be there."""
        return self.folder / "solver.log.0"

    @property
    def is_finished(self) -> bool:
        """Whether it has all its epochs and weights."""
        return self.num_epochs is not None and len(self.history) >= self.num_epochs and self.checkpoint.exists()

    @property
    def status(self) -> str:
        """How far it is, in a few words."""
        done, wanted = len(self.history), "?" if self.num_epochs is None else self.num_epochs
        if self.is_finished:
            return f"finished: {done} of {wanted} epochs"
        if done and not self.checkpoint.exists():
            return f"{done} of {wanted} epochs, but its checkpoint is gone"
        if done:
            return f"stopped after {done} of {wanted} epochs; the same command goes on from there"
        return "no epoch was finished"

    def curves(self) -> dict[str, dict[str, list[tuple[int, float]]]]:
        """Metric -> stage -> (epoch, value), for every number but durations; epochs count from 1."""
        curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
        for number, epoch in enumerate(self.history, start=1):
            for stage, metrics in epoch.items():
                for name, value in metrics.items():
                    if name != "duration" and isinstance(value, int | float):
                        curves.setdefault(name, {}).setdefault(stage, []).append((number, value))
        return curves

    def key_files(self) -> Iterator[Path]:
        """The files worth a look, those that are there."""
        names = ("solver.log.0", "history.json", "checkpoint.th", ".argv.json", ".hydra/config.yaml", "samples")
        yield from (self.folder / name for name in names if (self.folder / name).exists())

    def log_tail(self, num_lines: int = 10) -> list[str]:
        """The last lines of its log, without colours."""
        if not self.log.exists():
            return []
        return [
            plain(line) for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-num_lines:]
        ]


def read_experiment(folder: Path) -> Experiment:
    """Reads an experiment's folder.

    Raises:
        UsageError: there is no such folder.
        BadInput: a file in it is not what dora writes.
    """
    if not folder.is_dir():
        raise UsageError(
            "there is no such experiment", path=folder, remedy="list all: soundwright audiocraft xp --experiments DIR"
        )
    overrides = _json(folder / ".argv.json", [])
    history = _json(folder / "history.json", [])
    if not (isinstance(history, list) and all(map(_is_epoch, history))):
        raise BadInput(
            "is no history of dora: expected a list of epochs, each with its metrics by stage",
            path=folder / "history.json",
            remedy=_ANEW,
        )
    if not (isinstance(overrides, list) and all(isinstance(override, str) for override in overrides)):
        raise BadInput("is no list of settings", path=folder / ".argv.json", remedy=_ANEW)
    return Experiment(folder, tuple(overrides), tuple(history), _num_epochs(folder / ".hydra/config.yaml"))


def list_experiments(experiments: Path) -> list[Path]:
    """The folders of all experiments, by signature."""
    # Not the hidden ones: notebooks leave a .ipynb_checkpoints where a file was looked at.
    return sorted(path for path in (experiments / "xps").glob("[!.]*") if path.is_dir())


def non_finite(epoch: Epoch) -> list[str]:
    """The metrics of an epoch that are no finite numbers, as `stage.metric`."""
    return [
        f"{stage}.{name}"
        for stage, metrics in epoch.items()
        for name, value in metrics.items()
        if not isinstance(value, int | float) or not math.isfinite(value)
    ]


def plain(line: str) -> str:
    """A line of the log without the escapes for colour, which it contains even where none were wanted."""
    return _ESCAPE.sub("", line)


def _is_epoch(epoch: Any) -> bool:
    return isinstance(epoch, dict) and all(isinstance(metrics, dict) for metrics in epoch.values())


def _json(path: Path, absent: Any) -> Any:
    if not path.exists():
        return absent
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot be read: {error}", path=path, remedy=_ANEW) from error


def _num_epochs(path: Path) -> int | None:
    if not path.exists():
        return None
    try:
        return int(yaml.safe_load(path.read_text(encoding="utf-8"))["optim"]["epochs"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise BadInput(f"has no optim.epochs: {error}", path=path, remedy=_ANEW) from error
