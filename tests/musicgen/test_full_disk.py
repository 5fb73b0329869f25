"""A full disk: one line, nothing half-written, and the tokens that are there are not made again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from soundwright.core.errors import BadInput
from soundwright.musicgen.generate import generate
from soundwright.musicgen.record import state_path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mount: a small file system cannot be made here (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk(small_disk: Path, tiny_musicgen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"model": str(tiny_musicgen), "prompt": "bass", "duration": 3.0, "seed": 1}
    with pytest.raises(BadInput, match=r"needs 1 MB of disk, 0 MB are free -> free some space"):
        generate(output=small_disk / "a.wav", **options)
    assert state_path(small_disk / "a.wav").exists()
    assert not (small_disk / "a.wav").exists()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    monkeypatch.setattr("soundwright.musicgen.generation.sample_window", None)  # nothing is sampled again
    (outcome,) = generate(output=small_disk / "a.wav", resume=True, **options).outcomes
    assert outcome.record is not None
    assert sorted(path.name for path in small_disk.iterdir()) == ["a.json", "a.wav"]
