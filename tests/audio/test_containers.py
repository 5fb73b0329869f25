"""Truncation is seen in every container that says how long it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundwright.audio.files import open_audio, read_audio
from soundwright.core.errors import BadInput

FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def written(folder: Path, ending: str) -> Path:
    container, subtype = FORMATS[ending]
    path = folder / f"a.{ending}"
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(4 * 48_000) / 48_000)
    soundfile.write(path, samples, 48_000, format=container, subtype=subtype)
    return path


@pytest.mark.parametrize("ending", FORMATS)
def test_a_whole_file_is_read_whole(ending: str, tmp_path: Path) -> None:
    with open_audio(written(tmp_path, ending)) as reader:
        assert sum(len(piece) for piece in reader.pieces()) == 4 * 48_000


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.97])
def test_a_file_cut_anywhere_is_no_success(ending: str, part: float, tmp_path: Path) -> None:
    path = written(tmp_path, ending)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(BadInput, match="cut short|cannot be read|holds no samples"):
        read_audio(path)


def test_an_mp3_that_does_not_say_its_length_is_taken_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, "mp3")
    data = path.read_bytes()
    tagless = data[data.index(b"\xff\xfb", 400) :]  # without its first frame, which has the count
    assert b"Info" not in tagless[:400]
    assert b"Xing" not in tagless[:400]
    path.write_bytes(tagless[: len(tagless) // 2])
    assert len(read_audio(path, mono=True)) > 48_000
