"""Where the samples of an AIFF or AIFC file are."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import IO

from soundwright.formats.swz import Layout
from soundwright.lossless.pcm_layout import MAX_CHUNKS, NotSound, layout_between

#: Compression types of AIFC that compress nothing: byte order and type of the samples.
_PLAIN = {
    b"NONE": (">", "i"),
    b"twos": (">", "i"),
    b"in24": (">", "i"),
    b"in32": (">", "i"),
    b"sowt": ("<", "i"),
    b"42ni": ("<", "i"),
    b"23ni": ("<", "i"),
    b"raw ": (">", "u"),
    b"fl32": (">", "f"),
    b"FL32": (">", "f"),
    b"fl64": (">", "f"),
    b"FL64": (">", "f"),
}


@dataclass(frozen=True)
class _Common:
    """What a `COMM` chunk says; see `Layout`."""

    channels: int
    sample_rate: int
    width: int
    order: str
    type: str


def find_in_aiff(file: IO[bytes], size: int, *, compressed: bool) -> Layout:
    """The layout of the samples.

    Args:
        file: a file that begins with `FORM`.
        size: its length in bytes.
        compressed: whether it is AIFC, which says how the samples are written.

    Raises:
        NotSound: they are none that can be predicted.
    """
    at = 12
    common: _Common | None = None
    sound: tuple[int, int] | None = None
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8 or (common and sound):
            break
        name, length = struct.unpack(">4sI", header)
        at += 8
        if name == b"COMM" and common is None:
            common = _read_common(file.read(min(length, 64)), compressed=compressed)
        elif name == b"SSND" and sound is None:
            offset = int.from_bytes(file.read(8)[:4], "big")
            if length <= 8 or length > size - at:  # left open by a program that wrote to a pipe
                length = max(8, size - at)
            start = at + 8 + min(offset, length - 8)
            sound = (start, at + length)
        at += length + length % 2
    if common is None or sound is None:
        raise NotSound(f"it has no {'SSND' if common else 'COMM'} chunk")
    start, end = (min(offset, size) for offset in sound)
    return layout_between(start, end, common.channels, common.sample_rate, common.width, common.order, common.type)


def _read_common(chunk: bytes, *, compressed: bool) -> _Common:
    if len(chunk) < (22 if compressed else 18):
        raise NotSound("its COMM chunk is cut short")
    channels, _, bits = struct.unpack_from(">hIh", chunk)
    order, type = ">", "i"
    if compressed:
        method = chunk[18:22]
        if method not in _PLAIN:
            raise NotSound(f"its samples are compressed ({method.decode('latin-1')!r})")
        order, type = _PLAIN[method]
        width_of = {b"fl32": 4, b"FL32": 4, b"fl64": 8, b"FL64": 8}
        bits = 8 * width_of[method] if method in width_of else bits
    return _Common(channels, _rate(chunk[8:18]), max(1, -(-bits // 8)), order, type)


def _rate(extended: bytes) -> int:
    """An 80-bit floating-point number as a whole number of Hz; 0 where it is none that a rate could be."""
    exponent, mantissa = struct.unpack(">HQ", extended)
    if not 16383 <= exponent < 16383 + 32:
        return 0
    return min(round(math.ldexp(mantissa, exponent - 16383 - 63)), 0xFFFFFFFF)
