"""`dataset build` again: other splits, changed clips, damage, and a kill at any moment."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from datasets import DatasetDict, load_from_disk
from snapshots import snapshot

from soundwright.core.errors import BadInput, UsageError
from soundwright.dataset.build import build
from soundwright.dataset.read import open_pack

if TYPE_CHECKING:
    from conftest import Tree


def test_a_second_split_keeps_the_first(tree: Tree, make_tree: Callable[..., Tree], out: Path) -> None:
    build(tree.tokens, out)
    first = snapshot(out / "train")
    other = make_tree("other").add(["x.ecdc", "y.ecdc"]).remember()
    summary = build(other.tokens, out, split="valid")
    assert list(load_from_disk(str(out))) == ["train", "valid"]
    assert snapshot(out / "train") == first
    pack = open_pack(out)
    assert [len(split) for split in pack.splits.values()] == [3, 2]
    # The schema covers both: a value has one scaling in all splits.
    values = np.concatenate([v[:, 0] for v in [*tree.cond.values(), *other.cond.values()]]).astype(float)
    assert pack.conditions.parameters["pitch"].measured.max == values.max()
    assert pack.conditions.parameters["pitch"].measured.mean == pytest.approx(values.mean())
    assert "split valid: 2 clips" in "\n".join(summary.lines())
    build(tree.tokens, out)
    assert list(load_from_disk(str(out))) == ["train", "valid"]


def test_splits_that_do_not_go_together_are_refused_before_anything_changes(
    tree: Tree, make_tree: Callable[..., Tree], out: Path
) -> None:
    build(tree.tokens, out)
    before = snapshot(out)
    same_names = make_tree("b").add().remember()
    with pytest.raises(UsageError, match=r"files of the same names: tokens/a.ecdc.*--tokens-subdir, e.g. tokens-valid"):
        build(same_names.tokens, out, split="valid")
    other_k = make_tree("c").add(["k.ecdc"], num_codebooks=8).remember()
    with pytest.raises(UsageError, match="num_codebooks 4, these files have 8"):
        build(other_k.tokens, out, split="valid")
    other_columns = make_tree("d", columns=("pitch",)).add(["k.ecdc"]).remember()
    with pytest.raises(UsageError, match="columns"):
        build(other_columns.tokens, out, split="valid")
    assert snapshot(out) == before
    assert build(same_names.tokens, out, split="valid", tokens_subdir="tokens-valid").exit_code == 0


def test_a_foreign_dataset_is_never_overwritten(tree: Tree, out: Path) -> None:
    from datasets import Dataset

    DatasetDict({"train": Dataset.from_dict({"audio": ["tokens/a.ecdc"]})}).save_to_disk(str(out))
    before = snapshot(out)
    for split in ("train", "valid"):
        with pytest.raises(UsageError, match="was not packed by soundwright"):
            build(tree.tokens, out, split=split)
    assert snapshot(out) == before
    shutil.rmtree(out)
    Dataset.from_dict({"audio": ["a"]}).save_to_disk(str(out))
    with pytest.raises(BadInput, match="single Dataset"):
        build(tree.tokens, out)


def test_a_rerun_does_nothing_and_gives_the_same(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    before = snapshot(out)
    dates = {path: path.stat().st_mtime_ns for path in (out / "train").iterdir()}
    again = build(tree.tokens, out)
    assert (again.done, again.skipped, again.exit_code) == (0, 3, 0)
    assert snapshot(out) == before
    assert {path: path.stat().st_mtime_ns for path in (out / "train").iterdir()} == dates


def test_equal_input_gives_equal_bytes(tree: Tree, out: Path, tmp_path: Path) -> None:
    build(tree.tokens, out)
    shutil.copytree(tree.root, tmp_path / "in2")
    build(tmp_path / "in2" / "tokens", tmp_path / "pack2")
    assert snapshot(out) == snapshot(tmp_path / "pack2")


def test_changed_added_and_removed_clips_are_taken_up(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    (tree.tokens / "a.ecdc").unlink()
    tree.add(["new.ecdc"])
    summary = build(tree.tokens, out, verify=True)
    assert (summary.done, summary.exit_code) == (3, 0)
    assert [clip.audio for clip in open_pack(out).splits["train"]] == [
        "tokens/birds/b.ecdc",
        "tokens/birds/owl/c_amp_.75.ecdc",
        "tokens/new.ecdc",
    ]
    assert not (out / "tokens" / "a.ecdc").exists()
    assert not (out / "tokens" / "a.cond.npy").exists()
    assert len(list((out / "train").glob("*.arrow"))) == 1
    assert build(tree.tokens, out, max_files=1).done == 1
    assert [path.name for path in (out / "tokens").rglob("*.ecdc")] == ["b.ecdc"]
    assert not (out / "tokens" / "birds" / "owl").exists()


def test_a_damaged_or_missing_data_file_is_mended_by_the_rerun(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    before = snapshot(out)
    (data,) = (out / "train").glob("*.arrow")
    data.write_bytes(data.read_bytes()[:500])
    with pytest.raises(BadInput, match="no whole data file"):
        open_pack(out)
    summary = build(tree.tokens, out)
    assert any("damaged and replaced" in note for note in summary.notes)
    assert snapshot(out) == before
    (data,) = (out / "train").glob("*.arrow")
    data.unlink()
    with pytest.raises(BadInput, match="is missing"):
        open_pack(out)
    build(tree.tokens, out)
    assert snapshot(out) == before


def test_nothing_to_pack_keeps_the_old_dataset(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    before = snapshot(out)
    for key in tree.codes:
        tree.npy(key).write_bytes(b"")
    with pytest.raises(BadInput, match="none of the 3 clips can be packed"):
        build(tree.tokens, out)
    assert {name: data for name, data in snapshot(out).items() if name.startswith("train")} == {
        name: data for name, data in before.items() if name.startswith("train")
    }
    assert len((out / ".soundwright/dataset-build/failures-train.jsonl").read_text().splitlines()) == 3
    assert len(load_from_disk(str(out))["train"]) == 3


KILLED = """
import os, signal, sys
from pathlib import Path
from soundwright.dataset import {module}
from soundwright.dataset.build import build

def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)

{module}.{name} = die
build(Path(sys.argv[1]), Path(sys.argv[2]))
"""

#: Places where the build is killed: while packing, before and after the rename that counts, before the end.
PLACES = [
    ("packing", "read_clip"),
    ("shards", "_commit"),
    ("shards", "layout.add_split"),
    ("packing", "remove"),
    ("packing", "schema.write"),
    ("packing", "atomic.write_json"),
]


@pytest.mark.parametrize(("module", "name"), PLACES)
def test_a_kill_leaves_the_old_dataset_or_the_new_and_the_rerun_mends(
    tree: Tree, out: Path, tmp_path: Path, module: str, name: str
) -> None:
    build(tree.tokens, out)
    old = {clip.audio for clip in open_pack(out).splits["train"]}
    (tree.tokens / "a.ecdc").unlink()
    tree.add(["new.ecdc"])
    script = KILLED.format(module=module, name=name)
    ended = subprocess.run([sys.executable, "-c", script, tree.tokens, out], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    now = {row["audio"] for row in load_from_disk(str(out))["train"]}
    assert now in (old, old - {"tokens/a.ecdc"} | {"tokens/new.ecdc"})
    assert all((out / audio).is_file() for audio in now)
    build(tree.tokens, out, verify=True)
    build(tree.tokens, tmp_path / "undisturbed")
    assert snapshot(out) == snapshot(tmp_path / "undisturbed")


TYPES_CHANGE = """
import os, signal, sys
from pathlib import Path
from soundwright.dataset.build import build
from soundwright.runs import atomic

calls = 0
write_json = atomic.write_json

def die_at(path, value):
    global calls
    if path.parent.name == "train":
        calls += 1
        if calls > {count}:
            os.kill(os.getpid(), signal.SIGKILL)
    write_json(path, value)

atomic.write_json = die_at
build(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_kill_while_the_types_of_columns_change_leaves_a_dataset_that_loads(
    tree: Tree, make_tree: Callable[..., Tree], out: Path, count: int
) -> None:
    build(tree.tokens, out)
    other = make_tree("wide", dtype="float32").add().remember()
    script = TYPES_CHANGE.format(count=count)
    ended = subprocess.run([sys.executable, "-c", script, other.tokens, out], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    rows = load_from_disk(str(out))["train"]
    assert str(rows.features["cond"].feature.dtype) == ("float32" if count == 2 else "float16")
    assert len(rows[:]["cond"]) == 3
    build(other.tokens, out, verify=True)
    assert str(load_from_disk(str(out))["train"].features["cond"].feature.dtype) == "float32"
