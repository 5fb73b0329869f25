"""Notebook B in a kernel of its own, with a played AudioCraft: what it refuses, runs and shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from notebook_runs import TRAIN, NotebookFailed, execute, pictures
from played_audiocraft import Played


@pytest.fixture
def data(tmp_path: Path, played: Played) -> Path:
    """What Notebook A leaves behind, as far as Notebook B looks."""
    data = tmp_path / "data"
    for split in ("train", "valid"):
        (data / "egs" / split).mkdir(parents=True)
        (data / "egs" / split / "data.jsonl").write_text("{}\n")
    (played.repo / "config/dset/audio/fma_small_mini.yaml").touch()
    return data


@pytest.fixture
def parameters(data: Path, played: Played) -> dict[str, Any]:
    return {
        "AUDIOCRAFT_REPO_DIR": str(played.repo),
        "EXPERIMENTS_DIR": str(played.experiments),
        "DATA_DIR": str(data),
        "AUDIOCRAFT_VENV": str(played.python.parent.parent),
    }


def overrides(played: Played) -> list[list[str]]:
    return [call["arguments"][3:] for call in played.calls("-m dora run")]


@pytest.mark.timeout(240)
def test_notebook_b_trains_proves_and_shows(
    parameters: dict[str, Any], environment: dict[str, str], played: Played, tmp_path: Path
) -> None:
    text = execute(TRAIN, tmp_path / "executed.ipynb", {**parameters, "RERUN": True}, environment)
    (first, second) = overrides(played)
    document = (Path(__file__).parents[1] / "documents/000.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"```bash\n(python -m dora run .*?)```", document, flags=re.DOTALL)
    documented = command.replace("\\\n", " ").split()[4:]
    added = ["sample_rate=32000", "dataset.min_segment_ratio=1.0", "optim.epochs=2", "dataset.evaluate.num_samples=30"]
    assert first == [*documented, *added]
    assert [*second] == [word.replace("batch_size=8", "batch_size=4") for word in first]
    (call, _) = played.calls("-m dora run")
    variables = {name: call["variables"][name] for name in ("AUDIOCRAFT_TEAM", "AUDIOCRAFT_DORA_DIR", "USER")}
    assert variables == {"AUDIOCRAFT_TEAM": "default", "AUDIOCRAFT_DORA_DIR": str(played.experiments), "USER": "root"}

    last_run = json.loads((played.experiments / "last_run.json").read_text())
    assert f"XP id: {last_run['sig']}" in text
    assert f"log directory: {played.experiments}/xps/{last_run['sig']}" in text
    assert "Train | Epoch 1 | 1/2" in text, "the log is shown while it grows"
    assert "finished: 2 of 2 epochs" in text
    assert pictures(tmp_path / "executed.ipynb") == 1

    again = execute(TRAIN, tmp_path / "again.ipynb", parameters, environment)
    assert "it is finished: dora shows it again and trains nothing" in again


def test_without_caps_the_documents_bare_command_is_run(
    parameters: dict[str, Any], environment: dict[str, str], played: Played, tmp_path: Path
) -> None:
    none = dict.fromkeys(("SAMPLE_RATE", "MIN_SEGMENT_RATIO", "EPOCHS", "EVALUATE_NUM_SAMPLES"))
    execute(TRAIN, tmp_path / "executed.ipynb", {**parameters, **none}, environment)
    (ran,) = overrides(played)
    assert len(ran) == 9
    assert ran[-1] == "evaluate.every=1"


def test_without_a_gpu_it_trains_on_the_cpu_when_allowed(
    parameters: dict[str, Any], environment: dict[str, str], played: Played, tmp_path: Path
) -> None:
    played.switch(cuda={"error": "none"})
    with pytest.raises(NotebookFailed, match="run Notebook A"):
        execute(TRAIN, tmp_path / "refused.ipynb", parameters, environment)
    execute(TRAIN, tmp_path / "executed.ipynb", {**parameters, "REQUIRE_CUDA": False}, environment)
    (ran,) = overrides(played)
    assert ran[-1] == "device=cpu"


@pytest.mark.parametrize("missing", ["dset", "train", "valid", "environment", "package"])
def test_notebook_b_says_run_notebook_a(
    parameters: dict[str, Any], environment: dict[str, str], played: Played, data: Path, tmp_path: Path, missing: str
) -> None:
    match missing:
        case "dset":
            (played.repo / "config/dset/audio/fma_small_mini.yaml").unlink()
        case "environment":
            parameters["AUDIOCRAFT_VENV"] = str(tmp_path / "none")
        case "package":
            played.switch(audiocraft={"version": "", "file": None})
        case split:
            (data / "egs" / split / "data.jsonl").unlink()
    with pytest.raises(NotebookFailed, match="run Notebook A"):
        execute(TRAIN, tmp_path / "executed.ipynb", parameters, environment)
    assert overrides(played) == []


def test_a_training_that_fails_stops_the_notebook(
    parameters: dict[str, Any], environment: dict[str, str], played: Played, tmp_path: Path
) -> None:
    played.switch(fails_in_epoch=2, says="RuntimeError: CUDA out of memory. Tried to allocate 2 GiB\n")
    with pytest.raises(NotebookFailed, match="the GPU's memory is too small for this"):
        execute(TRAIN, tmp_path / "executed.ipynb", parameters, environment)
