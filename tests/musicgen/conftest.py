"""Tiny random MusicGens for all tests of this folder."""

from __future__ import annotations

import os

# Before anything imports the hub's library: no test asks the network for anything.
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # tests and started processes import the builder by this name too
from reference import Reference  # type: ignore[import-not-found]
from tiny_musicgen import build_tiny_musicgen  # type: ignore[import-not-found]

from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.engine import Engine


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other quadruple the time of these small layers, and tokens are defined on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_musicgen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_musicgen(tmp_path_factory.mktemp("tiny") / "mono")


@pytest.fixture(scope="session")
def tiny_musicgen_stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_musicgen(tmp_path_factory.mktemp("tiny") / "stereo", "stereo")


@pytest.fixture(scope="session")
def tiny_musicgen_melody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_musicgen(tmp_path_factory.mktemp("tiny") / "melody", "melody")


@pytest.fixture(scope="session")
def reference(tiny_musicgen: Path) -> Reference:
    return Reference(tiny_musicgen)


@pytest.fixture(scope="session")
def reference_stereo(tiny_musicgen_stereo: Path) -> Reference:
    return Reference(tiny_musicgen_stereo)


@pytest.fixture(scope="session")
def engine(tiny_musicgen: Path) -> Engine:
    """Float32 on the CPU."""
    return Engine(find(str(tiny_musicgen)), device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def packed_engine(tiny_musicgen: Path) -> Engine:
    """As by default on the CPU, with windows of 2 seconds instead of 30."""
    engine = Engine(find(str(tiny_musicgen)), device="cpu")
    engine.window_frames = 100
    return engine
