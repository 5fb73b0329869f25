"""Reads what an archive (`swz`) says about itself; no number in it is believed before it is checked."""

from __future__ import annotations

import zlib
from pathlib import Path

from soundwright.core.errors import BadInput
from soundwright.formats.swz import (
    ENCODINGS,
    END,
    FROM_FLAC,
    MAGIC,
    MAX_BLOCK_BYTES,
    MAX_BLOCK_VALUES,
    MAX_CHANNELS,
    MAX_FOOTER_BYTES,
    START,
    VERSION,
    Block,
    Footer,
    Kind,
    Layout,
    Method,
    Sound,
    recordable_suffix,
    spans,
)

_REMEDY = "get the archive again from where it came from"


def read_footer(path: Path) -> Footer:
    """What an archive says about itself; the blocks are not looked at.

    Raises:
        BadInput: the file is no archive, is cut short or damaged, or its numbers cannot be true.
    """
    with open(path, "rb") as file:
        start = file.read(len(START))
        size = file.seek(0, 2)
        if start[:3] != MAGIC:
            found = f"expected an archive, which starts with SWZ, found {start!r}" if start else "is empty"
            raise BadInput(found, path=path, remedy="give a file that soundwright compress made")
        if start[3:] != START[3:]:
            found = f"version {start[3]}" if len(start) > 3 else "the file's end"
            raise BadInput(
                f"expected version {VERSION} of the archive format, found {found}",
                path=path,
                remedy="read it with a newer soundwright, or get it again from where it came from",
            )
        if size < len(START) + END.size:
            raise damaged(path, f"is cut short: an archive of {size} bytes")
        file.seek(size - END.size)
        length, crc = END.unpack(file.read(END.size))
        end = size - END.size - length
        if length > MAX_FOOTER_BYTES or end < len(START):
            raise damaged(path, f"is cut short or damaged: it ends in no footer ({length} bytes announced)")
        file.seek(end)
        data = file.read(length)
    if len(data) != length or zlib.crc32(data) != crc:
        raise damaged(path, "is cut short or damaged: the checksum of its footer is wrong")
    try:
        return _Parser(data, end - len(START)).footer()
    except ValueError as error:
        raise damaged(path, f"cannot be an archive: {error}") from error


def damaged(path: Path, message: str) -> BadInput:
    """The error for an archive that is not as it was written."""
    return BadInput(message, path=path, remedy=_REMEDY)


class _Parser:
    """Reads a footer; every number is checked before anything is made by it."""

    def __init__(self, data: bytes, payload: int) -> None:
        self.data, self.payload, self.at = data, payload, 0

    def footer(self) -> Footer:
        first = self.take(1)[0]
        kind = Kind(first & ~FROM_FLAC)
        from_flac = first & FROM_FLAC != 0
        length = self.number()
        sha256 = self.take(32)
        suffix = self.take(self.take(1)[0]).decode("ascii")
        if not recordable_suffix(suffix):
            raise ValueError(f"the name's ending {suffix!r}")
        block_bytes, sound = 1, None
        blocks: tuple[Block, ...] = ()
        if kind is not Kind.STORED:
            block_bytes = self.number(1, MAX_BLOCK_BYTES)
            if kind is Kind.SOUND:
                sound = self.sound(length)
            blocks = self.blocks(length, block_bytes, sound)
        elif length != self.payload:
            raise ValueError(f"{length} bytes announced, {self.payload} there")
        if self.at != len(self.data):
            raise ValueError(f"{len(self.data) - self.at} bytes too many in its footer")
        return Footer(kind, length, sha256, suffix, from_flac, block_bytes, sound, blocks)

    def sound(self, length: int) -> Sound:
        index = self.take(1)[0]
        if index >= len(ENCODINGS):
            raise ValueError(f"an unknown encoding {index}")
        channels, sample_rate = self.number(1, MAX_CHANNELS), self.number(0, 0xFFFFFFFF)
        layout = Layout(self.number(), self.number(), channels, sample_rate, ENCODINGS[index])
        if layout.end > length:
            raise ValueError(f"samples up to byte {layout.end} of a file of {length}")
        block_samples = self.number(1, MAX_BLOCK_VALUES // channels)
        codec, revision = self.take(1)[0], self.number()
        digest = self.take(self.take(1)[0])
        if len(digest) not in (0, 32):
            raise ValueError(f"a model's digest of {len(digest)} bytes")
        return Sound(layout, block_samples, codec, revision, digest, self.number())

    def blocks(self, length: int, block_bytes: int, sound: Sound | None) -> tuple[Block, ...]:
        layout, block_samples = (sound.layout, sound.block_samples) if sound else (None, 0)
        runs = spans(length, layout, block_bytes, block_samples)
        count = sum(-(-(end - start) // size) for start, end, size in runs)
        # An entry has at least 5 bytes: a table is never longer than the file that holds it.
        if count > (len(self.data) - self.at) // 5:
            raise ValueError(f"{length} bytes in {count} blocks announced, more than its table has")
        at, blocks = len(START), []
        for start, end, size in runs:
            for begin in range(start, end, size):
                block = self.block(at, begin, min(size, end - begin))
                at += block.size
                blocks.append(block)
        if at - len(START) != self.payload:
            raise ValueError(f"blocks of {at - len(START)} bytes announced, {self.payload} there")
        return tuple(blocks)

    def block(self, at: int, start: int, length: int) -> Block:
        number = self.number()
        method, size = Method(number & 7), number >> 3
        # Writers store raw what does not get smaller, so nobody need hold more than a block's length.
        if size > length or (method is Method.RAW and size != length):
            raise ValueError(f"a block of {size} bytes for {length}")
        stored_crc = self.crc()
        return Block(method, at, size, start, length, stored_crc, stored_crc if method is Method.RAW else self.crc())

    def crc(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def number(self, low: int = 0, high: int = (1 << 63) - 1) -> int:
        value = 0
        for shift in range(0, 63, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                break
        else:
            raise ValueError("a number of more than 63 bits")
        if not low <= value <= high:
            raise ValueError(f"{value} where {low} to {high} is possible")
        return value

    def take(self, size: int) -> bytes:
        part = self.data[self.at : self.at + size]
        if len(part) < size:
            raise ValueError("its footer ends too early")
        self.at += size
        return part
