"""Whether AudioCraft can train here, asked of a played one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from played_audiocraft import Played

from soundwright.audiocraft.doctor import Diagnosis, doctor
from soundwright.cli.root import run as run_command


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing but the tools that are wanted."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("git", "ffmpeg", "ffprobe"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def found(diagnosis: Diagnosis, kind: str) -> list[str]:
    return [finding.text for finding in diagnosis.findings if finding.kind == kind]


def test_everything_is_fine(played: Played) -> None:
    (played.repo / "config/dset/audio/mine.yaml").touch()
    diagnosis = doctor(**played.places, dset="audio/mine", require_cuda=True)
    assert diagnosis.exit_code == 0
    assert {finding.kind for finding in diagnosis.findings} == {"ok"}
    lines = list(diagnosis.lines())
    assert lines[:3] == ["ok       ffmpeg", "ok       git", "ok       ffprobe"]
    assert f"ok       checkout {played.repo}" in lines
    assert f"ok       import audiocraft: 1.3.0 in {played.repo}/audiocraft/__init__.py" in lines
    assert "ok       GPU a GPU" in lines


def test_the_variables_of_the_notebooks_say_where(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOCRAFT_REPO_DIR", str(played.repo))
    monkeypatch.setenv("AUDIOCRAFT_VENV", str(played.python.parent.parent))
    assert doctor().exit_code == 0


def test_nobody_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["audiocraft", "doctor"]) == 1
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith(
        "missing  AudioCraft: where AudioCraft is was not said: neither --repo nor AUDIOCRAFT_REPO_DIR"
    )
    assert "notebooks/01_fma_small_mini_setup.ipynb" in last


@pytest.mark.parametrize("option", ["repo", "python"])
def test_a_place_that_is_not_there(played: Played, tmp_path: Path, option: str) -> None:
    (text,) = found(doctor(**{**played.places, option: tmp_path / "nowhere"}), "missing")
    assert text.startswith(f"AudioCraft: {tmp_path}/nowhere: does not exist -> give --{option}")


def test_an_interpreter_that_is_none(played: Played) -> None:
    played.python.write_text("no program")
    (text,) = found(doctor(**played.places), "missing")
    assert "cannot be run: Exec format error -> make its environment again" in text
    played.python.chmod(0o644)
    (text,) = found(doctor(**played.places), "missing")
    assert "cannot be run: Permission denied" in text


def test_an_interpreter_that_breaks_off(played: Played) -> None:
    played.python.write_text(f"#!{sys.executable} -I\nimport sys; sys.exit('libpython is gone')\n")
    (text,) = found(doctor(**played.places), "missing")
    assert "look.py ended with code 1: libpython is gone" in text
    played.python.write_text(f"#!{sys.executable} -I\nprint('hello')\n")
    (text,) = found(doctor(**played.places), "missing")
    assert "look.py gave no answer: hello" in text


def test_a_module_that_is_not_there(played: Played) -> None:
    played.lacks(julius=("ModuleNotFoundError", "No module named 'julius'"))
    diagnosis = doctor(**played.places)
    (text,) = found(diagnosis, "missing")
    assert text.startswith("julius: ModuleNotFoundError: No module named 'julius' -> run notebooks/01")
    assert diagnosis.exit_code == 1
    assert not played.calls("--audiocraft"), "AudioCraft itself cannot load, and is not asked"


@pytest.mark.parametrize(
    ("module", "kind", "text"),
    [
        ("xformers_ops", "ImportError", "DLL load failed"),
        ("xformers_ops", "ModuleNotFoundError", "No module named 'xformers'"),
        ("spacy", "ModuleNotFoundError", "No module named 'spacy'"),
        ("pesq", "ValueError", "numpy.dtype size changed"),
        ("torchaudio", "OSError", "Could not load this library: /venv/torchaudio/lib/_torchaudio.abi3.so"),
        ("torchaudio", "OSError", "libcudart.so.13: cannot open shared object file: No such file or directory"),
        ("torchaudio", "OSError", "/venv/torchaudio/lib/libtorchaudio.so: undefined symbol: _ZN2at"),
    ],
)
def test_a_stand_in_takes_the_place_of_what_is_not_used(played: Played, module: str, kind: str, text: str) -> None:
    played.lacks(**{module: (kind, text)})
    diagnosis = doctor(**played.places)
    assert diagnosis.exit_code == 0
    assert found(diagnosis, "note") == [f"{module.replace('_', '.')}: a stand-in takes its place ({kind}: {text})"]
    (call,) = played.calls("--audiocraft")
    assert call["variables"]["PYTHONPATH"].endswith(f"inside/stand_ins/{module.partition('_')[0]}")


def test_torchaudio_itself_has_no_stand_in(played: Played) -> None:
    played.lacks(torchaudio=("ModuleNotFoundError", "No module named 'torchaudio'"))
    (text,) = found(doctor(**played.places), "missing")
    assert text.startswith("torchaudio: ModuleNotFoundError")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"version": "", "file": None}, "is an empty namespace package"),
        ({"version": "", "file": "/x/audiocraft/__init__.py"}, "states no version: /x/audiocraft/__init__.py"),
        ({"version": "1.2.0", "file": "/x/audiocraft/__init__.py"}, "is another one: /x/audiocraft/__init__.py 1.2.0"),
        ({"kind": "ImportError", "error": "circular", "file": None}, "does not load: ImportError: circular"),
    ],
)
def test_an_import_that_proves_nothing(played: Played, answer: dict[str, object], said: str) -> None:
    played.switch(audiocraft=answer)
    (text,) = found(doctor(**played.places), "missing")
    assert text.startswith(f"import audiocraft: {said}")


def test_a_checkout_without_its_configuration(played: Played) -> None:
    (played.repo / "config/config.yaml").unlink()
    (text,) = found(doctor(**played.places), "missing")
    assert text.startswith(f"{played.repo} is no checkout of AudioCraft, it lacks config/config.yaml -> clone it")


def test_a_dataset_that_was_not_exported(played: Played) -> None:
    (text,) = found(doctor(**played.places, dset="audio/mine"), "missing")
    assert text == (
        f"{played.repo}/config/dset/audio/mine.yaml -> soundwright audiocraft export DATA --repo {played.repo}"
    )


def test_no_gpu_is_worth_a_note_or_is_what_is_missing(played: Played) -> None:
    played.switch(cuda={"error": "no CUDA device is visible"})
    diagnosis = doctor(**played.places)
    assert found(diagnosis, "note") == ["no GPU: no CUDA device is visible -> train with device=cpu"]
    assert diagnosis.exit_code == 0
    diagnosis = doctor(**played.places, require_cuda=True)
    (text,) = found(diagnosis, "missing")
    assert text.startswith("GPU: no CUDA device is visible -> ")
    assert diagnosis.exit_code == 1


@pytest.mark.parametrize(("tool", "kind"), [("ffmpeg", "missing"), ("git", "note"), ("ffprobe", "note")])
def test_a_tool_that_is_not_installed(played: Played, tools: Path, tool: str, kind: str) -> None:
    (tools / tool).unlink()
    diagnosis = doctor(**played.places)
    (text,) = [text for text in found(diagnosis, kind) if text.startswith(tool)]
    assert text.endswith("-> install it with the system's package manager")
    assert diagnosis.exit_code == (kind == "missing")


def test_no_user_is_worth_a_note(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER")
    (text,) = found(doctor(**played.places), "note")
    assert text.startswith("the variable USER is not set")
