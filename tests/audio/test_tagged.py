"""Files with tags inside: every format gives back every tag and every sample."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundwright.audio.tagged import FORMATS, read_tags, require_space, write_tagged
from soundwright.audio.tags import Tags
from soundwright.core.errors import BadInput

RATE = 32_000
TAGS = Tags(
    "dark techno — Übergang 夜",
    "MusicGen, seed 7",
    "CC-BY-NC-4.0",
    "soundwright",
    json.dumps({"prompt": "é\n" * 3000, "seed": 7}),
)


def tone(channels: int, num_samples: int = 40_000) -> NDArray[np.float32]:
    phase = 2 * np.pi * 440 / RATE * np.arange(num_samples)
    return np.stack([0.5 * np.sin(phase + channel) for channel in range(channels)]).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", FORMATS)
def test_samples_and_tags_come_back(format: str, channels: int, tmp_path: Path) -> None:
    path, sound = tmp_path / f"a.{format}", tone(channels)
    written = write_tagged(path, np.array_split(sound, 7, axis=1), RATE, channels, format=format, tags=TAGS)
    assert (written.num_samples, written.clipped) == (40_000, 0)
    assert read_tags(path) == TAGS
    back, rate = soundfile.read(path, always_2d=True)
    assert (rate, back.shape) == (RATE, (40_000, channels))
    assert np.abs(back.T - sound)[:, 2000:-2000].max() < (1e-4 if format in ("wav", "flac") else 0.05)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    if format in ("wav", "mp3"):
        before = path.read_bytes()
        write_tagged(path, [sound], RATE, channels, format=format, tags=TAGS)
        assert path.read_bytes() == before


@pytest.mark.parametrize("format", FORMATS)
def test_ffprobe_reads_the_tags(format: str, tmp_path: Path) -> None:
    if not shutil.which("ffprobe"):
        pytest.skip("ffprobe: not installed")
    path = tmp_path / f"a.{format}"
    write_tagged(path, [tone(1)], RATE, 1, format=format, tags=TAGS)
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "json", path]
    shown = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    tags = {**shown.get("format", {}).get("tags", {}), **shown["streams"][0].get("tags", {})}
    found = {name.lower(): text for name, text in tags.items()}
    assert (found["title"], found["copyright"], found["comment"]) == (TAGS.title, TAGS.copyright, TAGS.comment)


def test_what_exceeds_full_scale_is_clipped_and_counted(tmp_path: Path) -> None:
    loud = np.array([[0.0, 2.0, -3.0, 1.0]], np.float32)
    assert write_tagged(tmp_path / "a.wav", [loud], RATE, 1, format="wav", tags=Tags()).clipped == 2
    back, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert back.tolist() == [0, 32767, -32768, 32767]


def test_a_file_without_tags_has_none(tmp_path: Path) -> None:
    for format in FORMATS:
        path = tmp_path / f"a.{format}"
        soundfile.write(path, tone(1)[0], RATE, format=format.upper())
        assert read_tags(path).comment == ""
    (tmp_path / "b.wav").write_bytes(b"no sound")
    with pytest.raises(BadInput, match="cannot be read as audio"):
        read_tags(tmp_path / "b.wav")


@pytest.mark.parametrize("format", FORMATS)
def test_what_fails_on_the_way_leaves_nothing(format: str, tmp_path: Path) -> None:
    def pieces() -> Iterator[NDArray[np.float32]]:
        yield tone(1)
        raise KeyError

    with pytest.raises(KeyError):
        write_tagged(tmp_path / f"a.{format}", pieces(), RATE, 1, format=format, tags=TAGS)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_by_the_system_and_not_by_the_library() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full: not on this system")
    from soundwright.audio import tagged

    with open("/dev/full", "r+b", buffering=0) as full:
        honest = tagged._HonestFile(full)
        assert honest.write(b"x") == 0
        with pytest.raises(OSError) as caught:
            honest.complain()
    assert caught.value.errno == errno.ENOSPC


def test_space_is_asked_for_before(tmp_path: Path) -> None:
    require_space(tmp_path, 1000)
    with pytest.raises(BadInput, match="MB are free"):
        require_space(tmp_path, 10**18)


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="mp3 cannot hold 3 channels"):
        write_tagged(tmp_path / "a.mp3", [tone(3)], RATE, 3, format="mp3", tags=Tags())
