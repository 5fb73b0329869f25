"""Small trees of token files and sidecars, as `codec encode` and `sidecar add` leave them."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from soundwright.formats import conditions, ecdc, sidecar
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.ecdc import TokenFile, TokenHeader
from soundwright.formats.statistics import Statistics

# Several modules share `snapshots`.
sys.path.insert(0, str(Path(__file__).parent))

pytest.importorskip("datasets")
pytest.importorskip("pyarrow")

#: Files that `Tree.add` writes when nothing is said.
KEYS = ("a.ecdc", "birds/b.ecdc", "birds/owl/c_amp_.75.ecdc")


@dataclass
class Tree:
    """A tree of tokens and one of sidecars."""

    root: Path
    columns: tuple[str, ...] = ("pitch", "scene")
    dtype: str = "float16"
    codes: dict[str, np.ndarray] = field(default_factory=dict)
    cond: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def tokens(self) -> Path:
        return self.root / "tokens"

    @property
    def params(self) -> Path:
        return self.root / "params"

    def npy(self, key: str) -> Path:
        return self.params / sidecar.paths(key)[0]

    def add(self, keys: Sequence[str] = KEYS, *, num_codebooks: int = 4, codec: str = "encodec_24khz") -> Tree:
        """Writes token files of random codes, and sidecars of random values in 0 .. 3, whole numbers in `scene`."""
        for key in keys:
            rng = np.random.default_rng(zlib.crc32(key.encode()))
            num_frames = int(rng.integers(5, 40))
            codes = rng.integers(0, 1024, (num_codebooks, num_frames)).astype(np.uint16)
            header = TokenHeader(codec, num_frames * 320 - int(rng.integers(0, 320)), num_codebooks)
            ecdc.write(self.tokens / key, TokenFile.of(header, codes))
            values = (rng.random((num_frames, len(self.columns))) * 3).astype(self.dtype)
            if "scene" in self.columns:
                values[:, self.columns.index("scene")] = rng.integers(0, 3)
            sidecar.write(self.npy(key), values, self.columns, fps=75)
            self.codes[key], self.cond[key] = codes, values
        return self

    def remember(self, **changes: object) -> Tree:
        """Writes the schema, and into the tokens where the sidecars are."""
        found = np.concatenate(list(self.cond.values())) if self.cond else np.zeros((0, len(self.columns)))
        parameters = {
            name: Parameter(
                type="class" if name == "scene" else "continuous",
                classes=("rain", "wind", "sea") if name == "scene" else None,
                range=(0.0, 4.0) if name == "pitch" else None,
                measured=Statistics.of(found[:, d]),
            )
            for d, name in enumerate(self.columns)
        }
        fields = {"fps": 75.0, "dtype": self.dtype, "columns": self.columns, "parameters": parameters} | changes
        conditions.write(self.params, Conditions.model_validate(fields))
        conditions.remember_cond_root(self.tokens, self.params)
        return self


@pytest.fixture
def make_tree(tmp_path: Path) -> Callable[..., Tree]:
    """Makes trees, each in a folder of its own."""

    def make(name: str = "in", **fields: object) -> Tree:
        return Tree(tmp_path / name, **fields)

    return make


@pytest.fixture
def tree(make_tree: Callable[..., Tree]) -> Tree:
    """Three clips with sidecars and schema."""
    return make_tree().add().remember()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "pack"
