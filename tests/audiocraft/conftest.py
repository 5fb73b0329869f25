from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The tests of this folder share a played AudioCraft.
sys.path.insert(0, str(Path(__file__).parent))

from played_audiocraft import Played


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine says of a real AudioCraft must not reach a test."""
    for name in ("REPO_DIR", "VENV", "TEAM", "CLUSTER", "DORA_DIR"):
        monkeypatch.delenv(f"AUDIOCRAFT_{name}", raising=False)
    monkeypatch.setenv("USER", "somebody")


@pytest.fixture
def played(tmp_path: Path) -> Played:
    return Played.make(tmp_path / "played")


@pytest.fixture
def recorded() -> Path:
    """Experiments of a real AudioCraft, by what came of them."""
    return Path(__file__).parent / "experiments"
