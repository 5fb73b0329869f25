"""The commands of docs/lossless.md, run as written on a small recording; the training with small settings appended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

PAGE = (Path(__file__).parents[2] / "docs/lossless.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page(tmp_path: Path) -> None:
    t = np.arange(16_000) / 16_000
    song = 0.3 * np.sin(2 * np.pi * 220 * t) + 0.01 * np.random.default_rng(0).standard_normal(16_000)
    (tmp_path / "recordings").mkdir()
    for path in (tmp_path / "song.wav", tmp_path / "recordings/a.wav"):
        soundfile.write(path, song, 16_000)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    commands = [
        line for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()
    ]
    assert len(commands) == 4
    for command in commands:
        if "lm train" in command:
            command = command.replace("1000", "2") + " --batch_size 2 --chunk_size 256 --num_chunks 8"
        done = subprocess.run(
            ["bash", "-euc", command], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "back.wav").read_bytes() == (tmp_path / "song.wav").read_bytes()
    assert (tmp_path / "models/audio_model.npz").exists()
