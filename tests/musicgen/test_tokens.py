from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundwright.core.errors import BadInput, SoundwrightError, UsageError
from soundwright.musicgen import tokens


def state(frames: int = 9000) -> tokens.TokenState:
    codes = np.random.default_rng(0).integers(0, 2048, (4, frames)).astype(np.int16)
    return tokens.TokenState(codes, frames, "abc")


def test_a_state_comes_back_as_it_was_and_is_small(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "track.npz"
    tokens.save(path, state())
    found = tokens.load(path, "abc", 4)
    np.testing.assert_array_equal(found.codes, state().codes)
    assert found.codes.dtype == np.int16
    assert found.num_frames == 9000
    assert path.stat().st_size < 74_000, "three minutes are 72 KB of codes"
    assert list(path.parent.iterdir()) == [path]


def test_tokens_of_other_settings_are_refused(tmp_path: Path) -> None:
    tokens.save(tmp_path / "track.npz", state())
    with pytest.raises(UsageError, match="another prompt, seed, model or setting"):
        tokens.load(tmp_path / "track.npz", "abd", 4)


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"RIFF" + b, lambda b: b"\x80\x04N.", lambda b: b[:-30]],
)
def test_a_damaged_state_is_one_line(tmp_path: Path, damage) -> None:
    path = tmp_path / "track.npz"
    tokens.save(path, state(100))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadInput) as caught:
        tokens.load(path, "abc", 4)
    assert str(path) in str(caught.value)
    assert "--resume" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arrays", [{}, {"codes": np.zeros((4, 5))}, {"codes": np.zeros((8, 5), np.int16)}])
def test_a_foreign_file_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "track.npz"
    rest = {"version": np.int64(1), "num_frames": np.int64(5), "settings": np.array("abc")} if arrays else {}
    np.savez(path, **arrays, **rest)
    with pytest.raises(SoundwrightError, match="npz"):
        tokens.load(path, "abc", 4)
