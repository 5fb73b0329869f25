"""The notebooks are those that document 000 describes: its sections, parameters, kinds of cells, commands."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "tests/documents/000.md").read_text(encoding="utf-8")
SETUP, TRAIN = "01_fma_small_mini_setup", "02_audiocraft_train_compression_debug"
PARTS = dict(zip((SETUP, TRAIN), re.split(r"^# Notebook [AB]: .*$", DOCUMENT, flags=re.MULTILINE)[1:], strict=True))


def cells(name: str) -> list[dict[str, Any]]:
    notebook = json.loads((ROOT / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))
    return [{**cell, "source": "".join(cell["source"])} for cell in notebook["cells"]]


def sections(name: str) -> dict[str, list[dict[str, Any]]]:
    """Title -> code cells."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in cells(name):
        title = re.match(r"## (.*)", cell["source"]) if cell["cell_type"] == "markdown" else None
        if title:
            found[title[1]] = []
        elif cell["cell_type"] == "code":
            found[next(reversed(found))].append(cell)
    return found


def documented_sections(name: str) -> dict[str, str]:
    """Title -> the kind of cell that the document wants, as it says it."""
    titles = re.findall(r"^### (\d+\. .*?)(?: \(([^)]*)\))?$", PARTS[name], flags=re.MULTILINE)
    return dict(titles)


def parameters(name: str) -> dict[str, Any]:
    (cell,) = [cell for cell in cells(name) if "parameters" in cell["metadata"].get("tags", [])]
    values: dict[str, Any] = {}
    exec(compile(cell["source"], name, "exec"), values)
    return {key: value for key, value in values.items() if key.isupper()}


@pytest.mark.parametrize("name", [SETUP, TRAIN])
def test_the_sections_are_the_documents(name: str) -> None:
    assert list(sections(name)) == list(documented_sections(name))


@pytest.mark.parametrize("name", [SETUP, TRAIN])
def test_a_cell_is_of_the_kind_that_the_document_says(name: str) -> None:
    for title, kind in documented_sections(name).items():
        magic = [cell["source"].startswith("%%bash") for cell in sections(name)[title]]
        if "%%bash" in kind:
            assert any(magic), title
        if "Python" in kind:
            assert not all(magic), title


@pytest.mark.parametrize("name", [SETUP, TRAIN])
def test_the_parameters_have_the_documents_names_and_values(name: str) -> None:
    text = PARTS[name].partition("### 1.")[0]
    documented = re.findall(r"^- `([A-Z_]+)=?([^`]*)`", text, flags=re.MULTILINE)
    assert len(documented) > 8
    values = parameters(name)
    for key, value in documented:
        assert key in values
        if value:  # NUM_SAMPLES_TOTAL has none, "e.g., 100 tracks"
            assert str(values[key]) == value, key


@pytest.mark.parametrize("name", [SETUP, TRAIN])
def test_cells_are_short_sound_and_without_output(name: str) -> None:
    for cell in cells(name):
        assert len(cell["source"].splitlines()) <= 40
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            if not cell["source"].startswith("%%bash"):
                ast.parse(cell["source"])


def test_the_documents_training_command_is_run() -> None:
    (command,) = re.findall(r"```bash\n(python -m dora run .*?)```", PARTS[TRAIN], flags=re.DOTALL)
    settings = command.replace("\\\n", " ").split()[4:]
    assert len(settings) == 9
    (cell,) = sections(TRAIN)["2. Run training via Dora"]
    values = {key: str(value) for key, value in parameters(TRAIN).items()}
    run = re.sub(r'"\$([A-Z_]+)"', lambda match: values.get(match[1], match[0]), cell["source"])
    assert run.replace("\\\n", " ").partition("last_run.json")[2].split()[1:] == [*settings, "$ADDED"]
    for variable in ("AUDIOCRAFT_TEAM=default", "AUDIOCRAFT_DORA_DIR=", "USER=root"):
        assert f"export {variable}" in cell["source"]


def test_the_caps_are_visible_parameters() -> None:
    values = parameters(TRAIN)
    assert (values["SAMPLE_RATE"], values["MIN_SEGMENT_RATIO"]) == (32000, 1.0)
    assert (values["EPOCHS"], values["EVALUATE_NUM_SAMPLES"]) == (2, 30)


def test_the_documents_packages_are_installed() -> None:
    apt = sections(SETUP)["1. System dependencies"][0]["source"]
    for package in re.findall(r"lib\w+-dev|pkg-config|ffmpeg", PARTS[SETUP].partition("### 2.")[0]):
        assert package in apt
    pip = sections(SETUP)["2. Python deps"][0]["source"]
    for line in ("torch torchvision torchaudio --index-url https://download.pytorch.org/whl/cu121", "dora-search"):
        assert line in pip
