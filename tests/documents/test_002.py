"""Every command line of document 002, word for word, from the folder `scripts/`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[1] / "scripts"

#: Lines that install the origin's package, or clone it: not ours to run.
NOT_RUN = ("pip install", "git clone", "cd EncHF_Dataset")

#: The example audit asks for features that the examples before it do not add: it must say so, and fail.
EXPECTED = {"--require tempo,bpm,key": (1, "missing_features")}


def documented() -> tuple[list[str], list[str]]:
    """The command lines of the steps, and those of the end-to-end example."""
    text = (HERE / "002.md").read_text(encoding="utf-8")
    steps, _, end_to_end = text.partition("## Typical End‑to‑End Example")
    lines = []
    for part in (steps, end_to_end):
        blocks = re.findall(r"```(?:bash)?\n(.*?)```", part, flags=re.DOTALL)
        found = [line.strip() for block in blocks for line in block.splitlines()]
        lines.append([line for line in found if line and not line.startswith(("#", *NOT_RUN))])
    return lines[0], lines[1]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A copy of `scripts/` with recordings in the folders that the document names."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    rng = np.random.default_rng(0)
    for folder in ("raw_wavs", "music", "raw"):
        for name in ("foo_pitch_64.00_amp_0.75.wav", "nested/foo_pitch_60.50_amp_0.25.wav"):
            path = tmp_path / "scripts" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.1 * rng.standard_normal(12_000), 44_100)
    return tmp_path / "scripts"


def run(line: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
    code, told = next((value for part, value in EXPECTED.items() if part in line), (0, ""))
    assert done.returncode == code, f"{line}\n{done.stdout}\n{done.stderr}"
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_document_has_the_lines_that_we_think() -> None:
    steps, end_to_end = documented()
    assert (len(steps), len(end_to_end)) == (10, 6)
    assert all(line.startswith("python s") for line in steps + end_to_end)


def test_the_lines_of_the_steps(workplace: Path, offline: dict[str, str]) -> None:
    for line in documented()[0]:
        run(line, workplace, offline)
    assert (workplace / "manifest.csv").exists()
    from datasets import load_from_disk

    table = load_from_disk(str(workplace / "hf_dataset"))["train"]
    assert sorted(table["audio"])[0] == "tokens/foo_pitch_64.00_amp_0.75.ecdc"


def test_the_end_to_end_example(workplace: Path, offline: dict[str, str]) -> None:
    for line in documented()[1]:
        run(line, workplace, offline)
    from soundwright.formats import conditions

    schema = conditions.read(workplace / "params")
    assert schema is not None
    assert set(schema.columns) == {"pitch", "amp"}
