"""What happens around a verb: exit codes, one-line errors, no traceback for bad input."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundwright.cli import root as entry
from soundwright.core.errors import BadInput, UsageError


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in/a.wav", 0.1 * np.random.default_rng(0).standard_normal(24_000), 24_000)
    return tmp_path / "in"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = entry.run([str(argument) for argument in arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_success_some_failed_and_wrong_usage(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    normalize = ("corpus", "normalize", recordings)
    code, out, err = run(capsys, *normalize, tmp_path / "out")
    assert (code, err) == (0, "")
    assert out.startswith("normalize: 1 done in")
    (recordings / "b.wav").write_text("junk")
    code, out, err = run(capsys, *normalize, tmp_path / "out")
    assert code == 1
    assert "1 already done, 1 failed" in out
    assert err.count("\n") == 1
    assert "b.wav: cannot be read as audio" in err
    assert run(capsys, *normalize, recordings)[0] == 2
    assert run(capsys, *normalize)[0] == 2
    assert run(capsys, *normalize, tmp_path / "out", "--no-such-option", "1")[0] == 2
    assert run(capsys, "corpus", "normalise")[0] == 2


@pytest.mark.parametrize("spelling", ["--target-rms", "--target_rms"])
def test_options_are_taken_with_hyphen_and_underscore(
    spelling: str, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "corpus", "normalize", recordings, tmp_path / "out", spelling, "0.05")[0] == 0


def test_extensions_take_several_values(recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("corpus", "normalize", recordings, tmp_path / "out", "--extensions", "wav", "WAV", "--recursive")
    assert run(capsys, *arguments)[0] == 0


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (UsageError("no", remedy="yes"), 2, "error: no -> yes\n"),
        (BadInput("bad", path="x"), 1, "error: x: bad\n"),
        (OSError(errno.ENOSPC, "No space left on device", "out/a.wav"), 1, "error: out/a.wav: No space left on device"),
        (OSError(errno.EFBIG, "File too large", "out/a.wav"), 1, "error: out/a.wav: File too large"),
        (
            OSError(errno.EACCES, "Permission denied", "out/.soundwright-h-1-0.tmp.wav"),
            1,
            "error: out: Permission denied",
        ),
        (KeyboardInterrupt(), 130, "stopped; the same command goes on"),
        (KeyboardInterrupt("stopped; nothing is written"), 130, "stopped; nothing is written\n"),
    ],
)
def test_errors_become_one_line(error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> Iterator[str]:
        raise error

    entry.app.command(fails, name="fails")
    try:
        got, _, err = run(capsys, "fails")
    finally:
        del entry.app["fails"]
    assert got == code
    assert err.startswith(told)
    assert "Traceback" not in err


def test_python_m_and_the_console_script_are_the_same() -> None:
    by_module = subprocess.run([sys.executable, "-m", "soundwright", "--version"], capture_output=True, text=True)
    by_script = subprocess.run(
        [Path(sys.executable).parent / "soundwright", "--version"], capture_output=True, text=True
    )
    assert by_module.stdout == by_script.stdout != ""
