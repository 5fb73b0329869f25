"""scripts/run_tests.sh with a Docker that is played, and without; docs/musicgen.md runs it with a model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/run_tests.sh"

#: Writes down what it is asked, and does what PLAYED says: a word per thing that does not work. A generated clip is a
#: tone; the programs that would run in the image run here.
DOCKER = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> "$LOG"
case "$1" in
  info) [[ $PLAYED != *info* ]] ;;
  build) [[ $PLAYED != *build* ]] ;;
  run)
    case "$*" in
      *create_connection*) [[ $PLAYED != *network* ]] ;;
      *checkpoints*) [[ $PLAYED != *cache* ]] ;;
      *"music preload"*) [[ $PLAYED != *preload* ]] ;;
      *"styles compose"*) echo "A prompt." ;;
      *) [[ $PLAYED != *clip* ]] ;;
    esac ;;
esac
"""


def run(folder: Path, *arguments: object, played: str | None = None) -> tuple[int, list[str], list[str]]:
    """Exit code, what the script says (not what its steps print), and what Docker was asked."""
    docker, log = folder / "docker", folder / "asked.txt"
    if played is not None:
        docker.write_text(DOCKER)
        docker.chmod(0o755)
    log.write_text("")
    done = subprocess.run(
        [SCRIPT, "--output", folder / "out", "--cache", folder / "cache", *map(str, arguments)],
        env={**os.environ, "DOCKER": str(docker), "PYTHON": sys.executable, "LOG": str(log), "PLAYED": played or ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    said = [line for line in done.stdout.splitlines() if line.split(" ")[0] in ("skip", "run", "passed", "FAILED")]
    return done.returncode, [*said, done.stdout.splitlines()[-1], done.stderr], log.read_text().splitlines()


def test_a_clip_that_cannot_be_made_fails(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/config.json").write_text("{}")
    code, said, _ = run(tmp_path, "--local", tmp_path / "broken", "--only", "small", "--no-python")
    assert code == 1
    assert "0 passed, 1 failed, 2 skipped" in said


def test_without_docker_each_thing_that_is_left_out_says_why(tmp_path: Path) -> None:
    code, said, _ = run(tmp_path, "--no-python")
    assert code == 1  # nothing ran, so nothing is proven
    assert [line.split(":")[0] for line in said if line.startswith("skip")] == [
        "skip    image",
        "skip    preload",
        "skip    clips small medium",
        "skip    Python tests",
    ]
    assert f"there is no {tmp_path / 'docker'} here" in said[0]
    code, said, asked = run(tmp_path, "--no-python", played="info")
    assert (code, asked) == (1, ["info"])
    assert "does not answer" in said[0]


def test_with_docker(tmp_path: Path) -> None:
    code, said, asked = run(tmp_path, "--no-python", played="")
    assert code == 0, said
    assert [line for line in said if line.startswith("passed")] == [
        "passed  image soundwright-music:cuda",
        "passed  what is installed in the image",
        "passed  preload small medium",
        "passed  clip small, 60 s",
        "passed  clip medium, 30 s",
    ]
    build = asked[1]
    assert "-t audiocraft:large.community --build-arg ACCELERATOR=cuda" in build
    made = [line for line in asked if "generate_fsdp.py" in line]
    assert [line.split("--prompt")[1] for line in made] == [
        " A prompt. --duration 60 --seed 1 --output /workspace/output/test_small.wav",
        " A prompt. --duration 30 --seed 1 --output /workspace/output/test_medium.wav",
    ]
    assert all("--gpus all" in line and f"{tmp_path / 'cache'}:/cache" in line for line in made)
    assert sum("check_clip.py" in line for line in asked) == 2
    assert not any(" -t " in line or "-it" in line.split() for line in asked if line.startswith("run"))
    _, _, asked = run(tmp_path, "--no-python", "--accelerator", "cpu", played="")
    assert not any("--gpus" in line for line in asked)


def test_a_build_that_fails_is_not_replaced_by_another_image(tmp_path: Path) -> None:
    code, said, asked = run(tmp_path, "--no-python", played="build")
    assert code == 1
    assert "FAILED  image soundwright-music:cuda" in said
    assert not any(line.startswith("run") for line in asked)


@pytest.mark.parametrize(
    ("played", "code", "count"),
    [
        ("network", 0, "4 passed, 0 failed, 2 skipped"),  # the cache was filled before
        ("network cache", 0, "2 passed, 0 failed, 4 skipped"),
        ("preload cache", 1, "2 passed, 1 failed, 3 skipped"),
        ("clip", 1, "2 passed, 3 failed, 1 skipped"),
    ],
)
def test_what_does_not_work_is_skipped_or_fails(played: str, code: int, count: str, tmp_path: Path) -> None:
    got, said, _ = run(tmp_path, "--no-python", played=played)
    assert (got, said[-2]) == (code, count)


@pytest.mark.parametrize(
    "arguments", [["--wrong"], ["--local"], ["--accelerator", "tpu"], ["--local", "."], ["--only", "large"]]
)
def test_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run([SCRIPT, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert subprocess.run([SCRIPT, "--help"], cwd=tmp_path, capture_output=True, text=True).stdout.count("\n") > 8
