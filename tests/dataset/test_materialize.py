"""`dataset build`: the files beside the data: links, copies, either token format."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from datasets import load_from_disk
from snapshots import snapshot

from soundwright.core.errors import UsageError
from soundwright.dataset.build import build
from soundwright.dataset.read import open_pack
from soundwright.formats import ecdc, sidecar
from soundwright.formats.tokens import read_tokens

if TYPE_CHECKING:
    from conftest import Tree


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


def test_the_originals_may_not_lie_where_the_pack_keeps_its_files(tree: Tree) -> None:
    before = snapshot(tree.root)
    with pytest.raises(UsageError, match="keeps its own files"):
        build(tree.tokens, tree.root)
    with pytest.raises(UsageError, match="folder of its own"):
        build(tree.tokens, tree.tokens)
    assert {name: snapshot(tree.root)[name] for name in before} == before
