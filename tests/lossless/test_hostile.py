"""A damaged archive gives an error and no file; what is written is the original, or nothing."""

from __future__ import annotations

import hashlib
import itertools
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sound_files import music, noise, wav
from stand_in_codec import StandIn

from soundwright.core.errors import BadInput
from soundwright.formats.swz import END, START, Footer, Kind, Method, Sound, encode_footer, varint
from soundwright.formats.swz_read import read_footer
from soundwright.lossless import blocks, container_read
from soundwright.lossless.container import plan_archive, write_archive
from soundwright.lossless.container_read import read_range, restore_file
from soundwright.lossless.info import archive_info
from soundwright.lossless.pcm_source import open_source

pytestmark = pytest.mark.usefixtures("stand_in")
ORIGINAL = wav(music(40_000, 1), before=[(b"LIST", b"INFO" * 20)], after=[(b"LIST", noise(300, 1, 8))])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive with blocks of each kind: deflated, coded and raw."""
    (tmp_path / "a.wav").write_bytes(ORIGINAL)
    written = write_archive(plan_archive(open_source(tmp_path / "a.wav")), tmp_path / "a.swz")
    assert [block.method for block in written.footer.blocks] == [Method.DEFLATE, Method.CODEC, Method.CODEC, Method.RAW]
    return tmp_path / "a.swz"


def damages(data: bytes) -> Iterator[bytes]:
    """Bits turned, pieces cut out, ends cut off, pieces moved."""
    rng = np.random.default_rng(0)
    edges = [*range(120), *range(len(data) - 160, len(data))]
    for at, bit in itertools.product(edges, (0, 6)):
        yield data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
    for at in rng.integers(len(data), size=300).tolist():
        yield data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
    for at in [*range(20), *range(len(data) - 100, len(data)), *rng.integers(len(data), size=60).tolist()]:
        yield data[:at]
        yield data[at:]
        yield data[:at] + bytes(len(data) - at)
    for first, second in rng.integers(len(data), size=(60, 2)).tolist():
        yield data[:first] + data[second:]
    yield data + b"\0"
    yield data + data


def test_no_damage_gives_another_file(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    output = tmp_path / "out/a.wav"
    count = 0
    for data in damages(whole):
        if data == whole:
            continue
        count += 1
        archive.write_bytes(data)
        with pytest.raises(BadInput) as caught:
            restore_file(archive, output)
        assert caught.value.remedy
        assert caught.value.path == archive
        assert not list(tmp_path.glob("out/*"))
    assert count > 1_000
    archive.write_bytes(whole)
    restore_file(archive, output, threads=3)
    assert output.read_bytes() == ORIGINAL


def forged(archive: Path, **changes: object) -> Footer:
    """Puts another footer, with its checksum in order, in the place of an archive's own."""
    footer = read_footer(archive)
    length, _ = END.unpack(archive.read_bytes()[-8:])
    changed = replace(footer, **changes)
    archive.write_bytes(archive.read_bytes()[: -8 - length] + encode_footer(changed))
    return changed


def fails(archive: Path, told: str, output: Path | None = None) -> None:
    output = output or archive.with_name("out") / "a.wav"
    with pytest.raises(BadInput, match=re.escape(told)) as caught:
        restore_file(archive, output)
    assert caught.value.remedy
    assert not output.exists()
    assert not list(output.parent.glob(".*"))


def test_damage_is_told_by_its_place(archive: Path) -> None:
    footer = read_footer(archive)
    data = bytearray(archive.read_bytes())
    data[footer.blocks[2].at + 100] ^= 1
    archive.write_bytes(data)
    fails(archive, "is damaged from 0.454 to 0.907 s")
    part, _ = read_range(archive, 0.1, 0.2)  # what is not damaged can still be had
    assert part.shape == (1, 8_820)
    with pytest.raises(BadInput, match=r"from 0\.454"):
        read_range(archive, 0.4, 0.1)
    data[footer.blocks[3].at] ^= 1
    data[footer.blocks[2].at + 100] ^= 1
    archive.write_bytes(data)
    fails(archive, f"is damaged in bytes {footer.blocks[3].start} to {footer.length} of the original")


def test_a_digest_that_is_another_files(archive: Path) -> None:
    forged(archive, sha256=bytes(32))
    fails(archive, "does not have the digest of the original")


def test_a_codec_that_decodes_otherwise_here(archive: Path, stand_in: StandIn) -> None:
    """As on a machine that rounds otherwise: the archive is sound, so the advice is another."""
    stand_in.wrong = True
    fails(archive, "does not decode to what was encoded from 0.000 to 0.454 s (the checksum of the original)")
    stand_in.wrong, stand_in.fault = False, IndexError("state")
    fails(archive, "its stored bytes are sound")


def test_other_revisions_codecs_and_models_are_refused(archive: Path, stand_in: StandIn) -> None:
    whole, sound = archive.read_bytes(), read_footer(archive).sound
    assert sound is not None
    for changes, told in [
        ({"revision": 2}, "revision 2 of the codec cascade; this soundwright has 1"),
        (
            {"codec": 3, "model_digest": bytes(32)},
            "made by codec 3 with model 0000000000000000; this",
        ),
        ({"codec": 77}, "made by codec 77; this soundwright has 1"),
        ({"model_digest": bytes(32)}, f"needs the model with SHA-256 {'0' * 64}, found none"),
        ({"codec": 0}, "method CODEC where there are no such samples"),
    ]:
        archive.write_bytes(whole)
        forged(archive, sound=Sound(**{name: getattr(sound, name) for name in Sound.__dataclass_fields__} | changes))
        stand_in.decoded = 0
        fails(archive, told)
        assert stand_in.decoded == 0


def test_a_codec_with_a_model_needs_that_model(
    archive: Path, tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a codec with id 2 will: the same blocks, and a digest."""

    def with_model(model: Path | None) -> blocks.Codec:
        digest = hashlib.sha256(model.read_bytes()).digest() if model else b""
        return replace(blocks.cascade(), id=2, name="with model", model_digest=digest)

    monkeypatch.setitem(blocks.CODECS, 2, with_model)
    right, wrong = tmp_path / "right.npz", tmp_path / "wrong.npz"
    right.write_bytes(b"weights")
    wrong.write_bytes(b"other weights")
    plan = plan_archive(open_source(tmp_path / "a.wav"), lambda: with_model(right))
    write_archive(plan, archive)
    digest = hashlib.sha256(b"weights").hexdigest()
    fails(archive, f"needs the model with SHA-256 {digest}, found none -> give the model that it was made with")
    with pytest.raises(BadInput, match=f"{digest}, found {hashlib.sha256(b'other weights').hexdigest()}"):
        restore_file(archive, tmp_path / "out/a.wav", model=wrong)
    assert not (tmp_path / "out/a.wav").exists()
    restore_file(archive, tmp_path / "out/a.wav", model=right)
    assert (tmp_path / "out/a.wav").read_bytes() == ORIGINAL
    assert digest in "\n".join(archive_info(archive).lines())


@pytest.mark.parametrize("method", [Method.CODEC, Method.DEFLATE, Method.PLANES])
def test_blocks_of_another_method(archive: Path, method: Method) -> None:
    table = read_footer(archive).blocks
    for index, block in enumerate(table[:3]):
        if block.method is not method:
            whole = archive.read_bytes()
            forged(archive, blocks=(*table[:index], replace(block, method=method), *table[index + 1 :]))
            fails(archive, "does not decode to what was encoded")
            archive.write_bytes(whole)


def test_what_unpacks_to_too_much_is_stopped_at_the_length_announced(tmp_path: Path) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(64)) + compressor.flush()
    length = len(bomb)
    footer = bytes([Kind.BYTES]) + varint(length) + bytes(32) + b"\0" + varint(1 << 20)
    footer += varint(length << 3 | Method.DEFLATE) + struct.pack("<II", zlib.crc32(bomb), 0)
    path = tmp_path / "a.swz"
    path.write_bytes(START + bomb + footer + END.pack(len(footer), zlib.crc32(footer)))
    fails(path, f"ValueError: {length + 1} bytes instead of {length}")


def test_more_than_the_disk_holds_is_not_begun(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = len(ORIGINAL) - 1

    monkeypatch.setattr(container_read.shutil, "disk_usage", lambda folder: Usage)
    fails(archive, f"announces an original of {len(ORIGINAL)} bytes; {len(ORIGINAL) - 1} are free")


BOMB = """
import resource, sys
from pathlib import Path
from soundwright.cli.root import run
limit = 600 << 20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(run(["decompress", sys.argv[1], "--output", sys.argv[2], "--workers", "1"]))
"""


@pytest.mark.parametrize(
    ("num_samples", "table", "told"),
    [
        (10**12, bytes(5), "cannot be an archive: "),
        (10**12, bytes(4_000_000), "cannot be an archive: "),
        # A table as long as it needs to be, each block of no bytes for 8 million: it is the disk that says no.
        (60_000 << 21, b"\2\0\0\0\0\1\2\3\4" * 60_001, "announces an original of 5033"),
    ],
)
def test_a_trillion_samples_in_a_small_file_cost_no_memory(
    tmp_path: Path, num_samples: int, table: bytes, told: str
) -> None:
    """Checksums in order, and numbers that fit each other."""
    footer = bytes([2]) + varint(44 + 4 * num_samples) + bytes(32) + b"\4.wav" + varint(1 << 20)
    footer += b"\2" + b"".join(map(varint, (2, 44_100, 44, num_samples, 1 << 21))) + b"\1\1\0\0" + table
    path = tmp_path / "bomb.swz"
    path.write_bytes(START + footer + END.pack(len(footer), zlib.crc32(footer)))
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(path), str(tmp_path / "out.wav")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {path}: {told}")
    assert done.stderr.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["bomb.swz"]
