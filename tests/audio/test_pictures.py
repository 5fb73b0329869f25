"""Pictures: what is drawn is where it should be, any names and values can be drawn, and the files stay small."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.audio import pictures

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")

RATE = 24_000
LIMIT_BYTES = 60_000


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def sine(hz: float, duration_s: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(RATE * duration_s)) / RATE).astype(np.float32)


@pytest.mark.parametrize("hz", [60.0, 440.0, 3000.0, 11_000.0])
def test_a_tone_is_loudest_in_the_band_that_holds_it(hz: float) -> None:
    level_db, edges_hz = pictures.band_levels(sine(hz), RATE)
    middle = level_db[:, level_db.shape[1] // 2]
    band = int(np.searchsorted(edges_hz, hz)) - 1
    assert abs(int(middle.argmax()) - band) <= 1
    assert np.median(middle) < middle.max() - 40


def test_a_full_scale_tone_that_fills_its_band_is_near_0_db_and_half_of_it_6_db_lower() -> None:
    full, _ = pictures.band_levels(sine(440.0), RATE)
    half, _ = pictures.band_levels(0.5 * sine(440.0), RATE)
    assert abs(full.max()) < 3
    assert full.max() - half.max() == pytest.approx(6.02, abs=0.01)


def test_an_impulse_stands_in_its_column() -> None:
    samples = np.zeros(RATE * 4, np.float32)
    samples[RATE * 3] = 1.0
    level_db, _ = pictures.band_levels(samples, RATE)
    column = int(level_db.mean(0).argmax())
    assert column / level_db.shape[1] == pytest.approx(0.75, abs=0.01)


@given(st.integers(1, 3000))
@settings(max_examples=20, deadline=None)
def test_any_length_has_finite_levels(num_samples: int) -> None:
    level_db, _ = pictures.band_levels(np.full(num_samples, 0.1, np.float32), RATE)
    assert np.isfinite(level_db).all()


def test_spectrograms_of_noise_and_of_silence_are_small_pngs() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE * 10).astype(np.float32) * 0.1
    for samples in (noise, np.zeros(RATE, np.float32)):
        png = pictures.spectrogram(samples, RATE, title="x")
        assert png.startswith(b"\x89PNG")
        assert len(png) < LIMIT_BYTES
        assert pixels(png).shape[1] == pytest.approx(940, abs=1)
    assert pixels(pictures.spectrogram(noise, RATE, width_px=460)).shape[1] == pytest.approx(460, abs=1)


def test_equal_codes_have_equal_colours_and_others_differ() -> None:
    codes = np.zeros((2, 100), np.uint16)
    codes[1] = 1
    image = pixels(pictures.token_grid(codes, 75.0))
    height, width = image.shape[:2]
    upper, lower = image[height // 5, width // 3 : width // 2], image[height // 2, width // 3 : width // 2]
    assert (upper == upper[0]).all()
    assert (lower == lower[0]).all()
    assert np.abs(upper[0] - lower[0]).sum() > 60


def test_token_grids_are_small_and_say_when_frames_are_left_out() -> None:
    codes = np.random.default_rng(0).integers(0, 1024, (32, 6000)).astype(np.uint16)
    assert len(pictures.token_grid(codes, 75.0, title="long")) < LIMIT_BYTES


def test_letters_are_grey_not_the_colour_of_the_data() -> None:
    codes = np.random.default_rng(0).integers(0, 1024, (8, 200))
    image = pixels(pictures.token_grid(codes, 75.0, title="MMMM"))
    title = image[:14].reshape(-1, 3)
    lightest = title[title.sum(1).argmax()]
    assert np.abs(lightest - [0xC9, 0xD1, 0xDC]).max() < 24


def red(image: np.ndarray) -> np.ndarray:
    """Share of reddish pixels per column."""
    return ((image[..., 0] - image[..., 1] > 30) & (image[..., 0] - image[..., 2] > 30)).mean(0)


def test_what_is_not_finite_or_out_of_range_is_marked_where_it_is() -> None:
    values = np.full((750, 1), 0.5, np.float32)
    assert red(pixels(pictures.curves(values, ["gain"], 75.0, ranges=[(0.0, 1.0)]))).max() < 0.02
    for bad in (np.nan, np.inf, 1.5):
        values[300:375] = bad
        marked = red(pixels(pictures.curves(values, ["gain"], 75.0, ranges=[(0.0, 1.0)])))
        columns = np.flatnonzero(marked > 0.3)
        assert columns.min() / len(marked) == pytest.approx(0.43, abs=0.05)
        assert columns.max() / len(marked) == pytest.approx(0.52, abs=0.05)


def test_all_nan_and_single_frames_can_be_drawn() -> None:
    assert pictures.curves(np.full((5, 2), np.nan, np.float32), ["a", "b"], 75.0)
    assert pictures.curves(np.zeros((1, 1), np.float16), ["a"], 75.0, units=["Hz"])


def test_long_curves_keep_their_peaks() -> None:
    values = np.zeros(100_000)
    values[77_777] = 9.0
    values[5] = np.nan
    times, drawn = pictures._envelope(np.arange(100_000.0), values)
    assert len(times) == len(drawn) < 3000
    assert np.nanmax(drawn) == 9.0
    assert abs(times[int(np.nanargmax(drawn))] - 77_777) < 200


def test_many_features_stay_small() -> None:
    values = np.random.default_rng(0).standard_normal((20_000, 30)).cumsum(0)
    assert len(pictures.curves(values, [f"f{i}" for i in range(30)], 75.0)) < LIMIT_BYTES


@pytest.mark.parametrize("name", ["$x_{1$", "日本語", "a\nb", "%s {}", "_hidden", ""])
def test_any_name_can_be_drawn(name: str) -> None:
    assert pictures.curves(np.zeros((4, 1)), [name], 75.0, units=[name], title=name)


def test_wrong_shapes_and_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"samples \[N\]"):
        pictures.spectrogram(np.zeros((2, 3), np.float32), RATE)
    with pytest.raises(ValueError, match="NaN"):
        pictures.spectrogram(np.array([0, np.nan], np.float32), RATE)
    with pytest.raises(ValueError, match=r"codes \[K, T\]"):
        pictures.token_grid(np.zeros((2, 0), int), 75.0)
    with pytest.raises(ValueError, match=r"0 \.\. 1023, found 0 \.\. 1024"):
        pictures.token_grid(np.array([[0, 1024]]), 75.0)
    with pytest.raises(ValueError, match="2 names for 1 features"):
        pictures.curves(np.zeros((3, 1)), ["a", "b"], 75.0)
    with pytest.raises(ValueError, match=r"values \[T, D\]"):
        pictures.curves(np.zeros(3), ["a"], 75.0)


def test_drawing_leaves_no_global_state() -> None:
    import sys

    pictures.curves(np.zeros((3, 1)), ["a"], 75.0)
    assert "matplotlib.pyplot" not in sys.modules
