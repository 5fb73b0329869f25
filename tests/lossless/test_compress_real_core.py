"""Archives with the real codec: they come back, threads change nothing, forged blocks end in an error."""

from __future__ import annotations

import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sound_files import aiff, music, noise, wav

from soundwright.cli import root
from soundwright.formats.swz import END, MAX_OVERHEAD, Method, encode_footer
from soundwright.formats.swz_read import read_footer
from soundwright.lossless import coding
from soundwright.lossless.container import plan_archive, write_archive
from soundwright.lossless.container_read import check_archive, read_range
from soundwright.lossless.pcm_source import open_source


@pytest.mark.parametrize(
    "data",
    [
        *(wav(music(3_000, channels, bits), channels, bits=bits) for bits in (8, 16, 24, 32) for channels in (1, 2, 8)),
        aiff(music(3_000, 2, order=">"), 2),
        wav(noise(3_000, 2), 2),
        wav(bytes(20_000), 2),
        wav(b"\xff\x7f\x00\x80" * 3_000, 2),
        wav(music(1), 1),
        wav(b"", 2),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_files_come_back(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(data)
    source = open_source(tmp_path / "a.wav")
    written = write_archive(plan_archive(source), tmp_path / "a.swz")
    assert written.num_failed == 0
    assert written.num_bytes <= len(data) + MAX_OVERHEAD
    check_archive(tmp_path / "a.swz", source)


def test_threads_and_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "BLOCK_SAMPLES", 10_000)
    data = music(50_000)
    (tmp_path / "a.wav").write_bytes(wav(data, rate=10_000))
    source = open_source(tmp_path / "a.wav")
    for threads in (1, 3):
        written = write_archive(plan_archive(source), tmp_path / f"{threads}.swz", threads=threads)
        check_archive(tmp_path / f"{threads}.swz", source, threads=4 - threads)
    assert (tmp_path / "1.swz").read_bytes() == (tmp_path / "3.swz").read_bytes()
    assert sum(block.method is Method.CODEC for block in written.footer.blocks) == 5
    part, _ = read_range(tmp_path / "1.swz", 1.5, 1)
    assert np.array_equal(part[0], np.frombuffer(data, "<i2")[15_000:25_000])


FORGED = """
import sys
from pathlib import Path
from soundwright.core.errors import BadInput
from soundwright.lossless.container_read import restore_file
for path in sorted(Path(sys.argv[1]).glob("*.swz")):
    try:
        restore_file(path, path.with_suffix(".wav"))
    except BadInput as error:
        assert "does not decode to what was encoded" in str(error), error
        print("refused", flush=True)
"""


def test_blocks_with_forged_checksums_end_in_an_error(tmp_path: Path) -> None:
    """Neither a crash nor an endless loop: the checksum of the stored bytes is in order, the bytes are nonsense."""
    (tmp_path / "a.wav").write_bytes(wav(music(2_000, 2), 2))
    write_archive(plan_archive(open_source(tmp_path / "a.wav")), tmp_path / "a.swz")
    footer, whole = read_footer(tmp_path / "a.swz"), (tmp_path / "a.swz").read_bytes()
    length, _ = END.unpack(whole[-END.size :])
    index, block = next((i, block) for i, block in enumerate(footer.blocks) if block.method is Method.CODEC)
    rng = np.random.default_rng(0)
    stored = whole[block.at : block.at + block.size]
    count = 0
    for number in range(60):
        data = bytearray(rng.bytes(block.size) if number % 3 == 0 else stored)
        if number % 3 == 1:
            data[int(rng.integers(min(20, block.size)))] ^= 1 << int(rng.integers(8))
        elif number % 3 == 2:
            data = data[: int(rng.integers(block.size))]
        blocks = list(footer.blocks)
        blocks[index] = replace(block, size=len(data), stored_crc=zlib.crc32(data))
        end = encode_footer(replace(footer, blocks=tuple(blocks)))
        rest = whole[block.at + block.size : -END.size - length]
        (tmp_path / f"forged{number}.swz").write_bytes(whole[: block.at] + data + rest + end)
        count += 1
    (tmp_path / "a.swz").unlink()
    done = subprocess.run(
        [sys.executable, "-c", FORGED, str(tmp_path)], capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused") == count


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = wav(music(20_000, 2), 2, after=[(b"LIST", b"INFO")])
    for name in ("a.wav", "b.wav"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    assert root.run(["compress", str(tmp_path / "in"), str(tmp_path / "out"), "--verify", "--workers", "2"]) == 0
    assert root.run(["decompress", str(tmp_path / "out"), str(tmp_path / "back"), "--workers", "1"]) == 0
    assert (tmp_path / "back/a.wav").read_bytes() == (tmp_path / "back/b.wav").read_bytes() == data
    told = capsys.readouterr()
    assert "2 archives decoded and compared, 0 differences" in told.err
    (size,) = {path.stat().st_size for path in (tmp_path / "out").glob("*.swz")}
    assert size < 0.9 * len(data)
