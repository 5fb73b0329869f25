"""One decoder over two processes (gloo, on the CPU) draws the tokens of one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from soundwright.core.errors import UsageError
from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.engine import Engine, Track
from soundwright.musicgen.generation import Cancelled, Progress, SamplingSettings

SETTINGS = SamplingSettings(extend_stride=1.2)
NUM_FRAMES = 125


def tracks(state: Path | None = None) -> list[Track]:
    first = Track("jazz trio", duration_s=NUM_FRAMES / 50, seed=1, negative_prompt="vocals", state=state)
    return [first, Track("slow drone", duration_s=0.4, seed=2)]


def one_of_two(checkpoint: str, folder: str) -> None:
    """What each process that torchrun starts does: stop in the second window, then go on."""
    torch.set_num_threads(1)
    engine = Engine(find(checkpoint), device="cpu", fsdp=True)
    engine.window_frames = 100
    state = Path(folder) / "track.npz"
    seen = [0]

    def progress(at: Progress) -> None:
        seen[0] = at.frame

    try:
        # Only one of them is told to stop.
        engine.tokens(
            tracks(state), SETTINGS, progress=progress, cancelled=lambda: engine.place.rank == 1 and seen[0] > 110
        )
    except Cancelled:
        np.save(Path(folder) / f"stopped{engine.place.rank}.npy", seen[0])
    resumed = tracks(state)
    resumed[0].resume = True
    found = engine.tokens(resumed, SETTINGS)
    assert engine._decoder is not None
    blocks = engine._decoder.blocks
    held = sum(parameter.to_local().numel() for parameter in blocks.parameters())  # type: ignore[attr-defined]
    whole = sum(parameter.numel() for parameter in blocks.parameters())
    np.savez(Path(folder) / f"rank{engine.place.rank}.npz", first=found[0], second=found[1], held=held, whole=whole)
    engine.close()


def test_two_processes_draw_the_tokens_of_one(tiny_musicgen: Path, tmp_path: Path) -> None:
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from test_fsdp import one_of_two"
    script = tmp_path / "program.py"
    script.write_text(f"{program}; one_of_two({str(tiny_musicgen)!r}, {str(tmp_path)!r})\n")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(torchrun, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    engine = Engine(find(str(tiny_musicgen)), device="cpu", dtype="float32")
    engine.window_frames = 100
    expected = engine.tokens(tracks(), SETTINGS)
    stopped = [int(np.load(tmp_path / f"stopped{rank}.npy")) for rank in (0, 1)]
    assert stopped[0] == stopped[1] == 111, "both stop at the same column"
    for rank in (0, 1):
        with np.load(tmp_path / f"rank{rank}.npz") as found:
            np.testing.assert_array_equal(found["first"], expected[0])
            np.testing.assert_array_equal(found["second"], expected[1])
            assert found["held"] * 2 == found["whole"], "each holds half"


def test_without_torchrun_it_says_what_to_type(tiny_musicgen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UsageError, match="torchrun --nproc-per-node"):
        Engine(find(str(tiny_musicgen)), device="cpu", fsdp=True)
