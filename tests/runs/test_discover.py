from __future__ import annotations

from pathlib import Path

import pytest

from soundwright.core.errors import UsageError
from soundwright.runs.discover import find_files


def keys(root: Path, **options: object) -> list[str]:
    return [item.key for item in find_files(root, ["wav"], **options).items]  # type: ignore[arg-type]


def test_finds_nested_files_in_a_stable_order_whatever_the_case_of_the_ending(tmp_path: Path) -> None:
    for name in ("b.wav", "a.WAV", "sub/c.Wav", "sub/deep/ü n\ni.wav", "note.txt", ".hidden.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert keys(tmp_path) == ["a.WAV", "b.wav", "sub/c.Wav", "sub/deep/ü n\ni.wav"]


def test_a_folder_named_like_a_file_is_said_and_searched(tmp_path: Path) -> None:
    (tmp_path / "x.wav").mkdir()
    (tmp_path / "x.wav/y.wav").touch()
    found = find_files(tmp_path, ["wav"])
    assert [item.key for item in found.items] == ["x.wav/y.wav"]
    assert "folder named like a file" in found.notes[0]


def test_a_link_in_a_circle_is_said_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.wav").touch()
    (tmp_path / "sub/loop").symlink_to(tmp_path)
    found = find_files(tmp_path, ["wav"])
    assert [item.key for item in found.items] == ["sub/a.wav"]
    assert "leads back" in found.notes[0]


def test_links_to_other_folders_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.wav").touch()
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/link").symlink_to(tmp_path / "real")
    assert keys(tmp_path / "corpus") == ["link/a.wav"]


def test_the_output_folder_inside_the_input_folder_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.wav").touch()
    (tmp_path / "b.wav").touch()
    assert keys(tmp_path, exclude=[tmp_path / "out"]) == ["b.wav"]


def test_an_empty_missing_or_wrong_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no file ends in \.wav"):
        keys(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        keys(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        keys(tmp_path / "file")
