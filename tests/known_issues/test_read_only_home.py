"""A home that cannot be written, a package that does not load: one line, and the work goes on where it can."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundwright.runs import compiled
from soundwright.runs.events import Event, Note, listening


def command(arguments: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "XDG_CACHE_HOME")}
    return subprocess.run(
        [sys.executable, "-m", "soundwright", *arguments], capture_output=True, text=True, env=environment | variables
    )


def test_pictures_are_drawn_without_a_home(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    soundfile.write(recordings / "a.wav", 0.1 * np.sin(np.arange(24_000) * 0.1), 24_000)
    home = tmp_path / "file"
    home.write_text("a file, so no folder can be made in it")
    done = command(["demo", "--audio", str(recordings), "--output", str(tmp_path / "demo")], HOME=str(home))
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "MPLCONFIGDIR" in line]
    assert len(told) == 1
    assert told[0].startswith("note: matplotlib cannot keep its caches")
    assert "Matplotlib created" not in done.stderr


def test_a_kernel_without_a_place_for_its_code_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    njit = numba.njit

    def nowhere(cache: bool = False, **options: object) -> object:
        def compile(function: object) -> object:
            if cache:
                raise RuntimeError("cannot cache function 'double': no locator available for file 'x.py'")
            return njit(**options)(function)

        return compile

    monkeypatch.setattr(numba, "njit", nowhere)
    compiled._tell.cache_clear()
    heard: list[Event] = []
    with listening(heard.append):
        kernels = [compiled.kernel(lambda x: 2 * x), compiled.kernel(lambda x: 3 * x)]
    assert [kernel(21) for kernel in kernels] == [42, 63]
    assert [event for event in heard if isinstance(event, Note) and "NUMBA_CACHE_DIR" in event.text] == heard
    assert len(heard) == 1
    compiled._tell.cache_clear()


def test_a_package_that_does_not_load_is_named(tmp_path: Path) -> None:
    package = tmp_path / "numpy" / "__init__.py"
    package.parent.mkdir()
    package.write_text(
        'raise ImportError("IMPORTANT: PLEASE READ THIS\\n\\nOriginal error was: libopenblas.so.0: cannot open\\n")'
    )
    done = command(["codec", "encode", "a", "b", "--codec", "pocket"], PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: the package numpy cannot be loaded: Original error was: libopenblas.so.0: cannot open -> install it "
        "again: python -m pip install --force-reinstall numpy"
    ]
