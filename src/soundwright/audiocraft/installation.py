"""AudioCraft's own interpreter, checkout and folder of experiments, and the environment in which it runs unpatched.

AudioCraft pins what cannot live beside this package, so it has an environment of its own, and everything that needs it
is a process there. What stands in that process's way is set aside from outside: variables, and stand-ins for packages
that are imported but not used, put in front of the path only where the real ones are absent or do not load.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundwright.audiocraft.failures import process_failed
from soundwright.core.errors import UsageError
from soundwright.core.threads import outside_environment

#: Scripts that AudioCraft's interpreter runs, and the stand-ins.
INSIDE = Path(__file__).parent / "inside"

_OF_A_CHECKOUT = ("audiocraft/__init__.py", "audiocraft/train.py", "config/config.yaml", "config/dset/audio")


@dataclass(frozen=True)
class Installation:
    """Where AudioCraft is.

    Attributes:
        repo: its checkout; the installed package lacks the configuration files, so a checkout is needed.
        python: the interpreter of its environment.
    """

    repo: Path
    python: Path

    @classmethod
    def locate(cls, repo: Path | None, python: Path | None) -> Installation:
        """Takes what is given, and the rest from the variables that the notebooks set.

        Raises:
            UsageError: neither says where, or there is nothing at that place.
        """
        venv = _from_variable("AUDIOCRAFT_VENV")
        repo = _existing(repo or _from_variable("AUDIOCRAFT_REPO_DIR"), "--repo", "AUDIOCRAFT_REPO_DIR")
        python = _existing(python or (venv / "bin/python" if venv else None), "--python", "AUDIOCRAFT_VENV")
        # An interpreter is not resolved: a virtual environment's is a link, and its place is what makes it one.
        return cls(repo.resolve(), python.absolute())

    def lacks(self) -> list[str]:
        """What a checkout has and the folder has not; what pip installs lacks the configuration."""
        return [name for name in _OF_A_CHECKOUT if not (self.repo / name).exists()]

    def require_checkout(self) -> None:
        """Refuses a folder that is no checkout: the interpreter may know another one, and would run that.

        Raises:
            UsageError: it is none.
        """
        if lacking := self.lacks():
            raise UsageError(
                f"is no checkout of AudioCraft, it lacks {', '.join(lacking)}",
                path=self.repo,
                remedy="give the clone as --repo; what pip installs has no config/",
            )

    def variables(self, stand_ins: tuple[str, ...] = (), experiments: Path | None = None) -> dict[str, str]:
        """The environment for AudioCraft's processes, over this process's own.

        Args:
            stand_ins: names of the packages that are replaced.
            experiments: dora's folder; without it, what the surrounding environment says.
        """
        values = outside_environment()
        # The first three would lead the other interpreter to this one's packages; the others, left by a launcher, would
        # make dora wait for processes that do not come.
        for name in ("PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "WORLD_SIZE", "RANK", "LOCAL_RANK"):
            values.pop(name, None)
        # The kernel of a notebook names a plotting backend that only this environment has.
        values.pop("MPLBACKEND", None)
        folders = [str(INSIDE / "stand_ins" / name) for name in stand_ins]
        values.update(
            # The checkout first: from its parent folder, `import audiocraft` finds an empty namespace package.
            PYTHONPATH=os.pathsep.join([str(self.repo), *folders]),
            USER=values.get("USER") or "root",  # absent in containers; AudioCraft's folders are named after it
            AUDIOCRAFT_TEAM=values.get("AUDIOCRAFT_TEAM") or "default",
            # Guessed from the name of the machine otherwise, and then missing in the configuration.
            AUDIOCRAFT_CLUSTER=values.get("AUDIOCRAFT_CLUSTER") or "default",
            # Its checkpoints hold configuration objects, which newer versions of PyTorch refuse by default.
            TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD="1",
            NO_COLOR="1",
            PYTHONUNBUFFERED="1",
            PYTHONWARNINGS="ignore",
        )
        if experiments is not None:
            values["AUDIOCRAFT_DORA_DIR"] = str(experiments.absolute())
        return values

    def ask(self, script: str, *arguments: str, stand_ins: tuple[str, ...] = (), **variables: Any) -> Any:
        """Runs a script of `inside/` and gives the JSON that it prints last.

        Raises:
            ProcessFailed: it ended badly, or printed something else.
        """
        environment = self.variables(stand_ins, **variables)
        try:
            done = subprocess.run(
                [str(self.python), str(INSIDE / script), *arguments],
                cwd=self.repo,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise UsageError(
                f"cannot be run: {error.strerror}", path=self.python, remedy="make its environment again"
            ) from error
        if done.returncode != 0:
            raise process_failed(done.stderr, f"{script} ended with code {done.returncode}", self.python)
        try:
            return json.loads(done.stdout.strip().rpartition("\n")[2])
        except ValueError as error:
            raise process_failed(done.stdout or done.stderr, f"{script} gave no answer", self.python) from error


def _existing(place: Path | None, option: str, variable: str) -> Path:
    notebook = "run notebooks/01_fma_small_mini_setup.ipynb"
    if place is None:
        raise UsageError(
            f"where AudioCraft is was not said: neither {option} nor {variable}",
            remedy=f"{notebook}, which installs it and says where",
        )
    if not place.exists():
        raise UsageError("does not exist", path=place, remedy=f"give {option}, or {notebook}")
    return place


def _from_variable(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None
