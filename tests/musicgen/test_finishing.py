"""Levels, fades and files, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundwright.audio.lufs import integrated_loudness
from soundwright.audio.tags import Tags
from soundwright.audio.true_peak import true_peak
from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen import finishing
from soundwright.musicgen.finishing import Finished, FinishOptions, Shape, finish

RATE = 32_000


def music(level: float = 0.1, channels: int = 2, seconds: float = 3.0) -> NDArray[np.float32]:
    """Chords that swell, with a click now and then."""
    t = np.arange(round(seconds * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * f * t) for f in (110, 277.2, 440)) * (1 + np.sin(2 * np.pi * t)) / 6
    sound[:: RATE // 2] += 2.0
    return np.tile((level * sound).astype(np.float32), (channels, 1))


def write(path: Path, sound: NDArray[np.float32], options: FinishOptions, format: str = "wav") -> Finished:
    pieces = np.array_split(sound, 9, axis=1)
    shape = Shape(sound.shape[1], RATE, len(sound))
    return finish(path, pieces, shape, options, format=format, tags=lambda _: Tags("a"))


def read(path: Path) -> NDArray[np.float32]:
    return np.ascontiguousarray(soundfile.read(path, dtype="float32", always_2d=True)[0].T)


@pytest.mark.parametrize("target", [-14.0, -23.0])
@pytest.mark.parametrize("level", [0.02, 0.4])
def test_loudness_is_met_and_true_peaks_held(level: float, target: float, tmp_path: Path) -> None:
    done = write(tmp_path / "a.wav", music(level), FinishOptions(loudness=target))
    back = read(tmp_path / "a.wav")
    assert abs(integrated_loudness(back, RATE) - target) < 0.5
    assert 20 * np.log10(true_peak(back)) <= -0.95
    assert done.loudness_lufs == pytest.approx(integrated_loudness(back, RATE), abs=0.01)
    assert done.true_peak_dbtp == pytest.approx(20 * np.log10(true_peak(back)), abs=0.01)
    assert (done.reduction_db > 0) == (target == -14.0)


def test_a_loudness_that_cannot_be_met_is_said(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal((1, 2 * RATE)).astype(np.float32)
    done = write(tmp_path / "a.wav", 0.1 * noise, FinishOptions(loudness=-5))
    assert "and not at -5: the limiter held back" in done.warnings[0]


def test_a_loudness_at_the_floor_of_the_measure_is_not_laid_on_the_limiter(tmp_path: Path) -> None:
    done = write(tmp_path / "a.wav", music(), FinishOptions(loudness=-70))
    assert done.reduction_db == 0
    (warning,) = done.warnings
    assert "limiter" not in warning
    assert warning.endswith("loudness is not measured under -70 LUFS")


def test_a_peak_is_met(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", music(), FinishOptions(peak=-3))
    assert 20 * np.log10(true_peak(read(tmp_path / "a.wav"))) == pytest.approx(-3, abs=0.01)


def test_without_a_level_the_sound_is_as_it_was(tmp_path: Path) -> None:
    sound = music()
    done = write(tmp_path / "a.wav", sound, FinishOptions())
    assert np.abs(read(tmp_path / "a.wav") - sound).max() < 1 / 30_000
    assert (done.gain_db, done.warnings) == (0.0, ())


def test_what_would_clip_is_turned_down_as_a_whole_and_said(tmp_path: Path) -> None:
    sound = music(1.5)
    done = write(tmp_path / "a.wav", sound, FinishOptions())
    back = read(tmp_path / "a.wav")
    assert "exceeded full scale" in done.warnings[0]
    assert 20 * np.log10(true_peak(back)) == pytest.approx(-1, abs=0.01)
    loud = np.abs(sound) > 0.1
    assert np.ptp(back[loud] / sound[loud]) < 1e-3


def test_fades_count_in_the_loudness(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", music(), FinishOptions(loudness=-20, fade_in=0.5, fade_out=1.0))
    back = read(tmp_path / "a.wav")
    assert abs(integrated_loudness(back, RATE) + 20) < 0.2
    assert np.abs(back[:, -20:]).max() < 1e-4
    assert np.abs(back[:, :20]).max() < 1e-3


@pytest.mark.parametrize("options", [FinishOptions(), FinishOptions(loudness=-14), FinishOptions(peak=-1)])
def test_silence_stays_silence(options: FinishOptions, tmp_path: Path) -> None:
    done = write(tmp_path / "a.wav", np.zeros((1, 5000), np.float32), options)
    assert done.warnings == ("is silent",)
    assert (done.loudness_lufs, done.true_peak_dbtp) == (None, None)
    assert not read(tmp_path / "a.wav").any()


def test_what_is_too_short_for_a_loudness_is_left_and_said(tmp_path: Path) -> None:
    done = write(tmp_path / "a.wav", music(seconds=0.2), FinishOptions(loudness=-14))
    assert "no loudness" in done.warnings[0]


def test_nan_leaves_no_file(tmp_path: Path) -> None:
    sound = music()
    sound[0, 50_000] = np.nan
    with pytest.raises(BadInput, match=r"NaN or infinite.*float32"):
        write(tmp_path / "a.wav", sound, FinishOptions(loudness=-14))
    assert not list(tmp_path.iterdir())


def test_pieces_are_asked_for_once_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finishing, "_PIECE", 1000)
    alive = 0

    def pieces() -> Iterator[NDArray[np.float32]]:
        nonlocal alive
        for piece in np.array_split(music(0.5), 50, axis=1):
            alive += 1
            yield piece

    shape = Shape(3 * RATE, RATE, 2)
    options = FinishOptions(loudness=-14)
    done = finish(tmp_path / "a.flac", pieces(), shape, options, format="flac", tags=lambda _: Tags())
    assert (alive, done.num_samples) == (50, 3 * RATE)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (FinishOptions(loudness=-14, peak=-1), "both set the level"),
        (FinishOptions(loudness=3), "not between -70 and -5"),
        (FinishOptions(peak=1), "not between -60 and 0"),
        (FinishOptions(fade_in=-1), "--fade-in -1"),
        (FinishOptions(fade_out=float("inf")), "--fade-out inf"),
    ],
)
def test_options_that_mean_nothing(options: FinishOptions, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        options.check()
