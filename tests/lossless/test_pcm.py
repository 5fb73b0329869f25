"""Samples are found where they are, and bytes become samples and bytes again."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from sound_files import aiff, chunk, format_chunk, music, packed, wav

from soundwright.formats.swz import ENCODINGS, Layout
from soundwright.lossless.pcm import bytes_of, bytes_of_planes, floats_of, planes_of, samples_of
from soundwright.lossless.pcm_find import Found, find_samples

RNG = np.random.default_rng(0)
INTEGERS = [encoding for encoding in ENCODINGS if encoding.type != "f"]


def look(data: bytes) -> Found:
    return find_samples(io.BytesIO(data), len(data))


def layout_of(data: bytes) -> Layout:
    found = look(data)
    assert found.layout is not None, found
    return found.layout


@pytest.mark.parametrize("encoding", INTEGERS, ids=lambda encoding: encoding.name)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_samples_are_those_that_python_reads(encoding, channels: int) -> None:
    data = RNG.bytes(channels * encoding.width * 500)
    samples = samples_of(data, Layout(0, 500, channels, 1, encoding))
    order = "little" if encoding.order == "<" else "big"
    parts = [data[at : at + encoding.width] for at in range(0, len(data), encoding.width)]
    plain = [int.from_bytes(part, order, signed=encoding.type == "i") for part in parts]
    if encoding.type == "u":
        plain = [value - 128 for value in plain]
    assert samples.dtype == np.int32
    assert samples.shape == (channels, 500)
    assert samples.flags.c_contiguous
    assert samples.T.reshape(-1).tolist() == plain
    assert bytes_of(samples, Layout(0, 500, channels, 1, encoding)) == data


@pytest.mark.parametrize("encoding", INTEGERS, ids=lambda encoding: encoding.name)
def test_no_samples_are_no_bytes(encoding) -> None:
    layout = Layout(0, 0, 3, 1, encoding)
    assert samples_of(b"", layout).shape == (3, 0)
    assert bytes_of(samples_of(b"", layout), layout) == b""


@pytest.mark.parametrize("encoding", [e for e in ENCODINGS if e.type == "f"], ids=lambda encoding: encoding.name)
def test_floats_and_planes(encoding) -> None:
    wanted = RNG.standard_normal((7, 2)).astype(f"{encoding.order}f{encoding.width}")
    data = wanted.tobytes()
    assert np.array_equal(floats_of(data, Layout(0, 7, 2, 1, encoding)), wanted.T)
    planes = planes_of(data, encoding.width)
    assert planes[:14] == data[:: encoding.width]
    assert bytes_of_planes(planes, encoding.width) == data


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("form", [b"RIFF", b"RIFX"])
def test_wav_of_every_depth(bits: int, channels: int, extensible: bool, form: bytes) -> None:
    order = ">" if form == b"RIFX" else "<"
    values = RNG.integers(-(1 << bits - 1), 1 << bits - 1, (50, channels))
    data = packed(values, bits, order=order)
    file = wav(data, channels, 48_000, bits, extensible=extensible, form=form, before=[(b"bext", b"odd")])
    layout = layout_of(file)
    assert (layout.num_samples, layout.channels, layout.sample_rate) == (50, channels, 48_000)
    assert file[layout.start : layout.end] == data
    assert np.array_equal(samples_of(data, layout).T, values)


@pytest.mark.parametrize(
    ("bits", "method", "order"),
    [(8, None, ">"), (16, None, ">"), (24, None, ">"), (32, None, ">"), (16, b"sowt", "<"), (24, b"NONE", ">")],
)
@pytest.mark.parametrize("late_common", [False, True])
def test_aiff_of_every_depth(bits: int, method: bytes | None, order: str, late_common: bool) -> None:
    values = RNG.integers(-(1 << bits - 1), 1 << bits - 1, (50, 2))
    data = (
        values.astype("i1").tobytes()
        if bits == 8
        else b"".join(int(v).to_bytes(bits // 8, "little" if order == "<" else "big", signed=True) for v in values.flat)
    )
    for offset in (0, 6):
        file = aiff(data, 2, bits, method=method, offset=offset, late_common=late_common)
        layout = layout_of(file)
        assert (layout.num_samples, layout.sample_rate) == (50, 44_100)
        assert file[layout.start : layout.end] == data
        assert np.array_equal(samples_of(data, layout).T, values)


def test_twenty_bits_lie_in_three_bytes_and_twelve_in_two() -> None:
    assert layout_of(wav(bytes(60), 2, bits=20)).encoding.width == 3
    assert layout_of(wav(bytes(60), 2, bits=12)).encoding.width == 2
    assert layout_of(wav(bytes(64), 2, bits=24, width=4, extensible=True)).encoding.width == 4


DATA = music(40)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, len(DATA) + 1])
def test_sizes_that_cannot_be_true_mean_up_to_the_end(size: int) -> None:
    file = wav(DATA, data_size=size)
    layout = layout_of(file)
    assert file[layout.start : layout.end] == DATA


def test_size_zero_is_true_where_nothing_or_chunks_follow() -> None:
    assert layout_of(wav(b"")).num_samples == 0
    assert layout_of(wav(b"", after=[(b"LIST", b"INFO")])).num_samples == 0


def test_what_is_no_whole_sample_stays_outside() -> None:
    file = wav(music(10, 2) + b"abc", 2)
    assert layout_of(file).num_samples == 10
    assert layout_of(wav(music(10, 2), 2)[:-1]).num_samples == 9
    assert layout_of(wav(b"a", pad=False)).num_samples == 0


def test_rf64_has_its_size_elsewhere() -> None:
    ds64 = struct.pack("<QQQI", 0, len(DATA), 0, 0)
    body = chunk(b"ds64", ds64) + format_chunk(1, 44_100, 16) + chunk(b"data", DATA, size=0xFFFFFFFF)
    body += chunk(b"LIST", b"INFOmore")
    file = b"RF64\xff\xff\xff\xffWAVE" + body
    layout = layout_of(file)
    assert file[layout.start : layout.end] == DATA


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 8])
def test_broken_aiff_sizes(size: int) -> None:
    file = aiff(music(40, order=">"), sound_size=size)
    layout = layout_of(file)
    assert layout.start == 54
    assert layout.end == len(file)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"ID3 and so on", "it is no WAV"),
        (wav(DATA, tag=2), "ADPCM, not PCM"),
        (wav(DATA, tag=85), "MP3, not PCM"),
        (wav(DATA, tag=0x1234), "of format 0x1234, not PCM"),
        (wav(DATA, channels=9), "9 channels"),
        (wav(DATA, channels=0), "0 channels"),
        (wav(DATA, bits=0), "integers of 0 bits"),
        (wav(DATA, bits=64), "integers of 64 bits"),
        (wav(DATA, bits=16, tag=3), "floating-point numbers of 16 bits"),
        (wav(DATA)[:36], "no data chunk"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", DATA), "no fmt chunk"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"short") + chunk(b"data", DATA), "fmt chunk is cut short"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"junk", b"") * 20_000, "no fmt chunk"),
        (aiff(DATA, method=b"ima4"), "compressed ('ima4')"),
        (aiff(DATA, channels=-1), "-1 channels"),
        (b"FORM\0\0\0\0AIFF" + chunk(b"COMM", b"short", order=">") + chunk(b"SSND", DATA, order=">"), "COMM chunk is"),
        (b"FORM\0\0\0\0AIFF", "no COMM chunk"),
    ],
)
def test_what_cannot_be_predicted_is_told(data: bytes, reason: str) -> None:
    found = look(data)
    assert found.layout is None
    assert reason in found.reason


def test_no_start_of_a_file_makes_the_search_fail() -> None:
    """Every prefix, and many files with bytes changed: a layout inside the file, or a reason."""
    files = [wav(DATA, before=[(b"LIST", b"INFO")]), aiff(DATA), aiff(DATA, method=b"sowt")]
    files += [b"RF64" + files[0][4:], b"RIFX" + files[0][4:]]
    w64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00" + bytes(8) + b"wave" + bytes(12)
    name = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
    w64 += b"fmt " + name + struct.pack("<Q", 40) + format_chunk(1, 44_100, 16)[8:] + b"data" + name
    files.append(w64 + struct.pack("<Q", 24 + len(DATA)) + DATA)
    assert layout_of(files[-1]).num_samples == 40
    for file in files:
        for number in range(400):
            changed = bytearray(file[: number // 2] if number % 2 else file)
            for _ in range(number % 5):
                if changed:
                    changed[int(RNG.integers(min(len(changed), 120)))] = int(RNG.integers(256))
            layout = look(bytes(changed)).layout
            assert layout is None or 0 <= layout.start <= layout.end <= len(changed)
