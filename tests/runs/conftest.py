from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Worker processes import the toy step by name.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for i in range(4):
        (folder / f"t{i}.txt").write_text(f"text {i}")
        (folder / "sub" / f"t{i}.txt").write_text(f"sub text {i}")
    return folder
