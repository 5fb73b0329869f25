from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundwright.core.errors import UsageError
from soundwright.musicgen.windows import frames_from_seconds, plan_windows


@given(
    frames=st.integers(1, 20_000),
    window=st.integers(2, 2000),
    stride_share=st.floats(0.01, 0.99),
    prompt_share=st.floats(0, 0.99),
)
def test_windows_cover_every_frame_once(frames: int, window: int, stride_share: float, prompt_share: float) -> None:
    stride = max(1, min(window - 1, round(window * stride_share)))
    prompt = min(frames - 1, int(frames * prompt_share))
    plan = plan_windows(frames, window, stride, prompt)
    sampled = [frame for w in plan for frame in range(w.start + w.prompt, w.end)]
    assert sampled == list(range(prompt, frames))
    for w in plan:
        assert w.length <= window
        assert w.start == w.index * stride
        assert w.prompt > 0 or w.start == 0, "a window remembers what came before"


@pytest.mark.parametrize(("seconds", "num_windows"), [(5, 1), (30, 1), (30.02, 2), (60, 3), (180, 10), (36_000, 2000)])
def test_number_of_windows(seconds: float, num_windows: int) -> None:
    assert len(plan_windows(frames_from_seconds(seconds, 50.0), 1500, 900)) == num_windows


def test_a_minute_is_30_and_18_and_12_seconds() -> None:
    assert [w.sampled / 50 for w in plan_windows(3000, 1500, 900)] == [30, 18, 12]


def test_a_longer_track_begins_with_the_same_windows() -> None:
    assert plan_windows(9000, 1500, 900)[:2] == plan_windows(3000, 1500, 900)[:2]


@pytest.mark.parametrize(
    ("frames", "stride", "prompt"), [(100, 0, 0), (100, 50, 0), (100, 60, 0), (0, 20, 0), (90, 20, 90)]
)
def test_what_cannot_be_planned_is_one_line(frames: int, stride: int, prompt: int) -> None:
    with pytest.raises(UsageError) as caught:
        plan_windows(frames, 50, stride, prompt)
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
