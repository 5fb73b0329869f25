from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import Reference  # type: ignore[import-not-found]

from soundwright.musicgen import delay


@given(st.integers(1, 4), st.sampled_from([1, 2]), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_undo_takes_back_what_apply_did(per_channel: int, channels: int, frames: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 64, (per_channel * channels, frames))
    late = delay.delays(per_channel * channels, channels)
    columns = delay.apply(codes, late, padding=64)
    assert columns.shape == (per_channel * channels, 1 + frames + per_channel - 1)
    assert (columns == 64).sum() == columns.size - codes.size, "everything else is padding"
    assert (columns[:, 0] == 64).all()
    np.testing.assert_array_equal(delay.undo(columns, late), codes)


@pytest.mark.parametrize("kind", ["reference", "reference_stereo"])
def test_the_pattern_is_that_of_transformers(kind: str, request: pytest.FixtureRequest) -> None:
    model: Reference = request.getfixturevalue(kind)
    config = model.model.config.decoder
    codes = np.arange(config.num_codebooks * 10).reshape(config.num_codebooks, 10) % 64
    late = delay.delays(config.num_codebooks, config.audio_channels)
    ours = delay.apply(codes, late, padding=64)
    begun = torch.cat([torch.full((config.num_codebooks, 1), 64), torch.from_numpy(codes)], dim=1)
    _, pattern = model.model.decoder.build_delay_pattern_mask(begun, pad_token_id=64, max_length=ours.shape[1])
    np.testing.assert_array_equal(ours, pattern.numpy())
