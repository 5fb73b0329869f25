"""Where the samples of a WAV file are: RIFF, its big-endian form RIFX, and RF64 (BW64) and W64 for more than 4 GB."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

from soundwright.formats.swz import Layout
from soundwright.lossless.pcm_layout import MAX_CHUNKS, NotSound, layout_between

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_KNOWN_TAGS = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM", 80: "MPEG", 85: "MP3"}
_UNKNOWN_SIZE = 0xFFFFFFFF
#: W64 has names of 16 bytes, the first four as in WAV, and sizes of 8 that count the 24 bytes of both.
W64_START = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"
_W64_NAME = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


@dataclass(frozen=True)
class _Format:
    """What a `fmt ` chunk says.

    Attributes:
        tag: what the samples are; that of the subformat where the format is extensible.
        channels: how many.
        sample_rate: Hz.
        width: bytes per sample.
    """

    tag: int
    channels: int
    sample_rate: int
    width: int


def find_in_wav(file: IO[bytes], size: int, order: str) -> Layout:
    """The layout of the samples.

    Args:
        file: a file that begins with `RIFF`, `RIFX`, `RF64` or `BW64`.
        size: its length in bytes.
        order: `<` or `>`, of the sizes and of the samples.

    Raises:
        NotSound: they are none that can be predicted.
    """
    at, long_size = 12, 0
    format: _Format | None = None
    data: tuple[int, int] | None = None
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8 or (format and data):
            break
        name, length = struct.unpack(order + "4sI", header)
        at += 8
        if name == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:].ljust(8, b"\0"), "little")
        elif name == b"fmt " and format is None:
            format = _read_format(file.read(min(length, 40)), order)
        elif name == b"data" and data is None:
            length = _data_length(file, at, length, long_size, size, order)
            data = (at, length)
        at += length + length % 2
    return _layout(format, data, order)


def find_in_w64(file: IO[bytes], size: int) -> Layout:
    """The layout of the samples of a file that begins with `W64_START`.

    Raises:
        NotSound: they are none that can be predicted.
    """
    at = 40
    format: _Format | None = None
    data: tuple[int, int] | None = None
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        header = file.read(24)
        if len(header) < 24 or (format and data):
            break
        name, length = header[:4] if header[4:16] == _W64_NAME else b"", int.from_bytes(header[16:], "little") - 24
        at += 24
        if name == b"fmt " and format is None:
            format = _read_format(file.read(max(0, min(length, 40))), "<")
        elif name == b"data" and data is None:
            rest = max(0, size - at)
            length = length if 0 <= length <= rest else rest
            data = (at, length)
        at += max(0, length + 7 & ~7)
        if at > size:  # a file refuses to be sought beyond 2**63
            break
    return _layout(format, data, "<")


def _layout(format: _Format | None, data: tuple[int, int] | None, order: str) -> Layout:
    if format is None or data is None:
        raise NotSound(f"it has no {'data' if format else 'fmt'} chunk")
    if format.tag not in (_PCM, _FLOAT):
        raise NotSound(f"its samples are {_KNOWN_TAGS.get(format.tag, f'of format {format.tag:#06x}')}, not PCM")
    start, length = data
    type = "f" if format.tag == _FLOAT else "u" if format.width == 1 else "i"
    return layout_between(start, start + length, format.channels, format.sample_rate, format.width, order, type)


def _read_format(chunk: bytes, order: str) -> _Format:
    if len(chunk) < 16:
        raise NotSound("its fmt chunk is cut short")
    tag, channels, sample_rate, _, align, bits = struct.unpack_from(order + "HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 28:
        (tag,) = struct.unpack_from(order + "I", chunk, 24)
    # 20 bits lie in 3 bytes; which bytes is told by the alignment, unless the writer left that out.
    width = align // channels if channels and align and align % channels == 0 else -(-bits // 8)
    return _Format(tag, channels, sample_rate, width)


def _data_length(file: IO[bytes], at: int, length: int, long_size: int, size: int, order: str) -> int:
    """Bytes of sound: what the header says, or all that is there where it cannot be true."""
    rest = max(0, size - at)
    if length == _UNKNOWN_SIZE and long_size:
        length = long_size
    # Programs that write to a pipe leave 0. A file without samples has it too: there, chunks follow, or nothing.
    if length > rest or (length == 0 and not _chunks_follow(file, at, rest, order)):
        return rest
    return length


def _chunks_follow(file: IO[bytes], at: int, rest: int, order: str) -> bool:
    file.seek(at)
    header = file.read(8)
    if len(header) < 8:
        return False
    name, length = struct.unpack(order + "4sI", header)
    return all(32 <= letter < 127 for letter in name) and length <= rest - 8
