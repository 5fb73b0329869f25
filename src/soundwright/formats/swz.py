"""Archives of `soundwright compress`: `.swz`, which give a file back byte for byte.

    bytes 0-2    "SWZ"
    byte  3      version, 1
    then         the blocks as stored, one after another, in the order of the original's bytes
    then         the footer
    last 8       length of the footer, CRC-32 of the footer; unsigned, little-endian

The footer stands last since it is known last: an archive is written in one pass. It holds

    1 byte       kind: 0 stored, 1 bytes, 2 sound; plus 16 where the original is the WAV form of a FLAC file
    varint       length of the original in bytes
    32 bytes     SHA-256 of the original
    1 byte, text ending of the original's name, e.g. ".wav"; at most 8 characters, or none

and ends there for kind 0, whose payload is the original itself. The other kinds go on with

    varint       bytes in a block of plain bytes
    kind 2:      encoding (1 byte), channels, sample rate, where the samples begin, samples per channel, samples per
                 channel in a block (varints), codec id (1 byte), its revision (varint), length of the model's digest
                 (1 byte: 0 or 32) and that digest, number of blocks the codec failed on (varint)
    per block    varint (length as stored * 8 + method), CRC-32 of the block as stored and, unless the method is raw,
                 CRC-32 of the bytes it stands for

A varint has 7 bits per byte, low bits first; all bytes but the last have their top bit set. The lengths are the seek
table. Three runs of blocks follow each other: the bytes before the samples, the samples, the bytes after them; how many
blocks each has follows from its length. The original is sound as its own header describes it; what the header says is
kept as bytes, so a wrong header costs size at worst.

Nothing is larger than its original by more than `MAX_OVERHEAD` bytes: what does not get smaller is stored.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

MAGIC = b"SWZ"
VERSION = 1
START = MAGIC + bytes([VERSION])
END = struct.Struct("<II")
#: What a stored archive adds to its original at most: 4 + 8, and a footer of 1 + 9 + 32 + 1 + 8.
MAX_OVERHEAD = 64
#: Bounds of what a reader must hold at once: plain bytes, and samples of all channels.
MAX_BLOCK_BYTES = 1 << 25
MAX_BLOCK_VALUES = 1 << 22
MAX_FOOTER_BYTES = 1 << 22
MAX_CHANNELS = 8
#: Added to the kind.
FROM_FLAC = 16
_SUFFIX = re.compile(r"(\.[A-Za-z0-9_-]{1,7})?")


class Kind(IntEnum):
    """What an archive knows of its original."""

    STORED = 0
    BYTES = 1
    SOUND = 2


class Method(IntEnum):
    """How one block is stored."""

    RAW = 0
    CODEC = 1  # the archive's codec
    DEFLATE = 2  # RFC 1951, no header
    PLANES = 3  # first bytes of all samples, then second bytes ...; then as DEFLATE


@dataclass(frozen=True)
class Encoding:
    """How a sample is written.

    Attributes:
        name: for people.
        width: bytes per sample.
        order: `<` or `>`.
        type: `i` signed, `u` unsigned, `f` floating point.
    """

    name: str
    width: int
    order: str
    type: str


#: By their number in the footer.
ENCODINGS = (
    Encoding("8-bit unsigned", 1, "<", "u"),
    Encoding("8-bit signed", 1, "<", "i"),
    Encoding("16-bit", 2, "<", "i"),
    Encoding("16-bit big-endian", 2, ">", "i"),
    Encoding("24-bit", 3, "<", "i"),
    Encoding("24-bit big-endian", 3, ">", "i"),
    Encoding("32-bit", 4, "<", "i"),
    Encoding("32-bit big-endian", 4, ">", "i"),
    Encoding("32-bit float", 4, "<", "f"),
    Encoding("32-bit float big-endian", 4, ">", "f"),
    Encoding("64-bit float", 8, "<", "f"),
    Encoding("64-bit float big-endian", 8, ">", "f"),
)


@dataclass(frozen=True)
class Layout:
    """Where the samples lie in a file, and how they are written.

    Attributes:
        start: offset of the first sample in bytes.
        num_samples: per channel.
        channels: their samples alternate.
        sample_rate: Hz, as the header says.
        encoding: of a sample.
    """

    start: int
    num_samples: int
    channels: int
    sample_rate: int
    encoding: Encoding

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.encoding.width

    @property
    def end(self) -> int:
        """Offset of the byte after the last sample."""
        return self.start + self.num_samples * self.frame_bytes


@dataclass(frozen=True)
class Sound:
    """What the footer says about samples and their codec.

    Attributes:
        layout: where they are.
        block_samples: samples per channel in a block.
        codec: its id.
        revision: of the codec.
        model_digest: SHA-256 of the codec's model file; empty where it needs none.
        num_failed: blocks stored raw because the codec did not give them back.
    """

    layout: Layout
    block_samples: int
    codec: int
    revision: int
    model_digest: bytes = b""
    num_failed: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Attributes:
        method: how it is stored.
        at: its offset in the archive.
        size: its bytes in the archive.
        start: its offset in the original.
        length: its bytes in the original.
        stored_crc: CRC-32 of the bytes in the archive.
        crc: CRC-32 of the bytes in the original.
    """

    method: Method
    at: int
    size: int
    start: int
    length: int
    stored_crc: int
    crc: int


@dataclass(frozen=True)
class Footer:
    """All that an archive says about itself.

    Attributes:
        kind: stored, bytes or sound.
        length: of the original in bytes.
        sha256: of the original.
        suffix: ending of the original's name, or nothing.
        from_flac: whether the original is the WAV form of a FLAC file.
        block_bytes: bytes in a block outside the samples; 1 for a stored archive.
        sound: what is known of the samples, for that kind.
        blocks: in order; none for a stored archive.
    """

    kind: Kind
    length: int
    sha256: bytes
    suffix: str = ""
    from_flac: bool = False
    block_bytes: int = 1
    sound: Sound | None = None
    blocks: tuple[Block, ...] = ()


def spans(length: int, layout: Layout | None, block_bytes: int, block_samples: int) -> list[tuple[int, int, int]]:
    """The runs of blocks of an original: where each begins, where it ends, and how many bytes its blocks have.

    >>> spans(100, None, 64, 0)
    [(0, 100, 64)]
    """
    if layout is None:
        return [(0, length, block_bytes)]
    return [
        (0, layout.start, block_bytes),
        (layout.start, layout.end, block_samples * layout.frame_bytes),
        (layout.end, length, block_bytes),
    ]


def recordable_suffix(suffix: str) -> bool:
    """Whether a footer can hold this ending. Others might lead out of the folder that an archive is unpacked in."""
    return _SUFFIX.fullmatch(suffix) is not None


def varint(number: int) -> bytes:
    """A number in as few bytes as it needs.

    >>> varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode_footer(footer: Footer) -> bytes:
    """The footer and the last 8 bytes.

    Raises:
        ValueError: it would be longer than readers accept.
    """
    suffix = footer.suffix.encode("ascii")
    out = bytearray([footer.kind | (FROM_FLAC if footer.from_flac else 0)])
    out += varint(footer.length) + footer.sha256 + bytes([len(suffix)]) + suffix
    if footer.kind is not Kind.STORED:
        out += varint(footer.block_bytes)
    if footer.sound is not None:
        sound, layout = footer.sound, footer.sound.layout
        out.append(ENCODINGS.index(layout.encoding))
        for number in (layout.channels, layout.sample_rate, layout.start, layout.num_samples, sound.block_samples):
            out += varint(number)
        out += bytes([sound.codec]) + varint(sound.revision)
        out += bytes([len(sound.model_digest)]) + sound.model_digest + varint(sound.num_failed)
    for block in footer.blocks:
        out += varint(block.size << 3 | block.method) + struct.pack("<I", block.stored_crc)
        if block.method is not Method.RAW:
            out += struct.pack("<I", block.crc)
    if len(out) > MAX_FOOTER_BYTES:
        raise ValueError(f"{len(footer.blocks)} blocks make a footer of {len(out)} bytes, more than {MAX_FOOTER_BYTES}")
    return bytes(out) + END.pack(len(out), zlib.crc32(out))
