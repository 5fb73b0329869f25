"""A task small enough for tests: a network with dropout learns a function, deterministic by seed. Also a program:

python regression.py FOLDER STEPS [PAUSE_S]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from soundwright.training.loop import LoopSettings, Task, fit
from soundwright.training.ranks import Place, item_indices
from soundwright.training.tracking import JsonlTracker, Trackers


class Regression(Task):
    def __init__(self, *, batch_size: int = 8, accumulate: int = 1, dropout: float = 0.1, pause_s: float = 0.0) -> None:
        self.batch_size, self.accumulate, self.dropout, self.pause_s = batch_size, accumulate, dropout, pause_s
        self.losses: list[float] = []
        self.items: list[int] = []

    def setup(self, place: Place) -> None:
        self.model = nn.Sequential(nn.Linear(3, 16), nn.Dropout(self.dropout), nn.Tanh(), nn.Linear(16, 1))
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-2)

    def batch(self, step: int, micro_step: int, place: Place) -> Tensor:
        indices = item_indices(step, micro_step, self.batch_size, self.accumulate, place)
        self.items.extend(indices)
        return torch.tensor(np.array([np.random.default_rng([7, i]).standard_normal(3) for i in indices])).float()

    def loss(self, batch: Any, progress: float) -> tuple[Tensor, dict[str, float]]:
        time.sleep(self.pause_s)
        loss = (self.model(batch)[:, 0] - batch.prod(dim=1)).square().mean()
        self.losses.append(float(loss.detach()))
        return loss, {"progress_seen": progress}

    def validate(self) -> dict[str, float]:
        self.model.eval()
        with torch.no_grad():
            x = torch.linspace(-1, 1, 30).reshape(10, 3)
            return {"error": float((self.model(x)[:, 0] - x.prod(dim=1)).square().mean())}


def run(folder: Path, settings: LoopSettings, **options: Any) -> tuple[Regression, dict[str, float]]:
    task = Regression(**options)
    resumed = max((int(p.stem.removeprefix("step-")) for p in folder.glob("step-*.ckpt")), default=0)
    trackers = Trackers([JsonlTracker(folder / "metrics.jsonl", resume_step=resumed)])
    numbers = fit(task, settings, folder, trackers)
    trackers.close()
    return task, numbers


if __name__ == "__main__":
    torch.set_num_threads(1)
    pause_s = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    steps = int(sys.argv[2])
    run(Path(sys.argv[1]), LoopSettings(steps=steps, checkpoint_every=5, log_every=1), pause_s=pause_s)
