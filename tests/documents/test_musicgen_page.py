"""docs/musicgen.md: its commands as written, with a tiny random model in place of Meta's and one second of music."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from soundwright.cli.root import run
from soundwright.musicgen.compose import compose
from soundwright.musicgen.style_folders import STYLES, VARIABLE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/musicgen.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tests/musicgen"))
        from tiny_musicgen import build_tiny_musicgen

        built: Path = build_tiny_musicgen(folder)
    return built


@pytest.fixture
def desk(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the reader of the page sits: beside a model and the scripts."""
    (tmp_path / "my-model").symlink_to(tiny_model)
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads of processes that wait for each other take many times longer
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def small(command: str) -> str:
    """The command with the tiny model and little to make."""
    command = re.sub(r"--model (small|medium)", "--model my-model --threads 1", command)
    command = re.sub(r"-duration \d+", "-duration 1", command)
    return command if "--duration" in command or "music generate" not in command else f"{command} --duration 1"


def printed(command: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Runs a command line; what is plain `soundwright` in this process, where torch is loaded once."""
    if inner := re.search(r'"\$\((.*?)\)"', command):
        command = command.replace(inner[0], shlex.quote(printed(inner[1], capfd).rstrip("\n")))
    plain = command.startswith("soundwright ") and not re.search(r" (>|\|\|) ", command)
    code = run(shlex.split(command)[1:]) if plain else subprocess.run(["bash", "-euc", command]).returncode
    told = capfd.readouterr()
    assert code == 0, f"{command}\n{told.out}\n{told.err}"
    return told.out


def test_the_commands_of_the_page(desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = {}
    for language, text in BLOCKS:
        if language == "bash":
            for command in text.splitlines():
                told[command] = printed(small(command), capfd)
        elif language == "yaml":
            (desk / re.match(r"# file: (\S+)\n", text)[1]).write_text(text)  # type: ignore[index]
        elif language == "toml":
            assert list(tomllib.loads(text)["project"]["entry-points"]) == [STYLES]
    checked = next(text for command, text in told.items() if "cool singer" in command)
    assert "asks for singer" in checked
    assert checked.endswith("to be mended\n")
    waltz = next(text for command, text in told.items() if "slow-waltz" in command)
    assert "around 86 BPM" in waltz
    assert "celesta" not in waltz.lower()
    tested = next(text for command, text in told.items() if "run_tests.sh" in command)
    assert "1 passed, 0 failed, 2 skipped" in tested
    made = {path.name for path in desk.glob("**/*.wav")}
    assert made == {"stem.wav", "house.wav", "drone.wav", "test_small.wav"}


def test_the_documented_command_of_the_image(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = re.sub(r"\s*\\\n\s*", " ", PAGE)
    (command,) = re.findall(r"(?<=audiocraft:large.community python )/workspace/generate_fsdp.py .*", page)
    command = command.replace("/workspace/output", str(desk)).replace("/workspace", str(ROOT / "scripts/workspace"))
    monkeypatch.setattr(sys, "argv", shlex.split(small(command)))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(sys.argv[0], run_name="__main__")
    assert ended.value.code == 0
    assert (desk / "track.wav").exists()


def test_the_example_is_what_the_style_gives() -> None:
    quoted = re.search(r"After:\n\n((?:> .*\n)+)", PAGE)
    assert quoted
    assert " ".join(quoted[1].replace("> ", "").split()) == compose("techno", "small").prompt


def test_the_build_arguments_are_those_of_the_dockerfile() -> None:
    declared = set(re.findall(r"^ARG (\w+)", (ROOT / "docker/Dockerfile").read_text(), flags=re.MULTILINE))
    table = PAGE[PAGE.index("| build argument |") : PAGE.index("The CUDA libraries")]
    named = set(re.findall(r"`([A-Z_]+)`", table))
    assert named == declared - {"VERSION", "REVISION"}
