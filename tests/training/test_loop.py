"""The loop: an interrupted run ends as an undisturbed one, ranks and accumulation do as the joint batch does."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given
from hypothesis import strategies as st

from soundwright.core.errors import BadInput, SoundwrightError
from soundwright.training.checkpoint import latest_checkpoint
from soundwright.training.loop import LoopSettings, learning_rate_factor
from soundwright.training.ranks import Place, item_indices

sys.path.insert(0, str(Path(__file__).parent))  # spawned processes import the task by this name too
from regression import Regression, run  # type: ignore[import-not-found]

PROGRAM = Path(__file__).with_name("regression.py")


def weights_of(task: Regression) -> np.ndarray:
    return torch.cat([p.detach().reshape(-1) for p in task.model.parameters()]).numpy()


def metrics(folder: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "elapsed_s"} for row in rows]


@given(st.integers(0, 50), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_each_item_is_drawn_once_by_one_rank(step: int, batch_size: int, accumulate: int, world_size: int) -> None:
    seen = [
        index
        for s in (step, step + 1)
        for micro_step in range(accumulate)
        for rank in range(world_size)
        for index in item_indices(s, micro_step, batch_size, accumulate, Place(rank, world_size))
    ]
    per_step = batch_size * accumulate * world_size
    assert sorted(seen) == list(range(step * per_step, (step + 2) * per_step))


@given(st.floats(0, 1), st.floats(0.001, 0.5))
def test_the_learning_rate_rises_once_and_falls_to_zero(progress: float, warmup: float) -> None:
    assert 0 <= learning_rate_factor(progress, warmup) <= 1
    assert learning_rate_factor(warmup, warmup) == pytest.approx(1)
    assert learning_rate_factor(1.0, warmup) == pytest.approx(0)


def test_training_learns_and_tracks(tmp_path: Path) -> None:
    task, numbers = run(tmp_path, LoopSettings(steps=400, validate_every=400, log_every=100), dropout=0.0)
    assert np.mean(task.losses[-50:]) < 0.5 * np.mean(task.losses[:50])
    assert numbers["done"] == 1
    rows = metrics(tmp_path)
    assert [row["step"] for row in rows] == [100, 200, 300, 400]
    assert rows[-1]["valid/error"] < 0.1
    assert {"loss", "gradient_norm", "learning_rate", "progress_seen"} <= rows[0].keys()


def test_a_run_in_two_halves_is_the_undisturbed_run(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", LoopSettings(steps=40, checkpoint_every=10))

    class Interrupt(Exception):
        pass

    class Interrupted(Regression):
        def loss(self, batch: Any, progress: float) -> Any:
            if len(self.losses) == 26:
                raise Interrupt
            return super().loss(batch, progress)

    from soundwright.training.loop import fit
    from soundwright.training.tracking import Trackers

    first = Interrupted()
    with pytest.raises(Interrupt):
        fit(first, LoopSettings(steps=40, checkpoint_every=10), tmp_path / "cut", Trackers([]))
    torch.manual_seed(12345)  # whatever happens between
    second, _ = run(tmp_path / "cut", LoopSettings(steps=40, checkpoint_every=10))
    assert first.losses[:20] + second.losses == whole.losses
    assert np.array_equal(weights_of(second), weights_of(whole))


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    run(tmp_path, LoopSettings(steps=5))
    again, numbers = run(tmp_path, LoopSettings(steps=5))
    assert again.losses == []
    assert numbers["done"] == 1


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(PROGRAM), str(folder), *arguments], env={**os.environ})


def wait_for_step(folder: Path, step: int, process: subprocess.Popen[bytes]) -> None:
    path = folder / "metrics.jsonl"
    for _ in range(600):
        if path.exists() and len(path.read_text().splitlines()) >= step:
            return
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError("the training did not get that far")


def test_a_killed_run_resumes_to_the_numbers_of_the_undisturbed_one(tmp_path: Path) -> None:
    run(tmp_path / "whole", LoopSettings(steps=16, checkpoint_every=5, log_every=1))
    process = start(tmp_path / "cut", "16", "0.05")
    wait_for_step(tmp_path / "cut", 8, process)
    process.kill()
    process.wait()
    assert latest_checkpoint(tmp_path / "cut") is not None
    task, _ = run(tmp_path / "cut", LoopSettings(steps=16, checkpoint_every=5, log_every=1))
    assert len(task.losses) < 16
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")


def test_ctrl_c_finishes_the_step_saves_and_ends(tmp_path: Path) -> None:
    process = start(tmp_path, "1000", "0.05")
    wait_for_step(tmp_path, 3, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    path = latest_checkpoint(tmp_path)
    assert path is not None
    assert int(path.stem.removeprefix("step-")) == len(metrics(tmp_path))


def test_a_time_limit_ends_the_run_with_the_learning_rate_at_zero(tmp_path: Path) -> None:
    _, numbers = run(tmp_path, LoopSettings(steps=10**6, max_duration_s=0.3, log_every=1))
    assert numbers["done"] == 1
    assert metrics(tmp_path)[-1]["learning_rate"] < 1e-3


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    large, _ = run(tmp_path / "a", LoopSettings(steps=10), batch_size=8, dropout=0.0)
    small, _ = run(tmp_path / "b", LoopSettings(steps=10, accumulate=4), batch_size=2, accumulate=4, dropout=0.0)
    assert small.items == large.items
    assert np.allclose(weights_of(small), weights_of(large), atol=1e-6)


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: Path) -> None:
    class Diverging(Regression):
        def loss(self, batch: Any, progress: float) -> Any:
            loss, numbers = super().loss(batch, progress)
            return loss * math.nan, numbers

    from soundwright.training.loop import fit
    from soundwright.training.tracking import Trackers

    with pytest.raises(SoundwrightError, match="loss is nan"):
        fit(Diverging(), LoopSettings(steps=3), tmp_path, Trackers([]))


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    run(tmp_path, LoopSettings(steps=2))

    class Wider(Regression):
        def setup(self, place: Place) -> None:
            self.model = torch.nn.Linear(3, 7)
            self.optimiser = torch.optim.AdamW(self.model.parameters())

    from soundwright.training.loop import fit
    from soundwright.training.tracking import Trackers

    with pytest.raises(BadInput, match="another shape"):
        fit(Wider(), LoopSettings(steps=3), tmp_path, Trackers([]))


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    shared = Path(folder) / "shared"
    for steps in (6, 12):  # the second call resumes
        task, _ = run(shared, LoopSettings(steps=steps, warmup=1e-9), batch_size=4, dropout=0.0)
    np.save(f"{folder}/{rank}.npy", weights_of(task))
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_ranks_train_as_one_process_with_the_joint_batch(tmp_path: Path) -> None:
    spawn: Any = mp.spawn
    spawn(_rank, args=(str(tmp_path),), nprocs=2)
    first, second = (np.load(tmp_path / f"{rank}.npy") for rank in range(2))
    assert np.array_equal(first, second)
    for steps in (6, 12):
        one, _ = run(tmp_path / "one", LoopSettings(steps=steps, warmup=1e-9), batch_size=8, dropout=0.0)
    assert np.allclose(first, weights_of(one), atol=1e-6)
