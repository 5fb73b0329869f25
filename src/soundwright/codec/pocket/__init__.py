"""`pocket`, the small codec that is shipped inside the package: 24 kHz mono, 75 frames/s, 8 codebooks of 1024.

It encodes and decodes in NumPy alone; `training/` holds the same network in PyTorch, for training.
"""

from __future__ import annotations

from pathlib import Path

from soundwright.codec.contract import Codec


def load(revision: str | None = None) -> Codec:
    """Loads released weights; the latest by default. See `weights.load`."""
    from soundwright.codec.pocket import weights

    return weights.load(revision)


def load_folder(path: Path | str) -> Codec:
    """Loads a folder that `codec train --architecture pocket` wrote. See `weights.load_folder`."""
    from soundwright.codec.pocket import weights

    return weights.load_folder(path)
