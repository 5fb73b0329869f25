"""Archives' footers: what is written is read, and no number in them is believed."""

from __future__ import annotations

import re
import struct
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundwright.core.errors import BadInput
from soundwright.formats.swz import (
    ENCODINGS,
    END,
    MAX_BLOCK_VALUES,
    MAX_OVERHEAD,
    START,
    Block,
    Encoding,
    Footer,
    Kind,
    Layout,
    Method,
    Sound,
    encode_footer,
    recordable_suffix,
    spans,
    varint,
)
from soundwright.formats.swz_read import read_footer

SHA = bytes(range(32))
LAYOUT = Layout(44, 1_000, 2, 44_100, ENCODINGS[2])


def with_blocks(footer: Footer, methods: list[Method]) -> tuple[Footer, bytes]:
    """The footer with a table of blocks, and as many bytes as they say."""
    layout, block_samples = (footer.sound.layout, footer.sound.block_samples) if footer.sound else (None, 0)
    at, blocks = len(START), []
    for start, end, size in spans(footer.length, layout, footer.block_bytes, block_samples):
        for begin in range(start, end, size):
            length = min(size, end - begin)
            method = methods[len(blocks) % len(methods)]
            stored = length if method is Method.RAW else length // 2
            crc = 7 * len(blocks)
            blocks.append(Block(method, at, stored, begin, length, crc, crc if method is Method.RAW else crc + 1))
            at += stored
    return replace(footer, blocks=tuple(blocks)), bytes(at - len(START))


def read_back(folder: Path, footer: Footer, payload: bytes) -> Footer:
    (folder / "a.swz").write_bytes(START + payload + encode_footer(footer))
    return read_footer(folder / "a.swz")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(ENCODINGS),
    st.tuples(*(st.integers(*bounds) for bounds in ((0, 300), (0, 3_000), (1, 8), (0, 0xFFFFFFFF), (0, 200)))),
    st.integers(1, 2_000),
    st.integers(1, 500),
    st.sampled_from([b"", SHA]),
    st.lists(st.sampled_from(list(Method)), min_size=1, max_size=5),
    st.sampled_from(["", ".wav", ".AIFF", ".a_b-c"]),
    st.booleans(),
)
def test_what_is_written_is_read(
    tmp_path: Path,
    encoding: Encoding,
    numbers: tuple[int, int, int, int, int],
    block_samples: int,
    block_bytes: int,
    digest: bytes,
    methods: list[Method],
    suffix: str,
    flac: bool,
) -> None:
    *sizes, tail = numbers
    layout = Layout(*sizes, encoding)
    sound = Sound(layout, block_samples, 1, 300, digest, 2)
    footer = Footer(Kind.SOUND, layout.end + tail, SHA, suffix, flac, block_bytes, sound)
    footer, payload = with_blocks(footer, methods)
    assert read_back(tmp_path, footer, payload) == footer
    plain, payload = with_blocks(replace(footer, kind=Kind.BYTES, sound=None), methods)
    assert read_back(tmp_path, plain, payload) == plain


@given(st.integers(0, 2**63 - 1), st.sampled_from(["", ".wav", ".1234567"]))
def test_storing_adds_at_most_64_bytes(length: int, suffix: str) -> None:
    footer = Footer(Kind.STORED, length, SHA, suffix, True)
    assert len(START) + len(encode_footer(footer)) <= MAX_OVERHEAD


def test_a_stored_archive_of_a_small_wav_adds_51_bytes(tmp_path: Path) -> None:
    footer = Footer(Kind.STORED, 100, SHA, ".wav")
    assert len(START) + len(encode_footer(footer)) == 51
    assert read_back(tmp_path, footer, bytes(100)).length == 100


def test_the_layout_is_as_described(tmp_path: Path) -> None:
    """Byte by byte, from the description above the code."""
    table = bytes([44 << 3 & 127 | 128, 44 << 3 >> 7]) + b"\1\0\0\0"  # 44 bytes, raw
    table += bytes([20 << 3 & 127 | 1 | 128, 20 << 3 >> 7]) + b"\2\0\0\0" + b"\3\0\0\0"  # 20 bytes, by the codec
    footer = bytes([2 | 16, 100]) + SHA + b"\4.wav" + bytes([100])
    footer += bytes([2, 2]) + b"\xc4\xd8\x02" + bytes([44, 14, 100, 1, 3, 0, 5]) + table
    data = b"SWZ\1" + bytes(64) + footer + struct.pack("<II", len(footer), zlib.crc32(footer))
    (tmp_path / "a.swz").write_bytes(data)
    sound = Sound(Layout(44, 14, 2, 44_100, ENCODINGS[2]), 100, 1, 3, b"", 5)
    blocks = (Block(Method.RAW, 4, 44, 0, 44, 1, 1), Block(Method.CODEC, 48, 20, 44, 56, 2, 3))
    expected = Footer(Kind.SOUND, 100, SHA, ".wav", True, 100, sound, blocks)
    assert read_footer(tmp_path / "a.swz") == expected
    assert START + bytes(64) + encode_footer(expected) == data


def hostile(payload: bytes, footer: bytes) -> bytes:
    """An archive whose checksums are in order."""
    return START + payload + footer + END.pack(len(footer), zlib.crc32(footer))


BEGIN = bytes([2]) + varint(10**12) + SHA + b"\4.wav" + varint(1 << 20)


def sound_entry(*numbers: int, codec: bytes = b"\1\1\0\0") -> bytes:
    return b"\2" + b"".join(map(varint, numbers)) + codec


@pytest.mark.parametrize(
    ("footer", "told"),
    [
        (BEGIN + sound_entry(2, 44_100, 44, 2 * 10**11, 441_000) + bytes(5), "blocks announced, more than its table"),
        (BEGIN + sound_entry(2, 44_100, 44, 2 * 10**11, MAX_BLOCK_VALUES), f"{MAX_BLOCK_VALUES} where 1 to"),
        (BEGIN + sound_entry(2, 44_100, 44, 10**12, 441_000), "of a file of 1000000000000"),
        (BEGIN + sound_entry(0, 44_100, 44, 1, 1), "0 where 1 to 8"),
        (BEGIN + sound_entry(200, 44_100, 44, 1, 1), "200 where 1 to 8"),
        (BEGIN + sound_entry(2, 2**40, 44, 1, 1), "where 0 to 4294967295"),
        (BEGIN + b"\xff", "unknown encoding"),
        (BEGIN + sound_entry(2, 1, 44, 1, 1, codec=b"\1\1\7") + bytes(50), "digest of 7 bytes"),
        (bytes([1]) + varint(10**12) + SHA + b"\0" + varint(1 << 40), "where 1 to"),
        (bytes([1]) + varint(10**12) + SHA + b"\0" + varint(1 << 20) + bytes(5_000), "more than its table"),
        (bytes([1]) + varint(9) + SHA + b"\0" + varint(64) + varint(9 << 3) + bytes(4), "9 bytes announced, 0 there"),
        (bytes([1]) + varint(9) + SHA + b"\0" + varint(64) + varint(90 << 3 | 2) + bytes(8), "block of 90 bytes for 9"),
        (bytes([1]) + varint(9) + SHA + b"\0" + varint(64) + varint(7) + bytes(8), "7 is not a valid Method"),
        (bytes([1]) + varint(0) + SHA + b"\0" + varint(64) + b"more", "4 bytes too many"),
        (bytes([0]) + varint(10**12) + SHA + b"\0", "1000000000000 bytes announced, 0 there"),
        (bytes([0]) + b"\xff" * 20 + SHA + b"\0", "more than 63 bits"),
        (bytes([9]) + varint(0) + SHA + b"\0", "not a valid Kind"),
        (bytes([0]) + varint(0) + SHA + b"\x09/../../ab", "name's ending"),
        (bytes([0]) + varint(0) + SHA + b"\x04\xff\xff\xff\xff", "can't decode"),
        (bytes([0]) + varint(0) + SHA[:20], "ends too early"),
        (b"", "ends too early"),
    ],
)
def test_numbers_that_cannot_be_true_cost_nothing(tmp_path: Path, footer: bytes, told: str) -> None:
    path = tmp_path / "a.swz"
    path.write_bytes(hostile(b"", footer))
    began = time.process_time()
    with pytest.raises(BadInput, match=re.escape(told)) as caught:
        read_footer(path)
    assert time.process_time() - began < 1
    assert caught.value.path == path
    assert caught.value.remedy


def test_foreign_cut_and_newer_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.swz"
    whole = START + bytes(100) + encode_footer(Footer(Kind.STORED, 100, SHA, ".wav"))
    for data, told in [
        (b"", "is empty"),
        (b"RIFF1234WAVE", "starts with SWZ, found b'RIFF'"),
        (b"SW", "starts with SWZ"),
        (b"SWZ", "found the file's end"),
        (b"SWZ\2" + whole[4:], "found version 2"),
        (whole[:8], "is cut short"),
        (whole[:-1], "is cut short or damaged"),
        (whole + b"\0", "is cut short or damaged"),
        (whole[:60] + whole[61:], "cannot be an archive: 100 bytes announced, 99 there"),
        (START + struct.pack("<II", 0xFFFFFFFF, 0), "ends in no footer"),
    ]:
        path.write_bytes(data)
        with pytest.raises(BadInput, match=re.escape(told)):
            read_footer(path)


@pytest.mark.parametrize("suffix", ["/x", "..", ".a/b", ".12345678", ".wäv", ". a", "wav", ".", ".wav\n"])
def test_endings_that_are_no_endings_are_not_recorded(suffix: str) -> None:
    assert not recordable_suffix(suffix)
