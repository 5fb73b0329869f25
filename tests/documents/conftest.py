from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def hub_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local hub cache in which `facebook/encodec_24khz` is a small model with random weights."""
    from transformers import EncodecConfig, EncodecModel

    home = tmp_path_factory.mktemp("hf")
    repository = home / "hub/models--facebook--encodec_24khz"
    revision = "0" * 40
    config = EncodecConfig(num_filters=4, hidden_size=16, codebook_dim=16, num_lstm_layers=1)
    EncodecModel(config).save_pretrained(repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(revision)
    return home


@pytest.fixture
def offline(hub_cache: Path) -> dict[str, str]:
    """The environment of a documented command: this Python, the local cache, no network."""
    import sys

    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "HF_HOME": str(hub_cache), "HF_HUB_OFFLINE": "1", "PATH": path}
