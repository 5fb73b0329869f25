"""Defects of packing seen in the tool that document 002 describes (lonce/EncHF_Dataset) and in loaders of its packs.

The numbers are those of our list of its defects.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats import ecdc, sidecar
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.ecdc import TokenFile, TokenHeader
from soundwright.formats.tokens import read_tokens

datasets = pytest.importorskip("datasets")
build = pytest.importorskip("soundwright.dataset.build").build
open_pack = pytest.importorskip("soundwright.dataset.read").open_pack


def write_clip(tokens: Path, params: Path, key: str, *, num_codebooks: int = 4, highest: float = 1.0) -> None:
    codes = np.arange(num_codebooks * 12, dtype=np.uint16).reshape(num_codebooks, 12)
    ecdc.write(tokens / key, TokenFile.of(TokenHeader("encodec_24khz", 12 * 320, num_codebooks), codes))
    values = np.linspace(0, highest, 12, dtype=np.float32)[:, None]
    sidecar.write(params / sidecar.paths(key)[0], values, ["gain"], fps=75)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    for key in ("a.ecdc", "sub/b.ecdc"):
        write_clip(tmp_path / "ecdc", tmp_path / "params", key)
    return tmp_path / "ecdc", tmp_path / "params"


def test_5_names_reach_the_dataset(trees: tuple[Path, Path], tmp_path: Path) -> None:
    """with_suffix made x.cond.cond.json, and loaders that look for x.cond.json found no names."""
    build(trees[0], tmp_path / "pack", cond_root=trees[1])
    row = datasets.load_from_disk(str(tmp_path / "pack"))["train"][0]
    npy = (tmp_path / "pack" / row["audio"]).with_suffix(".cond.npy")
    assert npy.with_suffix(".json").is_file()
    assert not list((tmp_path / "pack").rglob("*.cond.cond.json"))
    assert open_pack(tmp_path / "pack").splits["train"].columns == ("gain",)


def test_18_the_pack_carries_the_sidecars(trees: tuple[Path, Path], tmp_path: Path) -> None:
    """There was no --cond-root, and --verify was content with a pack without sidecars."""
    summary = build(trees[0], tmp_path / "pack", cond_root=trees[1], verify=True)
    assert summary.exit_code == 0
    (tmp_path / "pack" / "tokens" / "sub" / "b.cond.npy").unlink()
    trees[1].joinpath("sub", "b.cond.npy").unlink()
    assert build(trees[0], tmp_path / "pack", cond_root=trees[1], verify=True).exit_code == 1


def test_19_the_default_pack_can_be_moved_and_published(trees: tuple[Path, Path], tmp_path: Path) -> None:
    """Links dangled after a move, although the document says to copy or publish the directory."""
    build(trees[0], tmp_path / "pack", cond_root=trees[1])
    (tmp_path / "pack").rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", tmp_path / "published")
    shutil.rmtree(trees[0])
    shutil.rmtree(trees[1])
    for folder in (tmp_path / "moved", tmp_path / "published"):
        for row in datasets.load_from_disk(str(folder))["train"]:
            assert read_tokens(folder / row["audio"]).num_frames == row["num_frames"]


def test_20_a_second_split_keeps_the_first(trees: tuple[Path, Path], tmp_path: Path) -> None:
    """dataset_dict.json was rewritten and train became an orphan."""
    write_clip(tmp_path / "more", tmp_path / "more_params", "c.ecdc")
    build(trees[0], tmp_path / "pack", cond_root=trees[1])
    build(tmp_path / "more", tmp_path / "pack", cond_root=tmp_path / "more_params", split="valid")
    loaded = datasets.load_from_disk(str(tmp_path / "pack"))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 2, "valid": 1}


def test_21_a_rerun_refreshes_dangling_links_and_old_copies(trees: tuple[Path, Path], tmp_path: Path) -> None:
    """A dangling link was a FileExistsError, and a copy was never refreshed."""
    pack = tmp_path / "pack"
    (pack / "tokens").mkdir(parents=True)
    (pack / "tokens" / "a.ecdc").symlink_to(tmp_path / "gone.ecdc")
    build(trees[0], pack, cond_root=trees[1])
    assert read_tokens(pack / "tokens" / "a.ecdc").num_codebooks == 4
    build(trees[0], pack, cond_root=trees[1], materialize="copy")
    write_clip(*trees, "a.ecdc", highest=0.5)
    build(trees[0], pack, cond_root=trees[1], materialize="copy")
    assert sidecar.read(pack / "tokens" / "a.cond.npy").values.max() == 0.5


def test_21_verify_changes_the_exit_code_and_folders_are_searched_through(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    assert build(trees[0], tmp_path / "pack", cond_root=trees[1]).done == 2
    target = tmp_path / "pack" / "tokens" / "sub" / "b.ecdc"
    target.unlink()
    write_clip(tmp_path / "pack" / "tokens", tmp_path / "nowhere", "sub/b.ecdc", num_codebooks=2)
    from soundwright.dataset.verify import differences

    found = list(differences(tmp_path / "pack", "train", "tokens", tmp_path / "pack", None))
    assert [key for key, _ in found] == ["sub/b.ecdc"]


def test_mixed_codebooks_are_not_packed_in_silence(trees: tuple[Path, Path], tmp_path: Path) -> None:
    """A corpus of 16 codebooks was trained as 8, since nothing recorded K."""
    write_clip(*trees, "c.ecdc", num_codebooks=16)
    with pytest.raises(BadInput, match=r"16 codebooks: c\.ecdc"):
        build(trees[0], tmp_path / "pack", cond_root=trees[1])
    (trees[0] / "c.ecdc").unlink()
    build(trees[0], tmp_path / "pack", cond_root=trees[1])
    assert open_pack(tmp_path / "pack").meaning.num_codebooks == 4
    windows = pytest.importorskip("soundwright.dataset.windows")
    with pytest.raises(UsageError, match="the dataset has 4"):
        windows.Windows(open_pack(tmp_path / "pack").splits["train"], 4, num_codebooks=8)


def test_ramps_of_different_height_stay_different_and_constants_are_scaled(tmp_path: Path) -> None:
    """Scaled per clip, 0 -> 1 and 0 -> 10 became the same, and constants passed unscaled."""
    from soundwright.dataset.scaling import Scaler

    tokens, params = tmp_path / "ecdc", tmp_path / "params"
    write_clip(tokens, params, "high.ecdc", highest=10.0)
    write_clip(tokens, params, "low.ecdc", highest=1.0)
    write_clip(tokens, params, "zero.ecdc", highest=0.0)
    build(tokens, tmp_path / "pack", cond_root=params)
    pack = open_pack(tmp_path / "pack")
    scaler = Scaler(pack.conditions)
    assert [float(scaler(clip.cond).max()) for clip in pack.splits["train"]] == pytest.approx([1.0, 0.1, 0.0])


def test_nothing_in_a_token_file_is_executed(trees: tuple[Path, Path], tmp_path: Path) -> None:
    """Loaders opened every file with full pickle."""
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "executed",)

    torch = pytest.importorskip("torch")
    torch.save({"audio_codes": Evil(), "audio_length": 1}, trees[0] / "evil.ecdc")
    (trees[0] / "bare.ecdc").write_bytes(pickle.dumps(Evil()))
    summary = build(trees[0], tmp_path / "pack", cond_root=trees[1])
    assert {key for key, _ in summary.failures} == {"evil.ecdc", "bare.ecdc"}
    assert not (tmp_path / "executed").exists()


def test_all_splits_are_scaled_alike(tmp_path: Path) -> None:
    """Each split was scaled by its own extremes: a gain of 1 was 1.0 in valid and 0.1 in train."""
    torch = pytest.importorskip("torch")
    windows = pytest.importorskip("soundwright.dataset.windows")
    for split, highest in (("train", 10.0), ("valid", 1.0)):
        write_clip(tmp_path / split, tmp_path / f"{split}_params", f"{split}.ecdc", highest=highest)
        build(tmp_path / split, tmp_path / "pack", cond_root=tmp_path / f"{split}_params", split=split)
    pack = open_pack(tmp_path / "pack")
    tops = {name: windows.Windows(split, 11)[0]["cond"].max() for name, split in pack.splits.items()}
    assert torch.isclose(tops["train"], torch.tensor(1.0))
    assert torch.isclose(tops["valid"], torch.tensor(0.1))
    assert pack.splits["valid"].conditions == pack.conditions


def test_a_rewritten_copy_is_known_by_its_content(trees: tuple[Path, Path], tmp_path: Path) -> None:
    """A token file in the older format was up to date if its date was, though other tokens had come with that date."""
    pytest.importorskip("torch")
    pack, source = tmp_path / "pack", trees[0] / "a.ecdc"
    build(trees[0], pack, cond_root=trees[1], token_format="torch")
    target = pack / "tokens" / "a.ecdc"
    before = target.read_bytes()
    date = source.stat().st_mtime_ns
    header = TokenHeader("encodec_24khz", 20 * 320, 4)
    ecdc.write(source, TokenFile.of(header, np.full((4, 20), 7, np.uint16)))
    sidecar.write(trees[1] / "a.cond.npy", np.ones((20, 1), np.float32), ["gain"], fps=75)
    os.utime(source, ns=(date, date))
    assert build(trees[0], pack, cond_root=trees[1], token_format="torch", verify=True).exit_code == 0
    assert (read_tokens(target).codes == 7).all()
    assert target.read_bytes() != before
    # What is still current is left alone.
    place = target.stat().st_ino
    write_clip(*trees, "new.ecdc")
    build(trees[0], pack, cond_root=trees[1], token_format="torch")
    assert target.stat().st_ino == place


def test_ramps_of_different_height_in_two_splits_go_together(tmp_path: Path) -> None:
    """The ends of a ramp are its range; those of two splits are one parameter whose range holds both."""

    def known(high: float, **fields: object) -> Conditions:
        parameter = Parameter(range=(0, high), **fields)
        return Conditions(fps=75, columns=("gain",), parameters={"gain": parameter})

    combine = pytest.importorskip("soundwright.dataset.schema").combine
    both = combine([known(1.0), known(10.0)])
    assert both is not None
    assert both.parameters["gain"].range == (0, 10)
    with pytest.raises(UsageError, match="different things"):
        combine([known(1.0, declared=True), known(10.0, declared=True)])
