"""Every command line of document 001, word for word but for its folder and its size, from the folder `scripts/`."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[1] / "scripts"

#: What makes a training small enough for a test; a value that the line gives itself is replaced.
CAPS = {"--training_steps": "2", "--batch_size": "2", "--num_chunks": "4", "--log_every": "2"}
#: 128 features cannot be shared out among 12 heads; the original made that 120 without a word.
CANNOT_HOLD = {
    "--num_heads 12": "embedding_dim must be divisible by num_heads, got 128 and 12 -> use --num_heads 8 or 16"
}


def documented() -> list[str]:
    text = (HERE / "001.md").read_text(encoding="utf-8")
    block = text.partition("### 3. Usage Examples")[2].split("```")[1]
    return [line for line in block.splitlines() if line.startswith("python ")]


def capped(line: str, audio: Path) -> list[str]:
    words = [str(audio) if word == "/path/to/audio" else word for word in shlex.split(line)]
    for flag, value in CAPS.items():
        if flag in words:
            words[words.index(flag) + 1] = value
        else:
            words += [flag, value]
    return words


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A copy of `scripts/`, and recordings."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    (tmp_path / "audio").mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        samples = 0.1 * rng.standard_normal((1500, 1 + i % 2))
        soundfile.write(tmp_path / "audio" / f"{i}.wav", samples, 16_000)
    return tmp_path


def run(words: list[str], workplace: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    offline = {**environment, "WANDB_MODE": "offline", "WANDB_SILENT": "true", "OMP_NUM_THREADS": "1"}
    return subprocess.run(words, cwd=workplace / "scripts", env=offline, capture_output=True, text=True)


def test_the_document_has_the_lines_that_we_think() -> None:
    assert len(documented()) == 6
    assert all(line.startswith("python train_audio.py --audio_dir /path/to/audio") for line in documented())


@pytest.mark.parametrize("line", documented())
def test_a_documented_line(line: str, workplace: Path, offline: dict[str, str]) -> None:
    done = run(capped(line, workplace / "audio"), workplace, offline)
    told = next((told for part, told in CANNOT_HOLD.items() if part in line), None)
    assert done.returncode == (2 if told else 0), done.stderr
    assert "Traceback" not in done.stderr
    model = "models/my_experiment" if "my_experiment" in line else "audio_model"
    if told:
        assert told in done.stderr
        assert not (workplace / "scripts" / f"{model}.npz").exists()
        return
    with np.load(workplace / "scripts" / f"{model}.npz", allow_pickle=False) as file:
        assert "config" in file.files
    log = (workplace / "scripts" / f"{model}_training.log").read_text()
    assert "Found 2 training files and 1 validation files" in log
    assert ("All audio files will be processed as mono" in log) == ("--channels" not in line)
    assert "Final loss: " in log


def test_all_flags_and_defaults_of_the_document_are_ours() -> None:
    import inspect

    from soundwright.lossless.lm.train import train

    text = (HERE / "001.md").read_text(encoding="utf-8")
    flags = re.findall(r"^\d+\. \*\*`--(\w+)`\*\* \((\w+), (?:default=)?([^)]+)\)", text, flags=re.MULTILINE)
    assert len(flags) == 18
    ours = inspect.signature(train).parameters
    for name, _, default in flags:
        expected = {"required": inspect.Parameter.empty, "optional": None}.get(default, default.strip('"'))
        found = ours[name].default
        if isinstance(expected, str):
            assert type(found)(eval(expected) if isinstance(found, bool | int | float) else expected) == found, name
        else:
            assert found is expected, name


def test_the_imports_of_the_document_work(workplace: Path, offline: dict[str, str]) -> None:
    program = (
        "from data_paths import get_train_paths, get_valid_paths, detect_audio_format, get_audio_files_with_format\n"
        f"folder = {str(workplace / 'audio')!r}\n"
        "files, kind = get_audio_files_with_format(folder)\n"
        "assert kind == 'mono' and len(files) == 3, files\n"
        "assert detect_audio_format(folder)['recommended_format'] == 'mixed'\n"
        "assert sorted(get_train_paths(folder) + get_valid_paths(folder)) == sorted(files)\n"
    )
    done = run([sys.executable, "-c", program], workplace, offline)
    assert done.returncode == 0, done.stderr
