"""A full disk is said in one line, ends the run, leaves nothing half-written, and the same command goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mount: a small file system cannot be made here (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_normalize_onto_a_full_disk(small_disk: Path, tmp_path: Path, workers: str) -> None:
    (tmp_path / "in").mkdir()
    for i in range(4):
        samples = 0.1 * np.random.default_rng(i).standard_normal(10 * 24_000)
        soundfile.write(tmp_path / f"in/{i}.wav", samples, 24_000)
    command = [sys.executable, "-m", "soundwright", "corpus", "normalize", tmp_path / "in", small_disk / "out"]
    full = subprocess.run([*command, "--workers", workers], capture_output=True, text=True)
    assert full.returncode == 1
    assert full.stderr.count("\n") == 1
    assert "No space left on device -> mend it; the same command goes on from here" in full.stderr
    assert not list(small_disk.rglob("*.tmp*"))
    done = len(list((small_disk / "out").glob("*.wav")))
    assert done == 2
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    again = subprocess.run([*command, "--workers", workers], capture_output=True, text=True, env=os.environ)
    assert again.returncode == 0, again.stderr
    assert f"{4 - done} done, {done} already done" in again.stdout
