"""Windows and scaling: every frame is seen, none crosses a clip, and a value means the same in every clip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundwright.core.errors import BadInput, UsageError
from soundwright.dataset.build import build
from soundwright.dataset.read import PackedSplit, open_pack
from soundwright.dataset.scaling import Scaler
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.statistics import Statistics

torch = pytest.importorskip("torch")

if TYPE_CHECKING:
    from conftest import Tree


def statistics(low: float, high: float) -> Statistics:
    return Statistics(count=2, min=low, max=high, mean=(low + high) / 2, std=1)


def schema(**parameters: Parameter) -> Conditions:
    return Conditions(fps=75, columns=tuple(parameters), parameters=parameters)


@pytest.fixture
def split(tree: Tree, out: Path) -> PackedSplit:
    build(tree.tokens, out)
    return open_pack(out).splits["train"]


@pytest.mark.parametrize(("seq_len", "stride"), [(1, None), (3, None), (3, 1), (4, 7), (5, 5)])
def test_windows_hold_consecutive_frames_of_one_clip_and_see_all(
    split: PackedSplit, seq_len: int, stride: int | None
) -> None:
    from soundwright.dataset.windows import Windows

    windows = Windows(split, seq_len, stride=stride)
    step = seq_len if stride is None else stride
    expected = []
    for clip in split:
        last = clip.num_frames - (seq_len + 1)
        starts = sorted({*range(0, last + 1, step), last}) if last >= 0 else []
        expected += [clip.tokens[start : start + seq_len + 1] for start in starts]
    assert len(windows) == len(expected)
    for window, tokens in zip((windows[i] for i in range(len(windows))), expected, strict=True):
        assert window["tokens"].dtype == torch.int64
        np.testing.assert_array_equal(window["tokens"].numpy(), tokens)
        assert window["cond"].shape == (seq_len + 1, 4)
    with pytest.raises(IndexError):
        windows[len(windows)]


def test_short_clips_are_counted_and_none_long_enough_is_an_error(split: PackedSplit) -> None:
    from soundwright.dataset.windows import Windows

    shortest, _, longest = sorted(split.num_frames.tolist())
    assert Windows(split, shortest - 1).num_too_short == 0
    assert Windows(split, shortest).num_too_short == 1
    assert len(Windows(split, longest - 1)) == 1
    with pytest.raises(UsageError, match=f"the longest has {longest}"):
        Windows(split, longest)
    for options in ({"seq_len": 0}, {"seq_len": 3, "stride": 0}, {"seq_len": 3, "num_codebooks": 5}):
        with pytest.raises(UsageError):
            Windows(split, **options)


def test_fewer_codebooks_are_the_coarse_ones(split: PackedSplit) -> None:
    from soundwright.dataset.windows import Windows

    window = Windows(split, 3, num_codebooks=2)[0]["tokens"]
    np.testing.assert_array_equal(window.numpy(), split[0].tokens[:4, :2])


def test_jitter_moves_windows_inside_their_clip_and_follows_the_seed(split: PackedSplit) -> None:
    from soundwright.dataset.windows import Windows

    windows = Windows(split, 3, jitter=True)
    torch.manual_seed(0)
    first = [windows[0]["tokens"].numpy() for _ in range(30)]
    torch.manual_seed(0)
    again = [windows[0]["tokens"].numpy() for _ in range(30)]
    np.testing.assert_array_equal(first, again)
    starts = {start for window in first for start in range(3) if (window == split[0].tokens[start : start + 4]).all()}
    assert starts == {0, 1, 2}


def test_a_data_loader_with_workers_gives_batches(split: PackedSplit) -> None:
    from torch.utils.data import DataLoader

    from soundwright.dataset.windows import Windows

    windows = Windows(split, 4)
    context = "spawn"
    loader = DataLoader(windows, batch_size=2, num_workers=1, multiprocessing_context=context)
    batches = list(loader)
    assert sum(len(batch["tokens"]) for batch in batches) == len(windows)
    assert torch.equal(batches[0]["tokens"][1], windows[1]["tokens"])


def test_a_ramp_to_1_and_a_ramp_to_10_stay_different(make_tree: Callable[..., Tree], out: Path) -> None:
    from soundwright.dataset.windows import Windows
    from soundwright.formats import sidecar

    tree = make_tree(columns=("gain",)).add(["low.ecdc", "top.ecdc"])
    for key, highest in (("low.ecdc", 1.0), ("top.ecdc", 10.0)):
        tree.cond[key] = np.linspace(0, highest, len(tree.cond[key]), dtype=np.float16)[:, None]
        sidecar.write(tree.npy(key), tree.cond[key], tree.columns, fps=75)
    tree.remember()
    build(tree.tokens, out)
    split = open_pack(out).splits["train"]
    windows = Windows(split, 1)
    scaled = [windows.scaler(clip.cond) for clip in split]
    assert scaled[0].max() == pytest.approx(0.1, abs=1e-3)
    assert scaled[1].max() == 1.0


def test_classes_become_one_hot_and_continuous_ones_follow_the_declared_range() -> None:
    scaler = Scaler(
        schema(
            pitch=Parameter(range=(20, 120), measured=statistics(40, 50)),
            scene=Parameter(type="class", classes=("rain", "sea"), measured=statistics(0, 1)),
            speed=Parameter(measured=statistics(-1, 3)),
            fixed=Parameter(measured=statistics(7, 7)),
        )
    )
    assert scaler.columns == ("pitch", "scene=rain", "scene=sea", "speed", "fixed")
    cond = np.array([[20, 0, -1, 7], [120, 1, 3, 7], [145, 1, 1, 8]], np.float16)
    expected = [[0, 1, 0, 0, 0], [1, 0, 1, 1, 0], [1.25, 0, 1, 0.5, 1]]
    np.testing.assert_allclose(scaler(cond), expected)
    assert scaler(cond).dtype == np.float32
    assert scaler(np.zeros((2, 5, 4), np.float32)).shape == (2, 5, 5)


def test_parameters_are_chosen_and_ordered_by_name() -> None:
    known = schema(a=Parameter(range=(0, 2)), b=Parameter(type="class", range=(0, 2)))
    scaler = Scaler(known, ["b", "a"])
    assert scaler.columns == ("b=0", "b=1", "b=2", "a")
    np.testing.assert_allclose(scaler(np.array([[1.0, 2.0]])), [[0, 0, 1, 0.5]])
    np.testing.assert_allclose(scaler.vector({"a": 1.0, "b": 2}), [0, 0, 1, 0.5])
    assert Scaler(None).columns == ()
    assert Scaler(None)(np.zeros((3, 0), np.float16)).shape == (3, 0)
    with pytest.raises(UsageError, match="no parameter c; the dataset has a, b"):
        Scaler(known, ["c"])
    with pytest.raises(UsageError, match="check a"):
        scaler.vector({"b": 0})
    with pytest.raises(UsageError, match="no class 'x'"):
        scaler.vector({"a": 1, "b": "x"})
    np.testing.assert_allclose(scaler.vector({"a": 0, "b": "2"}), [0, 0, 1, 0])


@pytest.mark.parametrize("value", [0.5, -1.0, 2.0, np.nan])
def test_what_is_no_class_is_refused(value: float) -> None:
    scaler = Scaler(schema(scene=Parameter(type="class", classes=("rain", "sea"))))
    with pytest.raises(BadInput, match="scene"):
        scaler(np.array([[value]], np.float32))


def test_a_parameter_of_unknown_range_is_told() -> None:
    for parameter in (Parameter(), Parameter(type="class")):
        with pytest.raises(UsageError, match="neither a declared nor a measured range"):
            Scaler(schema(x=parameter))


def test_windows_are_numpy_arrays_where_asked(split: PackedSplit) -> None:
    from soundwright.dataset.windows import Windows

    arrays, tensors = Windows(split, 3, tensors=False), Windows(split, 3)
    for array, tensor in zip(arrays, tensors, strict=True):
        assert type(array["tokens"]) is type(array["cond"]) is np.ndarray
        np.testing.assert_array_equal(array["tokens"], tensor["tokens"].numpy())
        np.testing.assert_array_equal(array["cond"], tensor["cond"].numpy())


def test_jitter_of_arrays_stays_inside_the_clip(split: PackedSplit) -> None:
    from soundwright.dataset.windows import Windows

    windows = Windows(split, 3, jitter=True, tensors=False)
    np.random.seed(0)
    first = [windows[0]["tokens"] for _ in range(30)]
    starts = {start for window in first for start in range(3) if (window == split[0].tokens[start : start + 4]).all()}
    assert starts == {0, 1, 2}
