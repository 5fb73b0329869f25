"""The Arrow layout: any clip goes in and comes out bit by bit, without a copy."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from datasets import load_from_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soundwright.core.errors import BadInput, UsageError
from soundwright.dataset import layout, shards
from soundwright.dataset.build import build
from soundwright.dataset.info import info
from soundwright.dataset.layout import Meaning
from soundwright.dataset.read import PackedSplit, open_pack
from soundwright.dataset.shards import PackedClip, write_split
from soundwright.formats.conditions import Conditions, Parameter

if TYPE_CHECKING:
    from conftest import Tree


@st.composite
def packs(draw: st.DrawFn) -> tuple[list[PackedClip], int, str]:
    """Clips of any lengths with the same K, D and type."""
    num_codebooks, num_features = draw(st.integers(1, 33)), draw(st.integers(0, 4))
    width, dtype = draw(st.sampled_from([(16, "float16"), (32, "float32")]))
    lengths = draw(st.lists(st.integers(0, 12), max_size=8))
    clips = [
        PackedClip(
            f"tokens/{draw(st.text(st.characters(exclude_categories=['Cs']), max_size=5))}{i}.ecdc",
            draw(arrays(np.uint16, (num_codebooks, length), elements=st.integers(0, 1023))),
            draw(arrays(dtype, (length, num_features), elements=st.floats(-1000, 1000, width=width))),
        )
        for i, length in enumerate(lengths)
    ]
    return clips, num_codebooks, dtype


def meaning(num_codebooks: int, num_features: int, dtype: str) -> Meaning:
    names = tuple(f"f{d}" for d in range(num_features))
    conditions = Conditions.model_validate(
        {"fps": 75, "dtype": dtype, "columns": names, "parameters": {name: Parameter() for name in names}}
    )
    return Meaning(
        codec="encodec_24khz",
        sample_rate=24_000,
        frame_rate=75,
        num_codebooks=num_codebooks,
        bins=1024,
        conditions=conditions,
    )


@given(packs(), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_any_clips_come_back_bit_by_bit(pack: tuple[list[PackedClip], int, str], rows_per_batch: int) -> None:
    clips, num_codebooks, dtype = pack
    num_features = clips[0].cond.shape[1] if clips else 0
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "BATCH_ROWS", rows_per_batch)
        write_split(Path(folder), "train", clips, meaning(num_codebooks, num_features, dtype), dtype)
        split = PackedSplit(Path(folder), "train")
        assert len(split) == len(clips)
        for found, clip in zip(split, clips, strict=True):
            assert found.audio == clip.audio
            assert found.cond.dtype == dtype
            np.testing.assert_array_equal(found.codes, clip.codes)
            np.testing.assert_array_equal(found.cond, clip.cond)
        rows = load_from_disk(folder)["train"]
        for row, clip in zip(rows, clips, strict=True):
            assert row["tokens"] == clip.codes.T.reshape(-1).tolist()
            assert (row["num_frames"], row["num_codebooks"]) == clip.codes.shape[::-1]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_types_are_stated_as_datasets_states_them(tmp_path: Path, dtype: str) -> None:
    import pyarrow as pa
    from datasets import DatasetInfo, Features

    write_split(tmp_path, "train", [], meaning(2, 1, dtype), dtype)
    with pa.memory_map(str(next((tmp_path / "train").glob("*.arrow")))) as file:
        schema = pa.ipc.open_stream(file).schema
    expected = Features.from_arrow_schema(schema.remove_metadata())
    assert schema.metadata[b"huggingface"] == expected.arrow_schema.metadata[b"huggingface"]
    assert DatasetInfo.from_directory(str(tmp_path / "train")).features == expected


def test_positions_slices_and_ends(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    split = open_pack(out).splits["train"]
    assert split[-1].audio == split[2].audio
    assert [clip.audio for clip in split[1:]] == split.audio_paths()[1:]
    assert split.num_frames.tolist() == [clip.num_frames for clip in split]
    assert split.duration_s == pytest.approx(split.num_frames.sum() / 75)
    for index in (3, -4):
        with pytest.raises(IndexError):
            split[index]


def test_arrays_are_read_only_views_of_the_file(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    split = open_pack(out).splits["train"]
    for array in (split[0].tokens, split[0].cond):
        assert not array.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert np.shares_memory(split[0].tokens, split[0].tokens)


def test_views_outlive_the_split(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    codes = open_pack(out).splits["train"][0].codes
    np.testing.assert_array_equal(codes, tree.codes["a.ecdc"])


def test_a_split_can_be_sent_to_worker_processes(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    split = open_pack(out).splits["train"]
    assert len(pickle.dumps(split)) < 1000
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(split))[1].tokens, split[1].tokens)


def test_reading_needs_neither_datasets_nor_torch(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    program = (
        "import sys; from soundwright.dataset.read import open_pack; from pathlib import Path; "
        "clip = open_pack(Path(sys.argv[1])).splits['train'][0]; "
        "assert not {'datasets', 'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(out)], check=True)


def test_what_is_no_pack_is_told(tree: Tree, out: Path) -> None:
    with pytest.raises(UsageError, match="holds no dataset"):
        open_pack(out)
    build(tree.tokens, out)
    with pytest.raises(UsageError, match="no split 'test'; it has train"):
        PackedSplit(out, "test")
    (out / layout.DICT).write_text("{")
    with pytest.raises(BadInput, match="no list of splits"):
        open_pack(out)
    (out / layout.DICT).write_text('{"splits": ["train"]}')
    (out / "train" / layout.STATE).write_text("[]")
    with pytest.raises(BadInput, match="does not list data files"):
        open_pack(out)


def test_a_schema_that_is_not_the_datas_is_never_used(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    (out / "conditions.json").unlink()
    with pytest.raises(BadInput, match="run the same dataset build again"):
        open_pack(out)
    build(tree.tokens, out)
    assert open_pack(out).conditions is not None


def test_a_pack_of_a_later_release_is_refused(tmp_path: Path) -> None:
    future = meaning(2, 0, "float16").model_copy(update={"version": 2})
    write_split(tmp_path, "train", [], future, "float16")
    with pytest.raises(BadInput, match="another release"):
        PackedSplit(tmp_path, "train")


def test_info_tells_splits_codec_and_ranges(tree: Tree, out: Path) -> None:
    build(tree.tokens, out)
    (out / "tokens" / "a.ecdc").unlink()
    facts = info(out)
    text = "\n".join(facts.lines())
    assert facts.exit_code == 0
    assert "4 codebooks of encodec_24khz, 75 frames/s, 24000 Hz" in text
    assert "split train: 3 clips" in text
    assert "2 of 3 token files are there" in text
    assert "scene: class, classes rain, wind, sea" in text
    assert "pitch: continuous, declared 0 .. 4, measured" in text
