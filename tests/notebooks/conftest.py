from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# What tests of other rooms made for themselves: a server and archives like FMA's, and a played AudioCraft.
# ruff: noqa: E402
for room in ("corpus", "audiocraft", "notebooks"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))

from played_audiocraft import Played


@pytest.fixture
def played(tmp_path: Path) -> Played:
    return Played.make(tmp_path / "played")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a kernel: nothing of this machine's AudioCraft, and Jupyter's own files apart."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUDIOCRAFT_") and name != "USER"}
    return {**kept, "IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "jupyter")}
