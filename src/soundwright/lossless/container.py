"""Writes archives: a source in, block by block, and what does not get smaller as it was."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.swz import (
    MAX_BLOCK_BYTES,
    MAX_BLOCK_VALUES,
    START,
    Block,
    Footer,
    Kind,
    Method,
    Sound,
    encode_footer,
    spans,
)
from soundwright.lossless.blocks import Codec, Made, cascade, make_block
from soundwright.lossless.container_threads import in_order
from soundwright.lossless.pcm_source import Source, read_exactly
from soundwright.runs.atomic import atomic_path

#: Told after each block; what it raises ends the work.
Tell = Callable[[], None]

_PIECE = 1 << 20
#: The table has an entry for each block and is read at once, so blocks grow with files of more than 100 GB.
_MOST_BLOCKS_LOG2 = 17
#: Samples per channel in blocks of floating-point numbers, which no codec predicts.
_FLOAT_BLOCK_SAMPLES = 1 << 18


@dataclass(frozen=True)
class Plan:
    """How a source is cut into blocks.

    Attributes:
        source: the original.
        codec: for its samples; None where there are none that it predicts.
        block_bytes: bytes in a block outside the samples.
        block_samples: samples per channel in a block of them.
    """

    source: Source
    codec: Codec | None
    block_bytes: int
    block_samples: int

    def spans(self) -> list[tuple[int, int, int]]:
        """See `swz.spans`."""
        return spans(self.source.length, self.source.found.layout, self.block_bytes, self.block_samples)

    def num_blocks(self) -> int:
        """How many blocks there are."""
        return sum(-(-(end - start) // size) for start, end, size in self.spans())

    def sound(self, num_failed: int) -> Sound | None:
        """What the footer will say about the samples."""
        layout, codec = self.source.found.layout, self.codec
        if layout is None:
            return None
        if codec is None:
            return Sound(layout, self.block_samples, 0, 0)
        return Sound(layout, self.block_samples, codec.id, codec.revision, codec.model_digest, num_failed)


def plan_archive(source: Source, codec: Callable[[], Codec] = cascade) -> Plan:
    """Cuts a source into blocks.

    Args:
        source: the original.
        codec: gives the codec, if there are integer samples.

    Raises:
        UsageError: the codec does not take samples of these bits.
    """
    block_bytes = min(max(_PIECE, source.length >> _MOST_BLOCKS_LOG2), MAX_BLOCK_BYTES)
    layout = source.found.layout
    if layout is None:
        return Plan(source, None, block_bytes, 0)
    chosen = codec() if layout.encoding.type != "f" else None
    bits = 8 * layout.encoding.width
    if chosen and chosen.sample_bits not in (None, bits):
        raise UsageError(
            f"has samples of {bits} bits; the model is for {chosen.sample_bits}",
            path=source.path,
            remedy="give a model that was trained at that depth, or leave --model out",
        )
    longest = max(chosen.block_samples if chosen else _FLOAT_BLOCK_SAMPLES, layout.num_samples >> _MOST_BLOCKS_LOG2)
    longest = min(longest, MAX_BLOCK_VALUES // layout.channels)
    # All blocks equally long: none is too short for the codec to adapt, and threads end together.
    count = max(1, -(-layout.num_samples // longest))
    return Plan(source, chosen, block_bytes, max(1, -(-layout.num_samples // count)))


@dataclass(frozen=True)
class Written:
    """An archive that was written.

    Attributes:
        footer: what it says about itself.
        num_bytes: its size.
        num_failed: blocks that the codec did not give back.
    """

    footer: Footer
    num_bytes: int
    num_failed: int


def write_archive(plan: Plan, output: Path, *, threads: int = 1, tell: Tell = lambda: None) -> Written:
    """Writes an archive, atomically, in memory that does not follow its length.

    Args:
        plan: what goes into it.
        output: the archive; what stands there is replaced.
        threads: how many blocks are made at a time; never changes the archive.
        tell: called after each block.

    Raises:
        BadInput: the source cannot be read, or changes meanwhile.
    """
    source = plan.source
    with atomic_path(output) as temporary, open(temporary, "w+b") as file:
        footer = _write_blocks(plan, file, threads, tell)
        num_failed = footer.sound.num_failed if footer.sound else 0
        end = encode_footer(footer)
        stored = replace(footer, kind=Kind.STORED, block_bytes=1, sound=None, blocks=())
        stored_end = encode_footer(stored)
        if file.tell() + len(end) >= len(START) + source.length + len(stored_end):
            _write_stored(source, file, stored.sha256)
            footer, end = stored, stored_end
        file.write(end)
        return Written(footer, file.tell(), num_failed)


def _write_blocks(plan: Plan, file: IO[bytes], threads: int, tell: Tell) -> Footer:
    source, layout = plan.source, plan.source.found.layout
    digest = hashlib.sha256()
    blocks: list[Block] = []
    num_failed = 0

    def pieces() -> Iterator[tuple[int, bytes]]:
        with source.open() as stream:
            for start, end, size in plan.spans():
                for begin in range(start, end, size):
                    data = read_exactly(stream, min(size, end - begin), source.path)
                    digest.update(data)
                    yield begin, data
            if stream.read(1):
                raise _changed(source)

    def make(piece: tuple[int, bytes]) -> tuple[int, int, Made]:
        begin, data = piece
        of_samples = layout is not None and layout.start <= begin < layout.end
        return begin, len(data), make_block(data, layout if of_samples else None, plan.codec)

    file.write(START)
    with closing(in_order(make, pieces(), threads)) as results:
        for begin, length, made in results:
            stored_crc = made.crc if made.method is Method.RAW else zlib.crc32(made.data)
            blocks.append(Block(made.method, file.tell(), len(made.data), begin, length, stored_crc, made.crc))
            file.write(made.data)
            num_failed += made.failed
            tell()
    kind = Kind.BYTES if layout is None else Kind.SOUND
    return Footer(
        kind,
        source.length,
        digest.digest(),
        source.suffix,
        source.from_flac,
        plan.block_bytes,
        plan.sound(num_failed),
        tuple(blocks),
    )


def _write_stored(source: Source, file: IO[bytes], expected: bytes) -> None:
    """Puts the original itself in the place of its blocks."""
    digest = hashlib.sha256()
    file.seek(len(START))
    file.truncate()
    with source.open() as stream:
        while data := stream.read(_PIECE):
            digest.update(data)
            file.write(data)
    if digest.digest() != expected:
        raise _changed(source)


def _changed(source: Source) -> BadInput:
    return BadInput("changed while it was read", path=source.path, remedy="let its writer finish, then try again")
