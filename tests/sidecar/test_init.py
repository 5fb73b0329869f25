"""Step 3: skeletons as long as the tokens, and nothing that was added is lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from soundwright.core.errors import UsageError
from soundwright.formats import conditions, manifest, sidecar
from soundwright.runs.options import RunOptions
from soundwright.sidecar.init import init


def test_every_token_file_gets_a_skeleton(shop, keys) -> None:
    summary = shop.init()
    assert (summary.exit_code, summary.done, summary.failures) == (0, 3, [])
    for key, num_frames in zip(keys, [10, 21, 1], strict=True):
        found = shop.read(key)
        assert found.values.shape == (num_frames, 0)
        assert found.values.dtype == np.float16
        assert found.fps == 75
    schema = shop.conditions()
    assert (schema.columns, schema.num_clips, schema.num_frames, schema.fps) == ((), 3, 32, 75)
    assert conditions.cond_root_of(shop.tokens) == shop.params


def test_without_cond_root_sidecars_lie_beside_the_tokens(shop) -> None:
    summary = init(audio_root=shop.tokens)
    assert summary.exit_code == 0
    assert (shop.tokens / "a_pitch_60_amp_.5.cond.json").is_file()
    assert conditions.cond_root_of(shop.tokens) == shop.tokens
    assert not shop.params.exists()


def test_the_tree_remembers_where_its_sidecars_are(shop) -> None:
    shop.init()
    summary = init(audio_root=shop.tokens)
    assert summary.output == shop.params.resolve()
    assert not list(shop.tokens.rglob("*.npy"))


def test_features_are_kept(shop, keys) -> None:
    shop.add("--const", "a=1", producer="const")
    before = shop.files()
    summary = shop.init()
    assert shop.files() == before
    assert summary.notes == ["3 sidecars have features and were kept"]
    assert shop.init().skipped == 3
    shop.init(overwrite=True)
    assert shop.read(keys[0]).names == ()
    assert shop.conditions().columns == ()


def test_a_new_clip_in_a_tree_with_features_is_told(shop) -> None:
    shop.add("--const", "a=1", producer="const")
    shop.token("new")
    summary = shop.init()
    assert any("1 sidecars have no features yet, others have a" in note for note in summary.notes)
    schema = shop.conditions()
    assert (schema.columns, schema.num_clips, schema.incomplete) == (("a",), 3, ("new.ecdc",))


def test_another_length_is_reported_and_remade_on_request(shop, keys) -> None:
    shop.add("--const", "a=1", producer="const")
    shop.token(keys[0], 640)
    before = shop.npy(keys[0]).read_bytes()
    summary = shop.init()
    [(key, error)] = summary.failures
    assert key == f"{keys[0]}.ecdc"
    assert "has 10 frames, its token file 2" in str(error)
    assert "--overwrite" in str(error)
    assert summary.exit_code == 1
    assert shop.npy(keys[0]).read_bytes() == before
    assert shop.init(skip_errors=True).exit_code == 0
    assert shop.init(overwrite=True).exit_code == 0
    assert shop.read(keys[0]).num_frames == 2


def test_bad_files_are_told_and_the_others_finish(shop, keys) -> None:
    shop.init()
    (shop.tokens / "cut.ecdc").write_bytes((shop.tokens / f"{keys[0]}.ecdc").read_bytes()[:-2])
    (shop.tokens / "empty.ecdc").write_bytes(b"")
    shop.npy(keys[0]).write_bytes(b"not numpy")
    json_path = Path(sidecar.json_of(str(shop.npy(keys[1]))))
    json_path.write_text(json.dumps({**json.loads(json_path.read_text()), "schema_version": 7}))
    shop.token("fresh")
    summary = shop.init()
    told = {key: str(error) for key, error in summary.failures}
    assert set(told) == {"cut.ecdc", "empty.ecdc", f"{keys[0]}.ecdc", f"{keys[1]}.ecdc"}
    assert "half replaced" in told[f"{keys[0]}.ecdc"]
    assert "schema_version is 7" in told[f"{keys[1]}.ecdc"]
    assert all(" -> " in text for text in told.values())
    assert shop.read("fresh").num_frames == 10
    lines = summary.failures_path.read_text().splitlines()
    assert len(lines) == 4
    assert shop.conditions().num_incomplete == 4


def test_the_manifest_has_every_clip_whatever_the_shards(shop, tmp_path, keys) -> None:
    table = tmp_path / "m" / "manifest.csv"
    for index in range(3):
        shop.init(manifest_csv=table, options=RunOptions(workers=1, shard_index=index, shard_count=3))
    rows = manifest.read(table)
    assert [row.rel_ecdc for row in rows] == sorted(f"{key}.ecdc" for key in keys)
    assert rows[0] == manifest.Row(f"{keys[0]}.ecdc", f"{keys[0]}.cond.npy", 10, 0, 75, 2)
    shop.add("--const", "a=1", producer="const")
    shop.init(manifest_csv=table)
    assert {row.num_features for row in manifest.read(table)} == {1}


def test_a_shard_without_count_is_an_error() -> None:
    with pytest.raises(UsageError, match="--shard-count"):
        RunOptions(shard_index=0)


SCHEMA = """
parameters:
  pitch: {type: continuous, units: MIDI, range: [0, 127], doc: note}
  scene: {type: class, classes: [in, out]}
"""


def test_a_schema_declares_parameters(shop, tmp_path, keys) -> None:
    (tmp_path / "s.yaml").write_text(SCHEMA)
    shop.init(schema=tmp_path / "s.yaml")
    schema = shop.conditions()
    assert (schema.columns, list(schema.declared)) == ((), ["pitch", "scene"])
    # the order of the schema, not of the producers; words become indices
    shop.add("--const", "scene=out", "other=5", producer=["const", "from_filename"])
    found = shop.read(keys[0])
    assert found.names == ("pitch", "scene", "other", "amp")
    assert list(found.values[0]) == [60, 1, 5, 0.5]
    assert found.features["pitch"].units == "MIDI"
    schema = shop.conditions()
    assert schema.parameters["scene"].classes == ("in", "out")
    assert schema.parameters["pitch"].measured is not None
    assert (schema.parameters["pitch"].measured.min, schema.parameters["pitch"].measured.max) == (1, 64)
    # a later init without --schema remembers it
    shop.init()
    assert list(shop.conditions().declared) == ["pitch", "scene"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("parameters: {a: {type: knob}}", "parameters.a.type"),
        ("parameters: {a: {unit: Hz}}", "parameters.a.unit"),
        ("parameters: {a: {range: [3, 1]}}", "parameters.a"),
        ("a: 1", "parameters"),
        ("{", "is no YAML"),
        ("- 1", "the whole file"),
    ],
)
def test_a_wrong_schema_is_told(shop, tmp_path, text: str, told: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(UsageError, match=told):
        shop.init(schema=tmp_path / "s.yaml")
    with pytest.raises(UsageError, match="cannot be read"):
        shop.init(schema=tmp_path / "missing.yaml")


def test_classes_that_are_in_use_keep_their_meaning(shop, tmp_path) -> None:
    (tmp_path / "s.yaml").write_text(SCHEMA)
    shop.init(schema=tmp_path / "s.yaml")
    shop.add("--const", "scene=out", producer="const")
    (tmp_path / "s.yaml").write_text("parameters: {scene: {type: class, classes: [out, in]}}")
    with pytest.raises(UsageError, match="another meaning"):
        shop.init(schema=tmp_path / "s.yaml")
    (tmp_path / "s.yaml").write_text("parameters: {scene: {type: class, classes: [in, out, between]}}")
    shop.init(schema=tmp_path / "s.yaml")
    assert shop.conditions().parameters["scene"].classes == ("in", "out", "between")


def test_dtype(shop, keys) -> None:
    shop.init(dtype="float32")
    assert shop.read(keys[0]).values.dtype == np.float32
    shop.add("--const", "a=4097", producer="const")
    assert shop.read(keys[0]).values.dtype == np.float32
    with pytest.raises(UsageError, match="the sidecars hold float32"):
        shop.init(dtype="float16")
    shop.token("more")
    shop.init()
    assert shop.read("more").values.dtype == np.float32


def test_no_tokens_is_an_error(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "missing"):
        with pytest.raises(UsageError) as caught:
            init(audio_root=tmp_path / folder)
        assert caught.value.path == tmp_path / folder


def test_a_file_in_place_of_the_folder_is_told(shop, tmp_path) -> None:
    (tmp_path / "params").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        shop.init()
