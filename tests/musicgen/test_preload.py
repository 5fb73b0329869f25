"""Filling the cache, against a hub that is played."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from soundwright.core.errors import UsageError
from soundwright.musicgen import preload as verb
from soundwright.musicgen.preload import preload

SHA = "a" * 40


@pytest.fixture
def hub(tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A hub that has a tiny model as musicgen-small, and an empty cache."""
    cache = tmp_path / "cache"
    served = SimpleNamespace(downloads=[], reachable=True, cache=cache)

    def model_info(self: Any, hub_id: str, **_: Any) -> SimpleNamespace:
        if not served.reachable:
            raise ConnectionError("no network")
        siblings = [
            SimpleNamespace(
                rfilename=path.name,
                size=path.stat().st_size,
                lfs=SimpleNamespace(sha256=hashlib.sha256(path.read_bytes()).hexdigest())
                if path.suffix == ".safetensors"
                else None,
            )
            for path in sorted(tiny_musicgen.iterdir())
        ]
        return SimpleNamespace(sha=SHA, siblings=[*siblings, SimpleNamespace(rfilename="x.bin", size=1, lfs=None)])

    def download(hub_id: str, name: str, *, revision: str, force_download: bool) -> None:
        served.downloads.append(name)
        cache.mkdir(exist_ok=True)
        shutil.copy(tiny_musicgen / name, cache / name)

    def snapshot(*_: Any, **options: Any) -> str:
        if not cache.exists():
            from huggingface_hub.errors import LocalEntryNotFoundError

            raise LocalEntryNotFoundError("nothing")
        return str(cache)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    find: Callable[..., Any] = verb.find
    monkeypatch.setattr(verb, "find", lambda model, revision=None: find(str(cache)))
    return served


def test_what_is_missing_is_got_and_what_is_there_is_not(hub: SimpleNamespace) -> None:
    first = preload(["small"])
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(hub.downloads)
    assert "x.bin" not in hub.downloads
    lines = "\n".join(first.lines())
    assert "sizes and SHA-256 as on the hub" in lines
    assert "weights: facebook/musicgen-small, licence" in lines
    hub.downloads.clear()
    assert "there already" in "\n".join(preload(["small"]).lines())
    assert hub.downloads == []


def test_a_damaged_file_is_got_again(hub: SimpleNamespace) -> None:
    preload(["small"])
    hub.downloads.clear()
    weights = hub.cache / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    preload(["small"])
    assert hub.downloads == []  # of the same size: only its digest tells
    preload(["small"], verify=True)
    assert hub.downloads == ["model.safetensors"]
    hub.downloads.clear()
    weights.write_bytes(data[:-10])
    preload(["small"])
    assert hub.downloads == ["model.safetensors"]


def test_without_a_network(hub: SimpleNamespace) -> None:
    hub.reachable = False
    with pytest.raises(UsageError, match="is not in the cache, and the hub cannot be reached"):
        preload(["small"])
    hub.reachable = True
    preload(["small"])
    hub.reachable = False
    (model,) = preload(["small"]).models
    assert (model.verified, model.licence) == ("whole, not compared with the hub", "CC-BY-NC-4.0")
    assert "not for commercial use" in "\n".join(model.lines())


def test_an_unknown_model(hub: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="did you mean small"):
        preload(["smal"])
