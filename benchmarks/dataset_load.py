"""Claim: a packed dataset gives random clips 12x faster than following a path column to torch.load and np.load.

    python benchmarks/dataset_load.py [--clips 2000]

2,000 clips of 300 to 1,200 frames, 8 codebooks, 4 float16 conditions, in random order, everything in the page cache.
The reference side is the layout that document 002 describes: a `DatasetDict` with one column `audio`, from which the
loader opens a `torch.save` dict, the `.cond.npy` and the `.cond.json`. Both sides hand out the tokens `[T, K]`, the
conditions `[T, D]` and the names of the columns, and both really read every byte: they sum all tokens and conditions.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import paired  # first: it sets one thread

import numpy as np
import torch
from datasets import Dataset, DatasetDict, disable_progress_bars, load_from_disk

from soundwright.dataset.build import build
from soundwright.dataset.read import open_pack
from soundwright.formats import conditions, ecdc, sidecar, torch_tokens
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.ecdc import TokenFile, TokenHeader
from soundwright.formats.statistics import Statistics

NAMES = ("pitch", "loudness", "brightness", "noisiness")


def make(folder: Path, num_clips: int) -> None:
    """Token files, sidecars, and the reference pack beside them."""
    rng = np.random.default_rng(0)
    keys = [f"{i:05d}.ecdc" for i in range(num_clips)]
    for key in keys:
        num_frames = int(rng.integers(300, 1200))
        codes = rng.integers(0, 1024, (8, num_frames)).astype(np.uint16)
        tokens = TokenFile.of(TokenHeader("encodec_24khz", num_frames * 320, 8), codes)
        ecdc.write(folder / "ecdc" / key, tokens)
        values = rng.random((num_frames, len(NAMES))).astype(np.float16)
        sidecar.write(folder / "params" / sidecar.paths(key)[0], values, NAMES, fps=75)
        torch_tokens.write(folder / "reference" / "tokens" / key, tokens)
        sidecar.write(folder / "reference" / "tokens" / sidecar.paths(key)[0], values, NAMES, fps=75)
    measured = Statistics(count=1, min=0, max=1, mean=0.5, std=0.3)
    schema = Conditions(fps=75, columns=NAMES, parameters={name: Parameter(measured=measured) for name in NAMES})
    conditions.write(folder / "params", schema)
    rows = Dataset.from_dict({"audio": [f"tokens/{key}" for key in keys]})
    DatasetDict({"train": rows}).save_to_disk(str(folder / "reference"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    paired.about("numpy", "pyarrow", "datasets", "torch")
    disable_progress_bars()
    order = np.random.default_rng(1).permutation(arguments.clips).tolist()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, arguments.clips)
        build(folder / "ecdc", folder / "pack", cond_root=folder / "params")
        rows = load_from_disk(str(folder / "reference"))["train"]
        split = open_pack(folder / "pack").splits["train"]
        sums: dict[str, int] = {}

        def by_path_column() -> None:
            total = 0
            for i in order:
                path = folder / "reference" / rows[i]["audio"]
                tokens = torch.load(path, weights_only=False)["audio_codes"][0, 0].numpy().T
                npy = path.with_suffix(".cond.npy")
                cond, names = np.load(npy), json.loads(npy.with_suffix(".json").read_text())["names"]
                assert len(names) == cond.shape[1]
                total += int(tokens.sum()) + int(cond.view(np.uint16).sum())
            sums["path column"] = total

        def by_soundwright() -> None:
            total = 0
            for i in order:
                clip = split[i]
                assert len(split.columns) == clip.cond.shape[1]
                total += int(clip.tokens.sum()) + int(clip.cond.view(np.uint16).sum())
            sums["soundwright"] = total

        sides = {"soundwright": by_soundwright, "path column": by_path_column}
        paired.compare(
            f"read {arguments.clips} clips at random", sides, at_least={"path column": 12.0}, runs=arguments.runs
        )
        assert sums["soundwright"] == sums["path column"]
        sizes = {
            kind: sum(path.stat().st_size for path in (folder / place).rglob("*") if path.is_file())
            for kind, place in {"Arrow files": "pack/train", "torch.save files": "reference/tokens"}.items()
        }
        print(", ".join(f"{kind}: {size / 1e6:.1f} MB" for kind, size in sizes.items()))


if __name__ == "__main__":
    main()
