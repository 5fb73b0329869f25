"""A tree of token files, and a shop that runs the two commands on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from soundwright.formats import conditions, ecdc, sidecar
from soundwright.formats.conditions import Conditions
from soundwright.runs.options import RunOptions
from soundwright.runs.summary import RunSummary
from soundwright.sidecar.add import add
from soundwright.sidecar.init import init

HERE = RunOptions(workers=1)


@dataclass
class Shop:
    """Tokens in `tokens/`, sidecars in `params/`."""

    root: Path

    @property
    def tokens(self) -> Path:
        return self.root / "tokens"

    @property
    def params(self) -> Path:
        return self.root / "params"

    def token(self, key: str, num_samples: int = 3200, num_codebooks: int = 2) -> Path:
        num_frames = -(-num_samples // 320)
        codes = np.arange(num_codebooks * num_frames).reshape(num_codebooks, num_frames) % 1024
        header = ecdc.TokenHeader("encodec_24khz", num_samples, num_codebooks)
        path = self.tokens / f"{key}.ecdc"
        ecdc.write(path, ecdc.TokenFile.of(header, codes.astype(np.uint16)))
        return path

    def init(self, **options: object) -> RunSummary:
        options.setdefault("options", HERE)
        return init(audio_root=self.tokens, cond_root=self.params, **options)  # type: ignore[arg-type]

    def add(self, *tokens: str, producer: str | list[str], **options: object) -> RunSummary:
        options.setdefault("options", HERE)
        options.setdefault("create_missing", True)
        names = [producer] if isinstance(producer, str) else producer
        result = add(*tokens, audio_root=self.tokens, cond_root=self.params, producer=names, **options)  # type: ignore[arg-type]
        assert isinstance(result, RunSummary)
        return result

    def npy(self, key: str) -> Path:
        return self.params / f"{key}.cond.npy"

    def read(self, key: str) -> sidecar.Sidecar:
        return sidecar.read(self.npy(key))

    def conditions(self) -> Conditions:
        found = conditions.read(self.params)
        assert found is not None
        return found

    def files(self) -> dict[str, bytes]:
        """The content of all sidecars and the schema."""
        paths = sorted(path for path in self.params.rglob("*.*") if ".soundwright" not in path.parts)
        return {str(path.relative_to(self.params)): path.read_bytes() for path in paths if path.is_file()}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    for key, num_samples in [
        ("a_pitch_60_amp_.5", 3200),
        ("sub/b_pitch_64.00_amp_.75", 6401),
        ("é \nc_pitch_1_amp_2", 1),
    ]:
        made.token(key, num_samples)
    return made


KEYS = ["a_pitch_60_amp_.5", "sub/b_pitch_64.00_amp_.75", "é \nc_pitch_1_amp_2"]


@pytest.fixture
def keys() -> list[str]:
    return KEYS
