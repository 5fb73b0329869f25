"""Codecs by name and by folder."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from soundwright.codec import encodec
from soundwright.codec.contract import Codec
from soundwright.codec.registry import load_codec
from soundwright.core import plugins
from soundwright.core.errors import BadInput, UsageError

pytestmark = pytest.mark.usefixtures("one_thread")


def copy_of(folder: Path, target: Path, **changes: object) -> Path:
    """The folder with another config."""
    target.mkdir()
    config = {**json.loads((folder / "config.json").read_text()), **changes}
    (target / "config.json").write_text(json.dumps(config))
    (target / "model.safetensors").symlink_to(folder / "model.safetensors")
    return target


def test_a_folder_loads(encodec_folder, codec) -> None:
    loaded = load_codec(str(encodec_folder), device="cpu")
    assert loaded.info == codec.info
    assert (loaded.info.name, loaded.info.sample_rate, loaded.info.hop) == ("encodec_24khz", 24_000, 320)
    assert (loaded.info.num_codebooks, loaded.info.bits_per_code, len(loaded.info.revision)) == (32, 10, 12)
    assert [loaded.info.codebooks_for(kbps) for kbps in (1.5, 3, 6, 12, 24)] == [2, 4, 8, 16, 32]


def test_the_revision_is_that_of_the_numbers(encodec_folder, codec, tmp_path) -> None:
    weights = load_file(encodec_folder / "model.safetensors")
    changed = {**weights, "quantizer.layers.3.codebook.embed": weights["quantizer.layers.3.codebook.embed"] + 1}
    trained = {**weights, "quantizer.layers.3.codebook.cluster_size": torch.ones(1024) * 7}
    revisions = []
    for index, tensors in enumerate((weights, trained, changed)):
        folder = copy_of(encodec_folder, tmp_path / str(index))
        (folder / "model.safetensors").unlink()
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        revisions.append(encodec.load_folder(folder).info.revision)
    assert revisions[0] == revisions[1] == codec.info.revision
    assert revisions[2] != codec.info.revision


def test_half_precision_weights_compute_in_single(encodec_folder, tmp_path) -> None:
    weights = load_file(encodec_folder / "model.safetensors")
    folder = copy_of(encodec_folder, tmp_path / "half", dtype="float16")
    (folder / "model.safetensors").unlink()
    half = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    assert {value.dtype for value in encodec.load_folder(folder).model.parameters()} == {torch.float32}


def test_unknown_names_list_the_known_ones(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"no codec and no folder named 'opus'; codecs are .*encodec_24khz.*pocket"):
        load_codec("opus")
    with pytest.raises(UsageError, match="no codec and no folder"):
        load_codec(str(tmp_path / "none"))


def test_another_package_brings_a_codec(monkeypatch, codec) -> None:
    asked = []

    class Point(EntryPoint):
        def load(self):
            return lambda revision: asked.append(revision) or codec

    point = Point("mine", "somewhere:load", plugins.CODECS)
    monkeypatch.setattr(plugins, "registered", lambda group: {"mine": point})
    assert isinstance(load_codec("mine@2", device="cpu"), Codec)
    assert load_codec("mine", device="auto") is codec
    assert asked == ["2", None]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_causal_conv": False}, "use_causal_conv=True can stream"),
        ({"normalize": True}, "normalize=False can stream"),
        ({"chunk_length_s": 1.0}, "chunk_length_s=None can stream"),
        ({"model_type": "bert"}, "found neither"),
        ({"num_filters": 16}, "not a readable EnCodec"),
    ],
)
def test_folders_that_are_no_streaming_codec(encodec_folder, tmp_path, changes, message: str) -> None:
    folder = copy_of(encodec_folder, tmp_path / "other", **changes)
    with pytest.raises(BadInput, match=message) as caught:
        load_codec(str(folder), device="cpu")
    assert str(folder) in str(caught.value)


def test_incomplete_folders(encodec_folder, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="expected a config.json"):
        load_codec(str(tmp_path / "empty"))
    folder = copy_of(encodec_folder, tmp_path / "weightless")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadInput, match=r"expected model.safetensors"):
        load_codec(str(folder))
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(BadInput, match="not a readable EnCodec"):
        load_codec(str(folder))
    weights = load_file(encodec_folder / "model.safetensors")
    del weights["encoder.layers.0.conv.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match="1 are missing, the first is encoder.layers.0.conv.bias"):
        load_codec(str(folder))
    (folder / "config.json").write_text("{")
    with pytest.raises(BadInput, match="expected JSON"):
        load_codec(str(folder))


def test_too_many_codebooks(codec) -> None:
    with pytest.raises(UsageError, match="has 1 to 32 codebooks, asked for 33"):
        codec.encoder(33)
