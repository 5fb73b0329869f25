"""The command of document 003, word for word but for its folder, its size and its placeholder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TEXT = (HERE / "003.md").read_text(encoding="utf-8")
LICENCE = "CC-BY-NC-4.0"


def documented() -> str:
    (block,) = re.findall(r"```bash\n(.*?)```", TEXT, flags=re.DOTALL)
    return str(block)


@pytest.fixture(scope="module")
def hub_with_music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local hub cache in which `facebook/musicgen-small` is a tiny model with random weights."""
    home = tmp_path_factory.mktemp("hf")
    revision = "0" * 40
    repository = home / "hub/models--facebook--musicgen-small"
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from tiny_musicgen import build_tiny_musicgen; build_tiny_musicgen(Path(sys.argv[2]))"
    )
    folder = repository / "snapshots" / revision
    subprocess.run([sys.executable, "-c", program, ROOT / "tests/musicgen", folder], check=True, capture_output=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(revision)
    return home


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """What the image has as /workspace: a copy of `scripts/workspace/`."""
    return Path(shutil.copytree(ROOT / "scripts/workspace", tmp_path / "workspace"))


def run(command: str, workplace: Path, hub: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **os.environ,
        "HF_HOME": str(hub),
        "HF_HUB_OFFLINE": "1",
        "PATH": path,
        "OMP_NUM_THREADS": "1",
    }
    command = command.replace("/workspace/", f"{workplace}/")
    return subprocess.run(
        ["bash", "-euc", command], cwd=workplace.parent, env=environment, capture_output=True, text=True
    )


def test_the_document_has_the_command_that_we_think() -> None:
    assert documented().split()[:2] == ["python", "/workspace/generate_fsdp.py"]
    assert re.findall(r"--\w+", documented()) == ["--model", "--prompt", "--duration", "--output"]


def test_the_documented_command(workplace: Path, hub_with_music: Path) -> None:
    command = documented().replace("--duration 60", "--duration 2")
    done = run(command, workplace, hub_with_music)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    info = soundfile.info(workplace / "output/track.wav")
    assert (info.samplerate, info.frames, info.subtype) == (32_000, 64_000, "PCM_16")
    record = json.loads((workplace / "output/track.json").read_text())
    assert record["prompt"] == "<long descriptive style text>"
    assert record["model"]["hub_id"] == "facebook/musicgen-small"
    assert record["model"]["licence"] == LICENCE
    assert f"facebook/musicgen-small, licence {LICENCE} (not for commercial use)" in done.stdout


def test_the_default_durations_are_the_documents() -> None:
    from soundwright.musicgen.checkpoints import NAMES

    assert "Use 60 seconds for most small-model stems" in TEXT
    assert "Use 30 seconds for medium-model transitions" in TEXT
    assert (NAMES["small"].duration_s, NAMES["medium"].duration_s) == (60.0, 30.0)
    assert "treat it as experimental" in TEXT
    assert NAMES["large"].experimental


def test_all_flags_of_the_document_are_ours() -> None:
    import inspect

    from soundwright.musicgen.generate import generate

    flags = re.findall(r"^- `--(\w+)[ `:]", TEXT, flags=re.MULTILINE)
    assert flags == ["model", "prompt", "duration", "output"]
    assert set(flags) <= set(inspect.signature(generate).parameters)


@pytest.mark.full
def test_the_documented_command_at_its_full_length(workplace: Path, hub_with_music: Path) -> None:
    done = run(documented(), workplace, hub_with_music)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(workplace / "output/track.wav").frames == 60 * 32_000
    assert "2 of 3 windows are saved" in done.stderr


@pytest.mark.full
def test_the_documented_name_is_true_under_torchrun(workplace: Path, hub_with_music: Path) -> None:
    """Two processes that share the decoder out make the tokens of one, and the first writes for both."""
    words = "--model small --prompt bass --duration 1 --seed 3 --output /workspace/output"
    script = "/workspace/generate_fsdp.py"
    sharded = run(f"torchrun --nproc-per-node 2 {script} {words}/a.wav", workplace, hub_with_music)
    assert sharded.returncode == 0, sharded.stderr
    assert sharded.stdout.count("a.wav: ") == 1
    alone = run(f"python {script} {words}/b.wav --dtype float32", workplace, hub_with_music)
    assert alone.returncode == 0, alone.stderr
    a, b = (json.loads((workplace / f"output/{name}.json").read_text()) for name in "ab")
    assert a["engine"]["processes"] == 2
    assert a["sound"]["sha256_tokens"] == b["sound"]["sha256_tokens"]
