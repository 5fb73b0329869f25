"""check_clip: a tone passes, and each fault is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.musicgen.clip_check import check_clip

RATE = 32_000
TONE = 0.5 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)


def checked(tmp_path: Path, samples: NDArray[np.float64], duration: float | None = 2.0) -> tuple[str, ...]:
    path = tmp_path / "clip.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return check_clip(path, duration=duration).faults


def test_a_tone_is_a_clip(tmp_path: Path) -> None:
    assert checked(tmp_path, TONE) == ()
    assert checked(tmp_path, np.stack([TONE, -TONE], 1)) == ()
    soundfile.write(tmp_path / "clip.ogg", TONE, RATE)
    found = check_clip(tmp_path / "clip.ogg", duration=2)
    assert found.faults == ()
    assert found.level_db == pytest.approx(-9.03, abs=0.1)
    assert next(found.lines()).startswith("ok ")


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (np.concatenate([TONE, TONE]), "expected 2 s"),
        (np.zeros(2 * RATE), "is silent"),
        (np.full(2 * RATE, 0.4), "is silent"),
        (np.where(np.arange(2 * RATE) == 7, np.nan, TONE), "NaN"),
        (np.clip(4 * TONE, -1, 1), "is clipped"),
    ],
)
def test_each_fault_is_named(samples: NDArray[np.float64], told: str, tmp_path: Path) -> None:
    (fault,) = checked(tmp_path, samples)
    assert told in fault


def test_clipping_is_seen_across_the_pieces_of_a_file(tmp_path: Path) -> None:
    edge = 1 << 17  # samples that are read at once
    samples = np.tile(TONE, 3)
    samples[edge - 1 : edge + 2] = 1.0
    (fault,) = checked(tmp_path, samples, None)
    assert fault.endswith("full scale, 1x")
    samples[edge + 1] = 0.2
    assert checked(tmp_path, samples, None) == ()


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.wav").write_text("not a sound")
    with pytest.raises(BadInput):
        check_clip(tmp_path / "clip.wav")
