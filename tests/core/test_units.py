from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundwright.core import units


@given(st.integers(0, 10**9), st.integers(1, 2_000))
def test_frames_cover_all_samples_and_no_frame_is_empty(num_samples: int, hop: int) -> None:
    frames = units.frames_from_samples(num_samples, hop)
    assert frames * hop >= num_samples > (frames - 1) * hop or num_samples == frames == 0


@given(st.integers(0, 10**8), st.sampled_from([8_000, 24_000, 44_100, 48_000, 192_000]))
def test_seconds_and_samples_are_inverse(num_samples: int, rate: int) -> None:
    assert units.samples_from_seconds(units.seconds_from_samples(num_samples, rate), rate) == num_samples


@given(st.floats(-119, 60))
def test_decibels_and_amplitude_are_inverse(level_db: float) -> None:
    assert float(units.db_from_amplitude(units.amplitude_from_db(level_db))) == pytest.approx(level_db, abs=1e-9)


def test_silence_has_a_finite_level() -> None:
    assert units.db_from_amplitude(np.array([0.0, 1.0])).tolist() == [units.SILENCE_DB, 0.0]
