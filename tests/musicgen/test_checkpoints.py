from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
from tiny_musicgen import build_tiny_musicgen  # type: ignore[import-not-found]

from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.checkpoints import FOLDER_LICENCE, META_LICENCE, NAMES, find


@pytest.fixture
def copy(tiny_musicgen: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_musicgen, tmp_path / "copy"))


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty Hugging Face cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put(cache: Path, source: Path, hub_id: str, commit: str = "0" * 40) -> Path:
    """What a download leaves."""
    repository = cache / f"models--{hub_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    return Path(shutil.copytree(source, repository / "snapshots" / commit))


def test_a_folder(tiny_musicgen: Path, tiny_musicgen_melody: Path) -> None:
    found = find(str(tiny_musicgen))
    assert (found.folder, found.hub_id, found.revision, found.licence) == (tiny_musicgen, None, "", FOLDER_LICENCE)
    assert not found.takes_melody
    assert find(str(tiny_musicgen_melody)).takes_melody


def test_a_name_in_the_cache(cache: Path, tiny_musicgen: Path) -> None:
    folder = put(cache, tiny_musicgen, "facebook/musicgen-small")
    found = find("small")
    assert (found.folder, found.hub_id) == (folder, "facebook/musicgen-small")
    assert (found.revision, found.licence) == ("0" * 40, META_LICENCE)
    assert find("facebook/musicgen-small").licence == META_LICENCE


def test_a_name_that_is_nowhere(cache: Path) -> None:
    with pytest.raises(UsageError, match="music preload"):
        find("small")


def test_a_half_filled_cache_names_the_file(cache: Path, tiny_musicgen: Path) -> None:
    folder = put(cache, tiny_musicgen, "facebook/musicgen-small")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="model.safetensors.*music preload"):
        find("small")


def test_a_slip_of_the_pen() -> None:
    with pytest.raises(UsageError, match="did you mean medium"):
        find("meduim")


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def config_of_another_model(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "t5"}))


def config_without_codec(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["audio_encoder"]
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "model.safetensors: is cut off: .* of .* bytes"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x05"), "only the beginning"),
        (lambda f: (f / "model.safetensors").write_bytes(b"<html>" * 900), "no safetensors file"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "another format"),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json"),
        (lambda f: (f / "config.json").unlink(), "config.json"),
        (lambda f: (f / "config.json").write_text("{"), "is not JSON"),
        (config_of_another_model, "model type 't5', not MusicGen"),
        (config_without_codec, "config.json: has no audio_encoder"),
        (shutil.rmtree, "no such folder"),
    ],
)
def test_a_folder_that_is_not_whole_is_one_line(copy: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(copy)
    with pytest.raises((BadInput, UsageError), match=message) as caught:
        find(str(copy))
    assert "\n" not in str(caught.value)
    assert str(copy) in str(caught.value)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = build_tiny_musicgen(tmp_path / "sharded", sharded=True)
    missing = sorted(folder.glob("model-*.safetensors"))[1]
    missing.unlink()
    with pytest.raises(BadInput, match=missing.name):
        find(str(folder))


def test_the_digest_is_of_the_weights(copy: Path, tiny_musicgen: Path) -> None:
    before = find(str(copy)).digest()
    assert before == find(str(tiny_musicgen)).digest()
    path = copy / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert find(str(copy)).digest() != before


def test_names() -> None:
    assert {name for name, known in NAMES.items() if known.takes_melody} == {name for name in NAMES if "melody" in name}
    assert NAMES["small"].duration_s == 60
    assert NAMES["medium"].duration_s == 30
    assert NAMES["large"].experimental
    assert {known.licence for known in NAMES.values()} == {"CC-BY-NC-4.0"}


def test_finding_imports_no_torch(tiny_musicgen: Path) -> None:
    program = "import sys; from soundwright.musicgen.checkpoints import find; find(sys.argv[1])"
    program += "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program, str(tiny_musicgen)], check=True)


def change_config(folder: Path, part: str | None, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (config if part is None else config[part]).update(values)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("audio_encoder", {"upsampling_ratios": [8, 0]}, "upsampling_ratios is 0"),
        ("audio_encoder", {"upsampling_ratios": None}, "upsampling_ratios is None"),
        ("audio_encoder", {"upsampling_ratios": "8544"}, "upsampling_ratios is '8544'"),
        ("audio_encoder", {"sampling_rate": "fast"}, "sampling_rate is 'fast'"),
        ("decoder", {"hidden_size": None}, "hidden_size is None"),
        ("decoder", {"num_codebooks": -4}, "num_codebooks is -4"),
        ("decoder", {"num_attention_heads": 5}, "hidden_size is no multiple of num_attention_heads"),
        ("text_encoder", {"d_model": []}, r"d_model is \[\]"),
    ],
)
def test_a_size_that_is_none_is_one_line(copy: Path, part: str, values: dict[str, object], message: str) -> None:
    change_config(copy, part, **values)
    with pytest.raises(BadInput, match=f"config.json: {message}") as caught:
        find(str(copy))
    assert "\n" not in str(caught.value)


def test_an_index_without_a_map_is_one_line(tmp_path: Path) -> None:
    folder = build_tiny_musicgen(tmp_path / "sharded", sharded=True)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": 3}')
    with pytest.raises(BadInput, match="has no weight_map"):
        find(str(folder))


SMALL = {"hidden_size": 1024, "num_hidden_layers": 24, "ffn_dim": 4096, "num_codebooks": 4, "vocab_size": 2048}


def test_the_licence_of_a_folder_of_the_shape_of_metas(copy: Path) -> None:
    change_config(copy, "decoder", **SMALL, num_attention_heads=16)
    assert find(str(copy)).licence == f"{FOLDER_LICENCE}; a model of this shape by Meta is {META_LICENCE}"
    for other in ({"hidden_size": 512}, {"vocab_size": 1024}, {"num_codebooks": 8}):
        change_config(copy, "decoder", **SMALL | other)
        assert find(str(copy)).licence == FOLDER_LICENCE
    change_config(copy, "decoder", **SMALL)
    change_config(copy, None, model_type="musicgen_melody")
    assert find(str(copy)).licence == FOLDER_LICENCE, "there is no small melody model"


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        ("---\ntags: [music]\nlicense: cc-by-nc-4.0\n---\n# Model\n", META_LICENCE),
        ("---\nlicense: mit\n---\n", "mit (its README.md)"),
        ("---\nlicense: other\nlicense_name: house rules\n---\n", "house rules (its README.md)"),
        ("---\nlicense: [mit, cc0-1.0]\n---\n", "mit, cc0-1.0 (its README.md)"),
        ("---\nlicense: 3\n---\n", FOLDER_LICENCE),
        ("---\nlicense: [\n---\n", FOLDER_LICENCE),
        ("---\nlicense: mit\n", FOLDER_LICENCE),
        ("# license: mit\n", FOLDER_LICENCE),
    ],
)
def test_the_licence_that_a_model_card_states(copy: Path, card: str, shown: str) -> None:
    (copy / "README.md").write_text(card)
    assert find(str(copy)).licence == shown


def test_a_card_does_not_hide_whose_shape_a_model_has(copy: Path) -> None:
    change_config(copy, "decoder", **SMALL, num_attention_heads=16)
    (copy / "README.md").write_text("---\nlicense: mit\n---\n")
    assert find(str(copy)).licence == f"mit (its README.md); a model of this shape by Meta is {META_LICENCE}"
    (copy / "README.md").write_bytes(b"---\nlicense: \xff\n---\n")
    assert find(str(copy)).licence.startswith(FOLDER_LICENCE)
