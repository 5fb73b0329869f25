"""Lists of sound files: what is written reads back, and what is no list is refused with its line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.core.errors import BadInput
from soundwright.formats.file_lists import (
    SoundFile,
    read_manifest,
    read_sound_files,
    write_manifest,
    write_sound_files,
)

#: Names as file systems have them: anything but a slash and NUL, bytes that are no UTF-8 too.
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=12).map(
    lambda name: Path("/music") / f"{name}.wav"
)


@given(st.lists(NAMES, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_manifest_reads_back(tmp_path_factory: pytest.TempPathFactory, files: list[Path]) -> None:
    path = tmp_path_factory.mktemp("lists") / "train.jsonl"
    write_manifest(path, files)
    assert read_manifest(path) == files
    assert path.read_text(encoding="ascii").count("\n") == len(files)


def test_a_name_that_is_no_utf8_reads_back(tmp_path: Path) -> None:
    files = [Path("/music/\udcff.wav")]
    write_manifest(tmp_path / "a.jsonl", files)
    assert read_manifest(tmp_path / "a.jsonl") == files


def test_a_manifest_is_as_others_write_it(tmp_path: Path) -> None:
    write_manifest(tmp_path / "a.jsonl", [Path("/workspace/data/a_000.wav")])
    assert (tmp_path / "a.jsonl").read_bytes() == b'{"path": "/workspace/data/a_000.wav"}\n'


@given(st.lists(st.builds(SoundFile, NAMES, st.floats(1e-3, 1e5), st.integers(1, 10**6), st.integers(1, 64))))
@settings(max_examples=60, deadline=None)
def test_sound_files_read_back(tmp_path_factory: pytest.TempPathFactory, files: list[SoundFile]) -> None:
    path = tmp_path_factory.mktemp("lists") / "data.jsonl"
    if not files:
        with pytest.raises(ValueError, match="without a file"):
            write_sound_files(path, files)
        return
    write_sound_files(path, files)
    assert read_sound_files(path) == files
    assert read_manifest(path) == [file.path for file in files]


@pytest.mark.parametrize("duration_s", [math.nan, math.inf])
def test_what_is_no_json_is_not_written(tmp_path: Path, duration_s: float) -> None:
    with pytest.raises(ValueError):
        write_sound_files(tmp_path / "data.jsonl", [SoundFile(Path("/a.wav"), duration_s, 32_000, 1)])
    assert not (tmp_path / "data.jsonl").exists()


def test_relative_paths_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="absolute"):
        write_manifest(tmp_path / "a.jsonl", [Path("a.wav")])


def test_other_keys_windows_line_ends_and_rare_line_ends_in_names_are_read_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"path": "/a\u2028b.wav", "weight": 1.0}\r\n{"path": "/c.wav"}'.encode())
    assert read_manifest(path) == [Path("/a\u2028b.wav"), Path("/c.wav")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "cannot be read"),
        (b'{"path": "/a.wav"}\n\n{"path": "/b.wav"}\n', "line 2: is no JSON"),
        (b'{"path": "/a.wav"}\n["/b.wav"]\n', "line 2: expected a JSON object"),
        (b'{"path": "a.wav"}\n', "line 1: expected an absolute path, found 'a.wav'"),
        (b'{"path": 3}\n', "expected an absolute path"),
        (b'{"file": "/a.wav"}\n', "expected an absolute path"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(BadInput, match=told) as raised:
        read_manifest(tmp_path / "a.jsonl")
    assert "a.jsonl" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_manifest(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    "change",
    [
        {"duration": "10"},
        {"duration": 0},
        {"duration": True},
        {"sample_rate": 32_000.5},
        {"channels": 0},
        {"channels": None},
    ],
)
def test_a_line_with_a_wrong_value_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    line = {"path": "/a.wav", "duration": 10.0, "sample_rate": 32_000, "channels": 1}
    (tmp_path / "data.jsonl").write_text(json.dumps(line) + "\n" + json.dumps(line | change) + "\n")
    with pytest.raises(BadInput, match="line 2: expected a duration, a sample_rate and channels"):
        read_sound_files(tmp_path / "data.jsonl")
