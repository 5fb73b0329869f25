"""The verbs with one file: names, what is refused, what is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from sound_files import music, noise, wav
from stand_in_codec import StandIn

from soundwright.cli import root
from soundwright.core.errors import BadInput, UsageError
from soundwright.lossless import compress_table
from soundwright.lossless.compress import CompressedFile, compress
from soundwright.lossless.decompress import DecompressedFile, decompress
from soundwright.runs.events import Ended, ItemDone, Started, listening
from soundwright.runs.options import RunOptions

pytestmark = pytest.mark.usefixtures("stand_in")
SONG = wav(music(100_000, 2), 2, after=[(b"LIST", b"INFOICRD\5\0\0\0" + b"2026")])


@pytest.fixture
def song(tmp_path: Path) -> Path:
    (tmp_path / "song.wav").write_bytes(SONG)
    return tmp_path / "song.wav"


def one(*arguments: object, **options: object) -> CompressedFile:
    result = compress(*arguments, **options)  # type: ignore[arg-type]
    assert isinstance(result, CompressedFile)
    return result


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_there_and_back_under_the_default_names(song: Path) -> None:
    result = one(song, verify=True)
    assert result.archive == song.with_suffix(".swz")
    assert result.exit_code == 0
    assert result.verified
    song.unlink()
    back = decompress(song.with_suffix(".swz"))
    assert isinstance(back, DecompressedFile)
    assert back.output == song
    assert song.read_bytes() == SONG
    assert names(song.parent) == ["song.swz", "song.wav"]


@pytest.mark.parametrize(
    ("name", "archive"),
    [("a_amp_.75.wav", "a_amp_.75.swz"), ("B.AIFF", "B.swz"), ("c", "c.swz"), (".wav", ".wav.swz"),
     ("take.2 (old)", "take.2 (old).swz"), ("d.longer_than_8", "d.longer_than_8.swz"), ("ö\n.wav", "ö\n.swz")],
)  # fmt: skip
def test_every_name_comes_back(tmp_path: Path, name: str, archive: str) -> None:
    (tmp_path / name).write_bytes(SONG)
    assert one(tmp_path / name).archive.name == archive
    (tmp_path / name).unlink()
    decompress(tmp_path / archive)
    assert names(tmp_path) == sorted([name, archive])


def test_names_and_folders_as_given(song: Path, tmp_path: Path) -> None:
    assert one(song, tmp_path / "new/deep/x.bin").archive == tmp_path / "new/deep/x.bin"
    assert one(song, tmp_path / "new").archive == tmp_path / "new/song.swz"
    decompress(tmp_path / "new/deep/x.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == SONG
    decompress(tmp_path / "new/deep/x.bin")
    assert (tmp_path / "new/deep/x.bin.wav").read_bytes() == SONG


def untouched(path: Path) -> tuple[int, int, int]:
    """What writing a file changes; reading changes the time of access alone."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def test_a_second_run_leaves_the_file_alone(song: Path, stand_in: StandIn) -> None:
    archive = one(song).archive
    before = untouched(archive)
    stand_in.encoded.clear()
    again = one(song)
    assert again.already
    assert stand_in.encoded == []
    assert untouched(archive) == before
    assert "there already" in list(again.lines())[-1]
    assert one(song, verify=True).verified
    song_before = untouched(song)
    assert decompress(archive).already  # type: ignore[union-attr]
    assert untouched(song) == song_before
    assert not one(song, overwrite=True).already


def test_what_was_kept_as_it_is_is_tried_again(song: Path, stand_in: StandIn) -> None:
    stand_in.wrong = True  # nothing comes back, so the file is stored
    archive = one(song).archive
    stored = archive.stat().st_size
    assert stored > len(SONG)
    stand_in.wrong = False
    assert not one(song).already
    assert archive.stat().st_size < stored
    assert one(song).already


def test_what_a_killed_run_left_is_cleared(song: Path) -> None:
    begun = subprocess.run(
        [sys.executable, "-c", _KILLED, str(song.with_suffix(".swz"))], capture_output=True, text=True
    )
    assert begun.returncode == -9
    assert len(names(song.parent)) == 2
    one(song)
    assert names(song.parent) == ["song.swz", "song.wav"]


_KILLED = """
import os, sys
from pathlib import Path
from soundwright.runs.atomic import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_no_pipe_and_no_dangling_link_is_taken_for_an_output(song: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="a device or pipe stands there"):
        compress(song, tmp_path / "pipe", overwrite=True)
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(UsageError, match="a link to nothing"):
        compress(song, tmp_path / "link/a.swz")


def test_nothing_foreign_is_overwritten(song: Path, tmp_path: Path) -> None:
    archive = one(song).archive
    (tmp_path / "other.wav").write_bytes(SONG[:-2])
    for output in (archive, song):
        before = output.read_bytes()
        with pytest.raises(UsageError, match=r"exists already.* -> move it, or give --overwrite"):
            compress(tmp_path / "other.wav", output)
        assert output.read_bytes() == before
    with pytest.raises(UsageError, match=r"exists already.* -> move it, or give --overwrite"):
        decompress(archive, tmp_path / "other.wav")
    decompress(archive, tmp_path / "other.wav", overwrite=True)
    assert (tmp_path / "other.wav").read_bytes() == SONG


def test_the_input_is_never_the_output(song: Path, tmp_path: Path) -> None:
    os.link(song, tmp_path / "twin.wav")
    (tmp_path / "link.wav").symlink_to(song)
    for output in (song, tmp_path / "twin.wav", tmp_path / "link.wav"):
        with pytest.raises(UsageError, match="the same file"):
            compress(song, output, overwrite=True)
    archive = one(song).archive
    with pytest.raises(UsageError, match="the same file"):
        decompress(archive, archive, overwrite=True)
    assert song.read_bytes() == SONG


def test_wrong_kinds_of_input_and_output(song: Path, tmp_path: Path) -> None:
    archive = one(song).archive
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder/song.swz").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe.wav")
    cases = [
        (lambda: compress(archive, tmp_path / "b.swz"), "is an archive already"),
        (lambda: compress(tmp_path / "none.wav"), "does not exist"),
        (lambda: compress(tmp_path / "pipe.wav"), "no regular file"),
        (lambda: compress(song, tmp_path / "file/a.swz"), "expected a folder for the output"),
        (lambda: compress(song, tmp_path / "folder"), "a folder stands there"),
        (lambda: compress(song, options=RunOptions(shard_index=0, shard_count=2)), "this is one file"),
        (lambda: compress(tmp_path, info=True), "is a folder"),
        (lambda: compress(tmp_path / "none.swz", info=True), "does not exist"),
        (lambda: decompress(tmp_path / "none.swz"), "does not exist"),
        (lambda: decompress(tmp_path / "pipe.wav"), "no regular file"),
    ]
    for call, told in cases:
        with pytest.raises(UsageError, match=told):
            call()
    for verb in (decompress, lambda path: compress(path, info=True)):
        with pytest.raises(BadInput, match=r"starts with SWZ, found b'RIFF' -> give a file that"):
            verb(song)


def test_what_is_told(song: Path, tmp_path: Path) -> None:
    told = "\n".join(one(song, compare="none").lines())
    assert "flac -8" not in told
    assert f"{len(SONG):,}" in told
    (tmp_path / "b.mp3").write_bytes(noise(900, 1, 8))
    told = "\n".join(one(tmp_path / "b.mp3").lines())
    assert "warning: kept as it is, without prediction: it is no WAV" in told
    (tmp_path / "c.wav").write_bytes(wav(music(900), tag=85))
    assert "its samples are MP3, not PCM" in "\n".join(one(tmp_path / "c.wav").lines())
    soundfile.write(tmp_path / "d.flac", soundfile.read(song)[0], 44_100)
    told = "\n".join(one(tmp_path / "d.flac").lines())
    assert "note: 1 FLAC file comes back as WAV with equal samples" in told
    assert one(tmp_path / "d.flac").already
    told = "\n".join(decompress(tmp_path / "d.swz").lines())
    assert "this is its WAV form" in told
    assert told.endswith("d.wav")


def test_flac_sizes_where_there_is_flac(song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["flac", "-8", "-s", "--no-padding", "-o", "mine.flac", song], cwd=tmp_path, check=True)
    result = one(song)
    assert result.row.flac is not None
    # On a pipe flac cannot go back to fill in its header; the size is the same but for a seek point.
    assert abs(result.row.flac - (tmp_path / "mine.flac").stat().st_size) < 100
    assert f"{result.row.flac:,}" in "\n".join(result.lines())
    command = ["flac", "-5", "-s", "--picture=3||||cover.png", "-T", f"COMMENT={'long ' * 9_000}", "-o", "b.flac", song]
    picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0" + bytes(50_000)
    (tmp_path / "cover.png").write_bytes(picture)
    subprocess.run(command, cwd=tmp_path, check=True)
    tagged = one(tmp_path / "b.flac").row.flac
    assert tagged is not None
    assert abs(tagged - result.row.flac) < 1_000
    (tmp_path / "b.wav").write_bytes(b"no sound")
    assert one(tmp_path / "b.wav", tmp_path / "c.swz").row.flac is None
    monkeypatch.setattr(compress_table.shutil, "which", lambda name: None)
    assert one(song).row.flac is None
    assert "flac -8" not in "\n".join(one(song).lines())


def test_info_of_each_kind(song: Path, tmp_path: Path, stand_in: StandIn) -> None:
    archive = one(song).archive
    told = "\n".join(compress(archive, info=True).lines())
    for text in ("comes back as song.wav", "2.268 s, 100,000 samples at 44100 Hz, 2 channels, 16-bit", "kbit/s, from",
                 "cascade, revision 1", "4 coded", "2 raw", "0.567 s of sound in each", "sha256"):  # fmt: skip
        assert text in told
    assert "failed" not in told
    stand_in.wrong = True
    (tmp_path / "b.wav").write_bytes(wav(music(100_000), after=[(b"LIST", bytes(2_000))]))
    told = "\n".join(one(tmp_path / "b.wav").lines())
    assert "warning: 4 blocks did not come back from the codec" in told
    assert "failed     4 blocks" in "\n".join(compress(tmp_path / "b.swz", info=True).lines())
    for name, data, expected in [("c", b"", "of an empty file"), ("d.x", noise(99, 1, 8), "stored as it is")]:
        (tmp_path / name).write_bytes(data)
        assert expected in "\n".join(compress(one(tmp_path / name).archive, info=True).lines())


def test_progress_counts_blocks(song: Path) -> None:
    events: list[object] = []
    with listening(events.append):
        archive = one(song, options=RunOptions(workers=2)).archive
    assert isinstance(events[0], Started)
    assert (events[0].step, events[0].total, events[0].workers) == ("compress", 6, 2)
    assert sum(isinstance(event, ItemDone) for event in events) == 6
    assert isinstance(events[-1], Ended)
    song.unlink()
    events.clear()
    with listening(events.append):
        decompress(archive)
    assert [type(event) for event in events] == [Started, *[ItemDone] * 6, Ended]


def test_a_failed_verification_is_an_error(song: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    one(song)
    stand_in.wrong = True
    assert root.run(["compress", str(song), "--verify"]) == 1
    assert "does not decode to what was encoded" in capsys.readouterr().err


def test_the_command_line(song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "x.swz"
    assert root.run(["compress", str(song), "--output", str(archive), "--verify"]) == 0
    assert "verify: decoded from disk and compared, no difference" in capsys.readouterr().out
    assert root.run(["compress", "--info", str(archive)]) == 0
    assert "comes back as x.wav" in capsys.readouterr().out
    assert root.run(["decompress", str(archive), "--output", str(tmp_path / "y.wav")]) == 0
    assert (tmp_path / "y.wav").read_bytes() == SONG
    capsys.readouterr()
    assert root.run(["decompress", str(song)]) == 1
    assert root.run(["compress", str(archive)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 2
    archive.write_bytes(archive.read_bytes()[:-1])
    assert root.run(["decompress", str(archive), "--output", str(tmp_path / "z.wav")]) == 1
    assert not (tmp_path / "z.wav").exists()


SLOW = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import soundwright.lossless
from stand_in_codec import StandIn
class Slow(StandIn):
    def encode_block(self, samples, bits):
        os.write(1, b"begun\\n")
        time.sleep(0.3)
        return super().encode_block(samples, bits)
soundwright.lossless.coding = sys.modules["soundwright.lossless.coding"] = Slow()
from soundwright.cli.root import main
main(["compress", sys.argv[2], "--workers", sys.argv[3]])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_leaves_nothing(song: Path, number: signal.Signals, workers: str) -> None:
    song.write_bytes(wav(music(400_000)))
    command = [sys.executable, "-c", SLOW, str(Path(__file__).parent), str(song), workers]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.05)
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopped; nothing of" in told
    assert "Traceback" not in told
    assert names(song.parent) == ["song.wav"]
