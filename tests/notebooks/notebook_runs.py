"""Runs a notebook of this project in a kernel of its own, with other parameters, and keeps the executed copy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SETUP = NOTEBOOKS / "01_fma_small_mini_setup.ipynb"
TRAIN = NOTEBOOKS / "02_audiocraft_train_compression_debug.ipynb"


class NotebookFailed(Exception):
    """A cell raised; the message has what papermill says of it."""


def execute(notebook: Path, executed: Path, parameters: dict[str, Any], environment: dict[str, str]) -> str:
    """Executes a notebook, and gives all that its cells printed.

    Args:
        notebook: of this project.
        executed: the copy with its outputs.
        parameters: name -> value, in place of those of the parameter cell.
        environment: of the kernel.

    Raises:
        NotebookFailed: a cell did.
    """
    executed.parent.mkdir(parents=True, exist_ok=True)
    values = executed.with_suffix(".yaml")
    values.write_text(json.dumps(parameters), encoding="utf-8")
    command = [sys.executable, "-m", "papermill", str(notebook), str(executed), "--parameters_file", str(values)]
    options = ["--kernel", "python3", "--cwd", str(NOTEBOOKS), "--no-progress-bar", "--execution-timeout", "1800"]
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotebookFailed(printed(executed) + done.stderr)
    return printed(executed)


def printed(executed: Path) -> str:
    """What the cells of an executed notebook printed."""
    notebook = json.loads(executed.read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")


def pictures(executed: Path) -> int:
    """How many pictures an executed notebook shows."""
    notebook = json.loads(executed.read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)
