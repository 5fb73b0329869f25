"""What may not be read or written is told in a line, and the others finish.

As root, whom nothing is forbidden, these cases cannot be seen; and a new process of another user could not even start
where Python lies in root's home. So a process starts as we are, imports and runs everything once, and then drops its
rights.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from soundwright.formats import ecdc

#: `WARM` does on sound folders what `CASE` then does on locked ones: modules that are loaded late are there by then.
SCRIPT = """
import json, os, sys
from pathlib import Path
from soundwright.core.errors import SoundwrightError
from soundwright.corpus.normalize import normalize
from soundwright.runs.options import RunOptions
from soundwright.sidecar.add import add
from soundwright.sidecar.init import init

HERE = RunOptions(workers=1)
WARM = Path("warm")
normalize(WARM / "recordings", WARM / "normalized", options=HERE)
init(audio_root=WARM / "tokens", cond_root=WARM / "params", options=HERE)
add("--const", "a=1", audio_root=WARM / "tokens", producer=["const"], options=HERE)
if os.geteuid() == 0:
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
try:
    summary = {call}
except SoundwrightError as error:
    told = {{"raised": type(error).__name__, "told": str(error)}}
else:
    failures = {{str(key): str(error) for key, error in summary.failures}}
    told = {{"done": summary.done, "failures": failures, "exit_code": summary.exit_code, "notes": summary.notes}}
print(json.dumps(told))
"""


def write_token(path: Path) -> None:
    header = ecdc.TokenHeader("encodec_24khz", 3200, 2)
    ecdc.write(path, ecdc.TokenFile.of(header, np.zeros((2, 10), np.uint16)))


@pytest.fixture
def place() -> Iterator[Path]:
    """Recordings and tokens, and again under `warm/`; not below pytest's own folder, which is closed to others."""
    with tempfile.TemporaryDirectory() as name:
        for folder in (Path(name), Path(name) / "warm"):
            (folder / "recordings/sub").mkdir(parents=True)
            for wav in ("a.wav", "b.wav", "sub/c.wav"):
                soundfile.write(folder / "recordings" / wav, 0.1 * np.sin(np.arange(12_000)), 24_000)
                write_token(folder / "tokens" / f"{wav[:-4]}.ecdc")
        yield Path(name)


def run(place: Path, call: str) -> dict[str, Any]:
    """What a process without rights is told."""
    if os.geteuid() == 0:
        try:
            for path in (place, *place.rglob("*")):
                os.chown(path, 65534, 65534)
        except PermissionError:
            pytest.skip("this root may not give files to another user (a container without CAP_CHOWN)")
    script = SCRIPT.format(call=call)
    done = subprocess.run([sys.executable, "-c", script], cwd=place, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


NORMALIZE = 'normalize(Path("recordings"), Path("out/normalized"), options=HERE)'
INIT = 'init(audio_root=Path("tokens"), cond_root=Path("out/params"), options=HERE)'
ADD = 'add("--const", "a=1", audio_root=Path("tokens"), producer=["const"], options=HERE)'


def test_a_file_that_may_not_be_read(place: Path) -> None:
    (place / "recordings/a.wav").chmod(0)
    told = run(place, NORMALIZE)
    assert (told["done"], told["exit_code"]) == (2, 1)
    assert list(told["failures"]) == ["a.wav"]
    assert "ermission" in told["failures"]["a.wav"]
    assert " -> " in told["failures"]["a.wav"]


def test_a_folder_that_may_not_be_read(place: Path) -> None:
    (place / "recordings/sub").chmod(0)
    told = run(place, NORMALIZE)
    (place / "recordings/sub").chmod(0o700)
    assert (told["done"], told["exit_code"]) == (2, 1)
    [text] = told["failures"].values()
    assert "recordings/sub" in text
    assert "ermission" in text


@pytest.mark.parametrize("call", [NORMALIZE, INIT], ids=["normalize", "init"])
def test_a_folder_that_may_not_be_written(place: Path, call: str) -> None:
    (place / "out").mkdir(mode=0o500)
    told = run(place, call)
    assert told["raised"] == "UsageError"
    assert "cannot be written" in told["told"]
    assert list((place / "out").iterdir()) == []


def test_a_token_file_that_may_not_be_read(place: Path) -> None:
    (place / "tokens/a.ecdc").chmod(0)
    told = run(place, INIT)
    assert (told["done"], list(told["failures"])) == (2, ["a.ecdc"])
    assert "ermission" in told["failures"]["a.ecdc"]


def test_tokens_that_may_not_be_written_remember_nothing_and_it_is_said(place: Path) -> None:
    (place / "tokens").chmod(0o500)
    told = run(place, INIT)
    (place / "tokens").chmod(0o700)
    assert (told["done"], told["exit_code"]) == (3, 0)
    assert any("cannot remember where its sidecars are" in note for note in told["notes"])


def test_a_sidecar_that_may_not_be_read(place: Path) -> None:
    assert run(place, INIT.replace("out/params", "tokens"))["exit_code"] == 0
    (place / "tokens/a.cond.npy").chmod(0)
    told = run(place, ADD)
    assert (told["done"], list(told["failures"])) == (2, ["a.ecdc"])
    assert "ermission" in told["failures"]["a.ecdc"]
