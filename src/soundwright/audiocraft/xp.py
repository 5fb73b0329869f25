"""soundwright audiocraft xp: which experiment a command line is, how far it is, and what it measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundwright.audiocraft.experiment import Experiment, list_experiments, read_experiment
from soundwright.audiocraft.installation import Installation
from soundwright.audiocraft.look import look_at_modules, require_whole
from soundwright.audiocraft.signature import ask_dora
from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.runs import atomic
from soundwright.runs.output_file import make_room


@dataclass(frozen=True)
class Experiments:
    """Experiments to show, and what is wrong with those that cannot be read."""

    experiments: tuple[Experiment, ...]
    plot: Path | None = None
    failures: tuple[BadInput, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or 1 where one cannot be read."""
        return int(bool(self.failures))

    def lines(self) -> Iterator[str]:
        """One in full, or a line for each of many."""
        yield from (f"failed: {error}" for error in self.failures)
        if len(self.experiments) == 1:
            yield from _in_full(self.experiments[0])
        else:
            for experiment in self.experiments:
                yield f"{experiment.sig}  {experiment.status}  {' '.join(experiment.overrides)}"
        if self.plot:
            yield f"plot: {show_path(self.plot)}"


def xp(
    *overrides: str,
    experiments: Path,
    sig: str | None = None,
    repo: Path | None = None,
    python: Path | None = None,
    plot: Path | None = None,
) -> Experiments:
    """Shows an experiment of AudioCraft's: its id, folder, progress and metrics, and draws its losses.

    Which one is decided by dora's own signature: give it, or the settings of which dora is asked to make it. Without
    either, all experiments are listed.

    Args:
        overrides: The settings the experiment was run with; how many workers, and in which order, does not matter.
        experiments: Dora's folder, which has xps/ in it.
        sig: The signature, e.g. 78387a51; AudioCraft itself is not needed then.
        repo: AudioCraft's checkout. Default: the variable AUDIOCRAFT_REPO_DIR.
        python: The interpreter of AudioCraft's environment. Default: that of AUDIOCRAFT_VENV.
        plot: Write a picture of the losses to this PNG file.

    Raises:
        UsageError: there is no such experiment, or both settings and a signature were given.
        ProcessFailed: the settings are none of AudioCraft's.
        MissingExtra: a plot was asked for, and matplotlib is not installed.
    """
    if plot:
        make_room(plot, ending=".png")
    if sig and overrides:
        raise UsageError("both settings and --sig were given", remedy="give one of them")
    failures: list[BadInput] = []
    if sig or overrides:
        folder = experiments / "xps" / sig if sig else find(overrides, experiments, repo=repo, python=python)
        found = [read_experiment(folder)]
    else:
        found = []
        for folder in list_experiments(experiments):
            try:
                found.append(read_experiment(folder))
            except BadInput as error:
                failures.append(error)
        if not found and not failures:
            raise UsageError(
                "has no experiments in xps/", path=experiments, remedy="run: soundwright audiocraft run SETTINGS"
            )
    if plot:
        if len(found) != 1:
            raise UsageError("--plot draws one experiment", remedy="say which: --sig SIGNATURE")
        from soundwright.audiocraft.pictures import losses

        atomic.write_bytes(plot, losses(found[0]))
    return Experiments(tuple(found), plot, tuple(failures))


def find(
    overrides: tuple[str, ...], experiments: Path, *, repo: Path | None = None, python: Path | None = None
) -> Path:
    """The folder of the experiment that these settings are, by dora's own signature; it need not exist yet.

    Raises:
        UsageError: AudioCraft is not where it is said to be, or lacks something.
        ProcessFailed: the settings are none of AudioCraft's.
    """
    installation = Installation.locate(repo, python)
    installation.require_checkout()
    found = look_at_modules(installation)
    require_whole(found, installation)
    return ask_dora(installation, overrides, experiments, found.stand_ins).folder


def _in_full(experiment: Experiment) -> Iterator[str]:
    yield f"experiment {experiment.sig}: {experiment.status}"
    yield f"folder: {show_path(experiment.folder)}"
    yield f"settings: {' '.join(experiment.overrides)}"
    for number, epoch in enumerate(experiment.history, start=1):
        for stage, metrics in epoch.items():
            values = "  ".join(f"{name} {_short(value)}" for name, value in metrics.items() if name != "duration")
            duration_s = metrics.get("duration")
            duration = f"  ({duration_s:.1f} s)" if isinstance(duration_s, int | float) else ""
            yield f"epoch {number} {stage}: {values or 'done'}{duration}"
    for path in experiment.key_files():
        yield f"file: {show_path(path)}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)
