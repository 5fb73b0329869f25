"""`dataset build`: what is packed, what is refused, and that it may be repeated, moved and killed."""

from __future__ import annotations

import json
import os
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

from soundwright.core.errors import BadInput, UsageError
from soundwright.dataset import shards
from soundwright.dataset.build import build
from soundwright.dataset.read import open_pack
from soundwright.formats import conditions, ecdc, sidecar
from soundwright.formats.tokens import read_tokens
from soundwright.runs.events import Event, ItemDone, Started, listening

if TYPE_CHECKING:
    from conftest import Tree


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a pack but the records of its runs."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".soundwright" not in path.relative_to(folder).parts
    }


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


def test_the_pack_loads_with_its_files_after_a_move_without_the_originals(
    tree: Tree, out: Path, tmp_path: Path
) -> None:
    build(tree.tokens, out)
    shutil.copytree(out, tmp_path / "copied", symlinks=True)
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    out.rename(moved)
    shutil.rmtree(tree.root)
    for folder in (moved, tmp_path / "copied"):
        for row in load_from_disk(str(folder))["train"]:
            key = row["audio"].removeprefix("tokens/")
            np.testing.assert_array_equal(read_tokens(folder / row["audio"]).codes, tree.codes[key])
        assert len(open_pack(folder).splits["train"]) == 3


def test_where_no_hard_link_is_possible_it_is_a_relative_symbolic_one_and_it_is_said(
    tree: Tree, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    summary = build(tree.tokens, out, verify=True)
    link = out / "tokens" / "birds" / "b.ecdc"
    assert link.is_symlink()
    assert not os.path.isabs(os.readlink(link))
    assert any("--materialize copy" in note for note in summary.notes)
    # Moved together with the originals the links still hold; alone, the Arrow data do.
    everything = tmp_path / "everything"
    everything.mkdir()
    tree.root.rename(everything / "in")
    out.rename(everything / "pack")
    assert (everything / "pack" / "tokens" / "birds" / "b.ecdc").exists()
    shutil.rmtree(everything / "in")
    np.testing.assert_array_equal(open_pack(everything / "pack").splits["train"][0].codes, tree.codes["a.ecdc"])


def test_dangling_links_and_old_copies_are_refreshed(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    target = out / "tokens" / "a.ecdc"
    target.unlink()
    target.symlink_to("/nowhere/a.ecdc")
    assert build(tree.tokens, out, verify=True).exit_code == 0
    assert target.read_bytes() == (tree.tokens / "a.ecdc").read_bytes()

    build(tree.tokens, out, materialize="copy")
    assert not target.samefile(tree.tokens / "a.ecdc")
    tree.add(["a.ecdc"], num_codebooks=4)
    (tree.tokens / "a.ecdc").write_bytes(ecdc.encode(read_tokens(tree.tokens / "birds" / "b.ecdc")))
    shutil.copy(tree.npy("birds/b.ecdc"), tree.npy("a.ecdc"))
    shutil.copy(sidecar.json_of(str(tree.npy("birds/b.ecdc"))), sidecar.json_of(str(tree.npy("a.ecdc"))))
    assert build(tree.tokens, out, materialize="copy", verify=True).exit_code == 0
    assert target.read_bytes() == (tree.tokens / "a.ecdc").read_bytes()


def test_none_places_no_files(tree: Tree, out: Path) -> None:
    assert build(tree.tokens, out, materialize="none", verify=True).exit_code == 0
    assert not (out / "tokens").exists()
    assert len(load_from_disk(str(out))["train"]) == 3


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


def test_mixed_codebooks_and_codecs_are_an_error_that_lists_files(tree: Tree, out: Path) -> None:
    tree.add(["z8.ecdc"], num_codebooks=8)
    tree.add(["pocket.ecdc"], codec="pocket")
    with pytest.raises(BadInput) as caught:
        build(tree.tokens, out)
    assert "encodec_24khz with 8 codebooks: z8.ecdc" in str(caught.value)
    assert "pocket with 4 codebooks: pocket.ecdc" in str(caught.value)
    assert not (out / "dataset_dict.json").exists()


def test_torch_format_serves_the_older_loaders(tree: Tree, out: Path) -> None:
    torch = pytest.importorskip("torch")
    assert build(tree.tokens, out, token_format="torch", verify=True).exit_code == 0
    for row in load_from_disk(str(out))["train"]:
        key = row["audio"].removeprefix("tokens/")
        content = torch.load(out / row["audio"], weights_only=True)
        assert content["audio_codes"].shape == (1, 1, *tree.codes[key].shape)
        np.testing.assert_array_equal(content["audio_codes"][0, 0].numpy(), tree.codes[key])
        # The older loader finds the sidecar in this way.
        npy = (out / row["audio"]).with_suffix(".cond.npy")
        assert json.loads(npy.with_suffix(".json").read_text())["names"] == list(tree.columns)
    # The originals are as they were, and the way back works too.
    assert (tree.tokens / "a.ecdc").read_bytes()[:4] == b"ECDC"
    assert build(tree.tokens, out, verify=True).exit_code == 0
    assert (out / "tokens" / "a.ecdc").read_bytes()[:4] == b"ECDC"


def test_older_token_files_are_packed_and_written_as_the_bit_stream(tree: Tree, out: Path) -> None:
    pytest.importorskip("torch")
    from soundwright.formats import torch_tokens

    for key in tree.codes:
        torch_tokens.write(tree.tokens / key, read_tokens(tree.tokens / key))
    assert build(tree.tokens, out, verify=True).exit_code == 0
    np.testing.assert_array_equal(open_pack(out).splits["train"][0].codes, tree.codes["a.ecdc"])
    assert (out / "tokens" / "a.ecdc").read_bytes()[:4] == b"ECDC"


def test_verify_finds_what_differs_and_the_next_build_mends_it(tree: Tree, out: Path) -> None:
    build(tree.tokens, out, materialize="copy")
    target = out / "tokens" / "a.ecdc"
    date = target.stat().st_mtime_ns
    data = bytearray(target.read_bytes())
    data[-3] ^= 1
    target.write_bytes(data)
    os.utime(target, ns=(date, date))
    summary = build(tree.tokens, out, materialize="copy", verify=True)
    assert summary.exit_code == 1
    assert [key for key, _ in summary.failures] == ["a.ecdc"]
    assert "1 differ" in "\n".join(summary.lines())
    assert build(tree.tokens, out, materialize="copy", verify=True).exit_code == 0


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


def test_the_originals_may_not_lie_where_the_pack_keeps_its_files(tree: Tree) -> None:
    before = snapshot(tree.root)
    with pytest.raises(UsageError, match="keeps its own files"):
        build(tree.tokens, tree.root)
    with pytest.raises(UsageError, match="folder of its own"):
        build(tree.tokens, tree.tokens)
    assert {name: snapshot(tree.root)[name] for name in before} == before


def test_a_name_that_is_no_utf8_is_refused_by_name(tree: Tree, out: Path) -> None:
    name = os.fsdecode(b"bad\xff.ecdc")
    shutil.copy(tree.tokens / "a.ecdc", tree.tokens / name)
    summary = build(tree.tokens, out)
    assert (summary.exit_code, summary.done) == (1, 3)
    assert "not UTF-8" in str(summary.failures[0][1])


def test_unicode_names(make_tree: Callable[..., Tree], out: Path) -> None:
    tree = make_tree().add(["stéréo ü/日本.ecdc", 'q"u,o\nte.ecdc']).remember()
    assert build(tree.tokens, out, verify=True).exit_code == 0


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
