"""Songs from numpy: alike for the same seed, and of the shape of a mix."""

from __future__ import annotations

import numpy as np
import pytest

from soundwright.mixing.song_maker import STEMS, make_song


def test_a_song_is_a_function_of_its_arguments() -> None:
    one, same, other = (make_song(seed, 2.0, 22_050) for seed in (1, 1, 2))
    assert tuple(one) == STEMS
    assert all(np.array_equal(one[stem], same[stem]) for stem in STEMS)
    assert not any(np.array_equal(one[stem], other[stem]) for stem in STEMS)


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_stems_have_the_levels_and_places_of_a_mix(rate: int) -> None:
    for seed in range(3):
        song = make_song(seed, 6.0, rate)
        assert all(stem.shape == (2, 6 * rate) and stem.dtype == np.float32 for stem in song.values())
        levels = {name: 10 * np.log10(np.mean(np.square(stem))) for name, stem in song.items()}
        assert all(-36 < level < -20 for level in levels.values())
        assert levels["vocals"] > levels["other"]
        assert np.abs(np.sum(list(song.values()), axis=0)).max() <= 0.9501
        for name in ("vocals", "bass"):
            np.testing.assert_array_equal(song[name][0], song[name][1])
        assert not np.allclose(song["other"][0], song["other"][1])


def test_the_bass_is_low_and_the_hats_are_high() -> None:
    song = make_song(1, 6.0, 44_100)
    share = {}
    for name, stem in song.items():
        power = np.abs(np.fft.rfft(stem[0])) ** 2
        hz = np.fft.rfftfreq(stem.shape[1], 1 / 44_100)
        share[name] = power[hz < 300].sum() / power.sum(), power[hz > 6000].sum() / power.sum()
    assert share["bass"][0] > 0.8
    assert max(share, key=lambda name: share[name][1]) == "drums"


@pytest.mark.parametrize("duration_s", [0.0, 1e-4, 0.3])
def test_short_songs_are_songs(duration_s: float) -> None:
    song = make_song(0, duration_s, 8000)
    assert {stem.shape for stem in song.values()} == {(2, max(1, round(duration_s * 8000)))}
    assert all(np.isfinite(stem).all() for stem in song.values())
