"""Run by AudioCraft's interpreter: what dora makes of the overrides given. Prints one line of JSON, last."""

import json
import sys

from audiocraft.train import main
from omegaconf import OmegaConf

#: Settings of which a user should know before a run.
SETTINGS = (
    "sample_rate",
    "device",
    "optim.epochs",
    "optim.updates_per_epoch",
    "evaluate.every",
    "generate.every",
    "dataset.batch_size",
    "dataset.segment_duration",
    "dataset.min_segment_ratio",
    "dataset.valid.num_samples",
    "dataset.evaluate.num_samples",
    "dataset.evaluate.batch_size",
    "datasource.train",
    "datasource.valid",
    "datasource.evaluate",
    "datasource.generate",
)

if __name__ == "__main__":
    experiment = main.get_xp(sys.argv[1:])
    settings = {name: OmegaConf.select(experiment.cfg, name) for name in SETTINGS}
    answer = {"sig": experiment.sig, "folder": str(experiment.folder), "settings": settings}
    print(json.dumps(answer))
