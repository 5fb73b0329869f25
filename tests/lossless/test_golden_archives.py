"""Archives made with revision 1, committed once and never made again: every later version must give the files back."""

from __future__ import annotations

from pathlib import Path

import pytest

from soundwright.lossless.decompress import decompress

ARCHIVES = sorted((Path(__file__).parent / "golden_archives").glob("*.swz"))


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.stem)
def test_an_archive_of_revision_1_is_read_for_ever(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "back.wav"
    assert decompress(archive, output=output).exit_code == 0
    assert output.read_bytes() == archive.with_suffix(".wav").read_bytes()


def test_there_are_archives() -> None:
    assert len(ARCHIVES) == 3
