"""A folder in, a folder out: the engine's habits hold for archives too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sound_files import aiff, music, wav
from stand_in_codec import StandIn

from soundwright.cli import root
from soundwright.core.errors import UsageError
from soundwright.lossless.compress import CompressedFolder, compress
from soundwright.lossless.compress_table import Row, notes, table
from soundwright.lossless.decompress import decompress
from soundwright.runs.options import RunOptions
from soundwright.runs.summary import RunSummary

pytestmark = pytest.mark.usefixtures("stand_in")
HERE = RunOptions(workers=1)


@pytest.fixture
def music_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "a.wav").write_bytes(wav(music(50_000)))
    (folder / "deep/b_.75.WAV").write_bytes(wav(music(9_000, 2, 24), 2, bits=24))
    (folder / "deep/er/c.aiff").write_bytes(aiff(music(9_000, order=">")))
    (folder / "notes.txt").write_text("not looked at")
    return folder


def pack(folder: Path, output: Path, **options: object) -> CompressedFolder:
    result = compress(folder, output, options=HERE, **options)  # type: ignore[arg-type]
    assert isinstance(result, CompressedFolder)
    return result


def unpack(folder: Path, output: Path, **options: object) -> RunSummary:
    result = decompress(folder, output, options=HERE, **options)  # type: ignore[arg-type]
    assert isinstance(result, RunSummary)
    return result


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".soundwright" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_tree_there_and_back(music_folder: Path, tmp_path: Path) -> None:
    result = pack(music_folder, tmp_path / "out")
    assert (result.exit_code, result.summary.done) == (0, 3)
    assert sorted(content(tmp_path / "out")) == ["a.swz", "deep/b_.75.swz", "deep/er/c.swz"]
    assert unpack(tmp_path / "out", tmp_path / "back").done == 3
    expected = content(music_folder)
    del expected["notes.txt"]
    assert content(tmp_path / "back") == expected
    told = list(result.lines())
    assert sum("flac -8" in line for line in told) == 1
    assert [line.split()[0] for line in told[1:5]] == ["a.wav", "deep/b_.75.WAV", "deep/er/c.aiff", "all"]
    assert told[-1].startswith("compress: 3 done")


def test_a_second_run_does_nothing_and_shows_the_table(music_folder: Path, tmp_path: Path, stand_in: StandIn) -> None:
    first = pack(music_folder, tmp_path / "out")
    stand_in.encoded.clear()
    second = pack(music_folder, tmp_path / "out", verify=True)
    assert (second.summary.done, second.summary.skipped, second.exit_code) == (0, 3, 0)
    assert stand_in.encoded == []
    assert second.rows == first.rows
    assert second.summary.notes == ["verify: 3 archives decoded and compared, 0 differences"]
    unpack(tmp_path / "out", tmp_path / "back")
    (tmp_path / "back/a.wav").unlink()
    again = unpack(tmp_path / "out", tmp_path / "back")
    assert (again.done, again.skipped) == (1, 2)


def test_a_new_revision_makes_all_of_it_again(music_folder: Path, tmp_path: Path, stand_in: StandIn) -> None:
    pack(music_folder, tmp_path / "out")
    stand_in.REVISION = 2
    assert pack(music_folder, tmp_path / "out").summary.done == 3
    stand_in.REVISION = 1
    summary = unpack(tmp_path / "out", tmp_path / "back")
    assert [error.message[:22] for _, error in summary.failures] == ["was made by revision 2"] * 3


def test_verify_finds_what_was_changed_behind_its_back(music_folder: Path, tmp_path: Path, stand_in: StandIn) -> None:
    pack(music_folder, tmp_path / "out")
    stand_in.wrong = True
    result = pack(music_folder, tmp_path / "out", verify=True)
    assert result.exit_code == 1
    assert len(result.summary.failures) == 3


def test_one_bad_file_does_not_stop_the_others(music_folder: Path, tmp_path: Path) -> None:
    (music_folder / "bad.flac").write_bytes(b"fLaC and no more")
    (music_folder / "z.wav").write_bytes(b"SWZ\1")
    (music_folder / "odd.wav").write_bytes(b"no sound")
    result = pack(music_folder, tmp_path / "out")
    assert (result.exit_code, result.summary.done) == (1, 5)
    assert [key for key, _ in result.summary.failures] == ["z.wav"]
    assert sorted(key for key, _ in result.summary.warnings) == ["bad.flac", "odd.wav"], "kept as they are, and told"
    archive = tmp_path / "out/deep/b_.75.swz"
    archive.write_bytes(archive.read_bytes()[:-9])
    (tmp_path / "out/foreign.swz").write_bytes(b"RIFF")
    summary = unpack(tmp_path / "out", tmp_path / "back")
    assert sorted(key for key, _ in summary.failures) == ["deep/b_.75.swz", "foreign.swz"]
    assert summary.done == 4
    assert (tmp_path / "back/bad.flac").read_bytes() == b"fLaC and no more"
    assert not list((tmp_path / "back/deep").glob("b*"))


def test_names_that_clash_are_told_and_foreign_files_stay(music_folder: Path, tmp_path: Path) -> None:
    soundfile.write(music_folder / "a.flac", np.zeros(99), 44_100)
    (tmp_path / "out/deep/er").mkdir(parents=True)
    (tmp_path / "out/deep/er/c.swz").write_bytes(b"mine")
    result = pack(music_folder, tmp_path / "out")
    assert sorted(key for key, _ in result.summary.failures) == ["a.flac", "a.wav", "deep/er/c.aiff"]
    assert (tmp_path / "out/deep/er/c.swz").read_bytes() == b"mine"
    result = pack(music_folder, tmp_path / "out", extensions=["flac"])
    assert "note: 1 FLAC file comes back as WAV" in "\n".join(result.lines())
    assert pack(music_folder, tmp_path / "out", extensions=["aiff"], overwrite=True).exit_code == 0


def test_prune_removes_archives_whose_recording_is_gone(music_folder: Path, tmp_path: Path) -> None:
    pack(music_folder, tmp_path / "out")
    unpack(tmp_path / "out", tmp_path / "back")
    (music_folder / "a.wav").unlink()
    assert any("orphan" in note for note in pack(music_folder, tmp_path / "out").summary.notes)
    pack(music_folder, tmp_path / "out", prune=True)
    assert not (tmp_path / "out/a.swz").exists()
    unpack(tmp_path / "out", tmp_path / "back", prune=True)
    assert not (tmp_path / "back/a.wav").exists()


def test_shards_share_the_work_and_the_table(music_folder: Path, tmp_path: Path) -> None:
    done = 0
    for index in range(2):
        options = RunOptions(workers=1, shard_index=index, shard_count=2)
        result = compress(music_folder, tmp_path / "out", verify=True, options=options)
        assert isinstance(result, CompressedFolder)
        done += result.summary.done
    assert done == len(result.rows) == 3


@pytest.mark.parametrize("verb", [compress, decompress])
def test_folders_that_do_not_go_together(verb, music_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give --output FOLDER"):
        verb(music_folder)
    with pytest.raises(UsageError, match="same folder"):
        verb(music_folder, music_folder)
    with pytest.raises(UsageError, match="it is a file"):
        verb(music_folder, music_folder / "a.wav")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no file ends in"):
        verb(tmp_path / "empty", tmp_path / "out")


def test_an_output_folder_inside_the_input_is_not_searched(music_folder: Path) -> None:
    pack(music_folder, music_folder / "archives")
    assert unpack(music_folder, music_folder / "archives/back").done == 3
    assert pack(music_folder, music_folder / "archives", extensions=["wav", "aiff"]).summary.total == 3


def test_long_tables_are_cut_and_count_all() -> None:
    rows = [Row(f"{'x' * 60}{number}", 100, 50, 40 if number % 2 else None, number < 2) for number in range(50)]
    lines = list(table(rows))
    assert len(lines) == 1 + 30 + 1 + 1
    assert lines[-2] == "and 20 more"
    assert "5,000" in lines[-1]
    assert "+25.00 %" in lines[-1]
    assert "without 25" in lines[-1]
    assert max(map(len, lines[:-1])) < 120
    assert list(notes(rows)) == [
        "note: 2 FLAC files come back as WAV with equal samples, not as FLAC; tags and pictures are not kept"
    ]
    assert "-" in list(table([Row("empty", 0, 51, None)]))[1]


def test_a_kill_and_the_same_command_give_the_undisturbed_result(music_folder: Path, tmp_path: Path) -> None:
    program = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import soundwright.lossless\n"
        "from stand_in_codec import StandIn\n"
        "class Deadly(StandIn):\n"
        "    def encode_block(self, samples, bits):\n"
        "        if bits == 24: os.kill(os.getpid(), 9)\n"
        "        return super().encode_block(samples, bits)\n"
        "soundwright.lossless.coding = sys.modules['soundwright.lossless.coding'] = Deadly()\n"
        "from soundwright.cli.root import main\n"
        "main(['compress', sys.argv[2], sys.argv[3], '--workers', '1'])"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent), str(music_folder), str(tmp_path / "out")]
    assert subprocess.run(command, check=False).returncode == -9
    assert [name for name in content(tmp_path / "out") if name.endswith(".swz") and "tmp" not in name] == ["a.swz"]
    assert root.run(["compress", str(music_folder), str(tmp_path / "out"), "--workers", "1"]) == 0
    pack(music_folder, tmp_path / "undisturbed")
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")
