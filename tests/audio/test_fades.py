from __future__ import annotations

import numpy as np
import pytest

from soundwright.audio.fades import Fades


def test_a_fade_rises_and_falls_without_a_corner() -> None:
    ones = np.ones((2, 1000), np.float32)
    faded = Fades(1000, fade_in=100, fade_out=200).apply(ones, 0)
    assert faded[0, 0] < 1e-3
    assert faded[0, -1] < 1e-4
    assert (np.diff(faded[0, :100]) > 0).all()
    assert (np.diff(faded[0, -200:]) < 0).all()
    assert (faded[:, 100:800] == 1).all()
    assert np.abs(np.diff(faded[0], 2)).max() < 1e-3
    assert np.array_equal(faded[0], faded[1])


@pytest.mark.parametrize(("fade_in", "fade_out"), [(0, 0), (300, 0), (0, 300), (800, 900), (2000, 1)])
def test_pieces_give_the_same_as_the_whole(fade_in: int, fade_out: int) -> None:
    sound = np.random.default_rng(0).standard_normal((1, 1000)).astype(np.float32)
    fades = Fades(1000, fade_in, fade_out)
    pieces = [fades.apply(sound[:, start : start + 7], start) for start in range(0, 1000, 7)]
    assert np.array_equal(np.concatenate(pieces, axis=1), fades.apply(sound, 0))


def test_without_fades_the_sound_is_untouched() -> None:
    sound = np.ones((1, 10), np.float32)
    assert Fades(10).apply(sound, 0) is sound
