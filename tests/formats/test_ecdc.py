"""The bit stream against an independent packer, and against damage of every kind."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundwright.core.errors import BadInput
from soundwright.formats import bits, ecdc
from soundwright.formats.ecdc import TokenFile, TokenHeader


def pack_by_symbol(values: list[int]) -> bytes:
    """As encodec's BitPacker does it: one number at a time, low bits first."""
    current, num_bits, out = 0, 0, bytearray()
    for value in values:
        current += value << num_bits
        num_bits += 10
        while num_bits >= 8:
            out.append(current & 0xFF)
            current >>= 8
            num_bits -= 8
    if num_bits:
        out.append(current)
    return bytes(out)


def upstream_file(codes: np.ndarray, num_samples: int) -> bytes:
    """A file as `encodec.compress` writes it."""
    meta = json.dumps({"m": "encodec_24khz", "al": num_samples, "nc": len(codes), "lm": False}).encode()
    return struct.pack("!4sBI", b"ECDC", 0, len(meta)) + meta + pack_by_symbol(codes.T.reshape(-1).tolist())


def sample_tokens(num_samples: int = 3217, num_codebooks: int = 3) -> TokenFile:
    header = TokenHeader("encodec_24khz", num_samples, num_codebooks, "0a1b2c3d4e5f", "ab" * 32)
    rng = np.random.default_rng(num_samples + num_codebooks)
    return TokenFile.of(header, rng.integers(0, 1024, (num_codebooks, header.num_frames)).astype(np.uint16))


@given(st.lists(st.integers(0, 1023), max_size=70))
def test_packing_equals_encodecs_symbol_by_symbol(values: list[int]) -> None:
    packed = bits.pack(np.array(values, np.uint16))
    assert packed == pack_by_symbol(values)
    assert bits.unpack(packed, len(values)).tolist() == values


@pytest.mark.parametrize("num_codebooks", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("num_samples", [0, 1, 319, 320, 321, 24_000])
def test_a_file_of_the_encodec_package_reads(num_codebooks: int, num_samples: int) -> None:
    tokens = sample_tokens(num_samples, num_codebooks)
    read = ecdc.decode(upstream_file(tokens.codes, num_samples))
    assert read.header == TokenHeader("encodec_24khz", num_samples, num_codebooks)
    assert np.array_equal(read.codes, tokens.codes)


def test_the_encodec_package_would_read_ours() -> None:
    tokens = sample_tokens()
    data = ecdc.encode(tokens)
    magic, version, length = struct.unpack("!4sBI", data[:9])
    meta = json.loads(data[9 : 9 + length])
    assert (magic, version, meta["m"], meta["al"], meta["nc"]) == (b"ECDC", 0, "encodec_24khz", 3217, 3)
    assert meta["lm"] is False
    assert data[9 + length :] == pack_by_symbol(tokens.codes.T.reshape(-1).tolist())


def test_round_trip_keeps_header_and_extras(tmp_path: Path) -> None:
    header = TokenHeader("pocket", 4000, 2, "1", None, 16_000, 200, {"note": "é", "n": [1, None]})
    tokens = TokenFile.of(header, np.arange(40, dtype=np.uint16).reshape(2, 20))
    ecdc.write(tmp_path / "new" / "a.ecdc", tokens)
    assert ecdc.read_header(tmp_path / "new" / "a.ecdc") == header
    assert np.array_equal(ecdc.read(tmp_path / "new" / "a.ecdc").codes, tokens.codes)
    assert header.frame_rate == 80
    assert header.duration_s == 0.25
    assert header.bandwidth_kbps == 1.6


@given(
    pieces=st.lists(st.integers(0, 9), max_size=12),
    num_codebooks=st.integers(1, 5),
    frames_at_once=st.integers(1, 9),
)
def test_streaming_writes_and_reads_the_same_file(
    pieces: list[int], num_codebooks: int, frames_at_once: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tokens = sample_tokens(320 * sum(pieces), num_codebooks)
    file = io.BytesIO()
    writer = ecdc.Writer(file, replace(tokens.header, num_samples=0))
    start = 0
    for size in pieces:
        writer.write(tokens.codes[:, start : start + size])
        start += size
    assert writer.finish(tokens.num_samples) == tokens.header
    assert file.getvalue() == ecdc.encode(tokens)
    path = tmp_path_factory.mktemp("stream") / "a.ecdc"
    path.write_bytes(file.getvalue())
    frames = list(ecdc.read_frames(path, frames_at_once))
    assert np.array_equal(np.concatenate([np.zeros((num_codebooks, 0), np.uint16), *frames], axis=1), tokens.codes)


def test_a_file_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    data = ecdc.encode(sample_tokens())
    path = tmp_path / "cut.ecdc"
    for size in range(len(data)):
        with pytest.raises(BadInput, match="expected"):
            ecdc.decode(data[:size])
        path.write_bytes(data[:size])
        for read in (ecdc.read, ecdc.read_header, lambda path: list(ecdc.read_frames(path, 4))):
            with pytest.raises(BadInput, match="expected"):
                read(path)


@given(st.data())
def test_flipped_bytes_are_valid_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(ecdc.encode(sample_tokens()))
    for position in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=6)):
        damaged[position] = data.draw(st.integers(0, 255))
    try:
        tokens = ecdc.decode(bytes(damaged))
    except BadInput:
        return
    assert tokens.codes.shape == (tokens.num_codebooks, tokens.num_frames)
    assert tokens.codes.max() < 1024


@given(st.binary(max_size=300))
def test_any_bytes_after_the_magic_are_valid_or_refused(data: bytes) -> None:
    for start in (b"", b"ECDC", b"ECDC\0\0\0\0", b"ECDC\0\0\0\0\x02{}", struct.pack("!4sBI", b"ECDC", 0, len(data))):
        with contextlib.suppress(BadInput):
            ecdc.decode(start + data)


def with_header(**entries: object) -> bytes:
    meta = json.dumps({"m": "encodec_24khz", "al": 640, "nc": 2, "lm": False, **entries}).encode()
    return struct.pack("!4sBI", b"ECDC", 0, len(meta)) + meta + b"\0" * 5


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "0 bytes"),
        (b"RIFF" + b"\0" * 40, "RIFF"),
        (b"ECDC\x01" + b"\0" * 40, "version 1"),
        (b"ECDC\x00\xff\xff\xff\xff" + b"{" * 40, "4294967295 announced"),
        (b"ECDC\x00\x00\x00\xff\xff" + b"{" * 0xFFFF, "JSONDecodeError"),
        (b"ECDC\x00\x00\x00\xff\xff" + b"[" * 0xFFFF, "RecursionError|JSONDecodeError"),
        (b"ECDC\x00\x00\x00\x00\x02[]", "list"),
        (with_header(lm=True), "lm: True"),
        (with_header(lm=None), "lm: None"),
        (with_header(m="encodec_48khz"), "scaled segments"),
        (with_header(m=7), "7"),
        (with_header(m="a\nb"), "expected the name"),
        (with_header(nc=0), "found 0"),
        (with_header(nc=10**9), "found 1000000000"),
        (with_header(nc=True), "True"),
        (with_header(nc=3), "5 .the file is cut"),
        (with_header(nc=1), "5 .the file is too long"),
        (with_header(al=-1), "found -1"),
        (with_header(al=1e3), "1000.0"),
        (with_header(al=2**53), "the file is cut"),
        (with_header(al=2**60), "expected an integer"),
        (with_header(hop=0), "found 0"),
        (with_header(revision=3), "found 3"),
        (with_header() + b"\0", "6 .the file is too long"),
    ],
)
def test_hostile_files_are_refused_by_name(data: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.ecdc"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=found) as caught:
        ecdc.read(path)
    assert str(caught.value).startswith(f"{path}: expected ")
    assert "->" in str(caught.value)


def test_bits_after_the_last_code_are_refused(tmp_path: Path) -> None:
    data = bytearray(ecdc.encode(sample_tokens(320, 1)))
    data[-1] |= 0x80
    path = tmp_path / "dirty.ecdc"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="zeros after the last code"):
        ecdc.read(path)
    with pytest.raises(BadInput, match="zeros after the last code"):
        list(ecdc.read_frames(path, 10))


def test_a_missing_file_and_a_folder_are_bad_input(tmp_path: Path) -> None:
    for path in (tmp_path / "none.ecdc", tmp_path):
        with pytest.raises(BadInput, match="cannot be read"):
            ecdc.read_header(path)


def test_wrong_codes_are_a_programming_error() -> None:
    tokens = sample_tokens(640, 2)
    with pytest.raises(ValueError, match="found 1024"):
        ecdc.encode(replace(tokens, codes=np.full((2, 2), 1024, np.uint16)))
    with pytest.raises(ValueError, match=r"expected codes \[2, t\]"):
        ecdc.encode(replace(tokens, codes=tokens.codes[:1]))
    with pytest.raises(ValueError, match="640 samples are 2 frames"):
        ecdc.encode(replace(tokens, codes=tokens.codes[:, :1]))
    with pytest.raises(ValueError, match="were written"):
        ecdc.Writer(io.BytesIO(), tokens.header).finish(640)
