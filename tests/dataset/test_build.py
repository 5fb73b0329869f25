"""`dataset build`: what is packed, what is refused, and what is said."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from datasets import DatasetDict, load_from_disk

from soundwright.core.errors import BadInput, UsageError
from soundwright.dataset import shards
from soundwright.dataset.build import build
from soundwright.dataset.read import open_pack
from soundwright.formats import conditions, sidecar
from soundwright.runs.events import Event, ItemDone, Started, listening

if TYPE_CHECKING:
    from conftest import Tree


def test_every_number_arrives_and_datasets_loads_it(tree: Tree, out: Path) -> None:
    summary = build(tree.tokens, out)
    assert (summary.exit_code, summary.done, summary.failures) == (0, 3, [])
    loaded = load_from_disk(str(out))
    assert isinstance(loaded, DatasetDict)
    rows = loaded["train"]
    assert rows.column_names == ["audio", "tokens", "cond", "num_frames", "num_codebooks"]
    assert rows["audio"][:] == [f"tokens/{key}" for key in sorted(tree.codes)]
    for row in rows:
        key = row["audio"].removeprefix("tokens/")
        shape = row["num_frames"], row["num_codebooks"]
        assert shape == tree.codes[key].shape[::-1]
        np.testing.assert_array_equal(np.reshape(row["tokens"], shape).T, tree.codes[key])
        np.testing.assert_array_equal(np.reshape(row["cond"], (shape[0], -1)).astype("float16"), tree.cond[key])
        assert (out / row["audio"]).read_bytes() == (tree.tokens / key).read_bytes()
        assert sidecar.read(out / sidecar.paths(row["audio"])[0]).names == tree.columns
    assert str(rows.features["tokens"].feature.dtype) == "uint16"
    assert conditions.read(out) == conditions.read(tree.params)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_type_of_the_conditions_is_kept(make_tree: Callable[..., Tree], out: Path, dtype: str) -> None:
    tree = make_tree(dtype=dtype).add().remember()
    build(tree.tokens, out, verify=True)
    assert str(load_from_disk(str(out))["train"].features["cond"].feature.dtype) == dtype
    assert open_pack(out).splits["train"][0].cond.dtype == dtype


def test_sidecars_are_found_where_init_recorded_them_also_from_a_subfolder(tree: Tree, out: Path) -> None:
    summary = build(tree.tokens / "birds", out, split="valid")
    assert summary.done == 2
    assert open_pack(out).splits["valid"].columns == tree.columns
    assert any("params/birds" in note for note in summary.notes)


def test_an_explicit_cond_root_is_used(tree: Tree, out: Path) -> None:
    (tree.tokens / ".soundwright" / "cond-root.json").unlink()
    build(tree.tokens, out, cond_root=tree.params)
    assert open_pack(out).splits["train"].columns == tree.columns


def test_without_sidecars_tokens_are_packed_alone_and_it_is_said(tree: Tree, out: Path) -> None:
    (tree.tokens / ".soundwright" / "cond-root.json").unlink()
    summary = build(tree.tokens, out, verify=True)
    assert summary.exit_code == 0
    assert any("no sidecars" in note for note in summary.notes)
    assert open_pack(out).splits["train"][0].cond.shape[1] == 0
    assert not (out / "conditions.json").exists()
    assert load_from_disk(str(out))["train"][0]["cond"] == []


def test_sidecars_of_another_tool_are_measured(tree: Tree, out: Path) -> None:
    (tree.params / "conditions.json").unlink()
    for key in tree.cond:
        path = Path(sidecar.json_of(str(tree.npy(key))))
        path.write_text(
            json.dumps({"schema_version": 1, "fps": 75, "names": list(tree.columns), "source_rate": 75, "norm": {}})
        )
    summary = build(tree.tokens, out)
    assert summary.exit_code == 0
    measured = open_pack(out).conditions.parameters["pitch"].measured
    every = np.concatenate([values[:, 0] for values in tree.cond.values()]).astype(np.float64)
    assert measured.min == every.min()
    assert measured.mean == pytest.approx(every.mean())


def test_clips_that_cannot_be_packed_are_listed_and_left_out(tree: Tree, out: Path) -> None:
    tree.add([f"bad{i}.ecdc" for i in range(7)])
    (tree.tokens / "bad0.ecdc").write_bytes(b"ECDC")
    tree.npy("bad1.ecdc").unlink()
    Path(sidecar.json_of(str(tree.npy("bad1.ecdc")))).unlink()
    sidecar.write(tree.npy("bad2.ecdc"), tree.cond["bad2.ecdc"][:-1], tree.columns, fps=75)
    sidecar.write(tree.npy("bad3.ecdc"), tree.cond["bad3.ecdc"], ("pitch", "tempo"), fps=75)
    np.save(tree.npy("bad4.ecdc"), tree.cond["bad4.ecdc"] + 1)
    sidecar.write(tree.npy("bad5.ecdc"), tree.cond["bad5.ecdc"].astype(np.float32), tree.columns, fps=75)
    sidecar.write(tree.npy("bad6.ecdc"), tree.cond["bad6.ecdc"], tree.columns, fps=50)
    summary = build(tree.tokens, out)
    assert (summary.exit_code, summary.done) == (1, 3)
    told = {key: str(error) for key, error in summary.failures}
    expected = [
        ("bad0", "expected a token file"),
        ("bad1", "no sidecar"),
        ("bad2", "frames, its tokens"),
        ("bad3", r"columns ['pitch', 'tempo'], the schema ['pitch', 'scene']"),
        ("bad4", "half replaced"),
        ("bad5", "is float32, the schema says float16"),
        ("bad6", "50 frames/s, its tokens 75"),
    ]
    for key, words in expected:
        assert words in told[f"{key}.ecdc"]
    assert len(load_from_disk(str(out))["train"]) == 3
    assert not list((out / "tokens").glob("bad*"))
    lines = [json.loads(line) for line in summary.failures_path.read_text().splitlines()]
    assert {line["key"] for line in lines} == set(told)
    # The next run tells them again, and the one after the repair has nothing to tell.
    assert build(tree.tokens, out).exit_code == 1
    tree.add([f"bad{i}.ecdc" for i in range(7)])
    assert build(tree.tokens, out, verify=True).exit_code == 0
    assert len(load_from_disk(str(out))["train"]) == 10


def test_mixed_codebooks_and_codecs_are_an_error_that_lists_files(tree: Tree, out: Path) -> None:
    tree.add(["z8.ecdc"], num_codebooks=8)
    tree.add(["pocket.ecdc"], codec="pocket")
    with pytest.raises(BadInput) as caught:
        build(tree.tokens, out)
    assert "encodec_24khz with 8 codebooks: z8.ecdc" in str(caught.value)
    assert "pocket with 4 codebooks: pocket.ecdc" in str(caught.value)
    assert not (out / "dataset_dict.json").exists()


def test_many_batches_and_files_read_as_one(
    tree: Tree, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.add([f"m{i:02d}.ecdc" for i in range(20)])
    build(tree.tokens, tmp_path / "one")
    monkeypatch.setattr(shards, "BATCH_ROWS", 3)
    monkeypatch.setattr(shards, "FILE_BYTES", 1500)
    build(tree.tokens, out, verify=True)
    assert len(list((out / "train").glob("*.arrow"))) > 1
    one, many = (open_pack(folder).splits["train"] for folder in (tmp_path / "one", out))
    assert len(one) == len(many) == 23
    for a, b in zip(one, many, strict=True):
        assert a.audio == b.audio
        np.testing.assert_array_equal(a.tokens, b.tokens)
        np.testing.assert_array_equal(a.cond, b.cond)
    assert load_from_disk(str(out))["train"][22]["audio"] == many[22].audio


def test_progress_events(tree: Tree, out: Path) -> None:
    events: list[Event] = []
    with listening(events.append):
        build(tree.tokens, out)
    assert [event.total for event in events if isinstance(event, Started)] == [3]
    assert [event.key for event in events if isinstance(event, ItemDone)] == sorted(tree.codes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "a/b"}, "--split"),
        ({"split": "train[:10]"}, "--split"),
        ({"tokens_subdir": "../x"}, "--tokens-subdir"),
        ({"tokens_subdir": "/x"}, "--tokens-subdir"),
        ({"split": "tokens"}, "folder of split"),
        ({"max_files": 0}, "--max-files"),
        ({"cond_root": Path("nowhere")}, "folder of the sidecars"),
        ({"suffix": ".dac"}, "no file ends in .dac"),
    ],
)
def test_wrong_options_are_told_before_anything_is_written(
    tree: Tree, out: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words.replace("[", r"\[")):
        build(tree.tokens, out, **options)
    assert not (out / "dataset_dict.json").exists()


def test_a_name_that_is_no_utf8_is_refused_by_name(tree: Tree, out: Path) -> None:
    name = os.fsdecode(b"bad\xff.ecdc")
    shutil.copy(tree.tokens / "a.ecdc", tree.tokens / name)
    summary = build(tree.tokens, out)
    assert (summary.exit_code, summary.done) == (1, 3)
    assert "not UTF-8" in str(summary.failures[0][1])


def test_unicode_names(make_tree: Callable[..., Tree], out: Path) -> None:
    tree = make_tree().add(["stéréo ü/日本.ecdc", 'q"u,o\nte.ecdc']).remember()
    assert build(tree.tokens, out, verify=True).exit_code == 0
