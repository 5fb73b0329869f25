"""Reads archives: whole, in part, or only to see that all of it comes back."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.swz import START, Block, Footer, Kind
from soundwright.formats.swz_read import damaged, read_footer
from soundwright.lossless.blocks import Codec, codec_for, holds_samples, restore_block
from soundwright.lossless.container import Tell
from soundwright.lossless.container_threads import in_order
from soundwright.lossless.pcm import floats_of, samples_of
from soundwright.lossless.pcm_source import Source
from soundwright.runs.atomic import atomic_path

_PIECE = 1 << 20


def restore_file(
    archive: Path, output: Path, *, model: Path | None = None, threads: int = 1, tell: Tell = lambda: None
) -> Footer:
    """Writes the original of an archive, atomically, in memory that does not follow its length.

    Args:
        archive: the archive.
        output: the file; what stands there is replaced.
        model: the model file, for archives that were made with one.
        threads: how many blocks are decoded at a time.
        tell: called after each block.

    Returns:
        What the archive says about itself.

    Raises:
        BadInput: the archive is none, is damaged, or cannot be decoded here; or it needs more space than is free.
    """
    footer = read_footer(archive)
    _require_space(archive, footer.length, output)
    with atomic_path(output) as temporary, open(temporary, "wb") as file:
        _restore(archive, footer, file.write, model, threads, tell)
    return footer


def check_archive(
    archive: Path, source: Source, *, model: Path | None = None, threads: int = 1, tell: Tell = lambda: None
) -> None:
    """Decodes an archive and compares it with its source, byte for byte.

    Raises:
        BadInput: they differ, or the archive cannot be decoded.
    """
    with source.open() as stream:
        at = 0

        def compare(data: bytes) -> None:
            nonlocal at
            if stream.read(len(data)) != data:
                remedy = "delete it and compress again; where that gives the same difference, please report it"
                raise BadInput(f"differs from {source.path} after byte {at}", path=archive, remedy=remedy)
            at += len(data)

        footer = read_footer(archive)
        _restore(archive, footer, compare, model, threads, tell)
        if stream.read(1):
            raise BadInput(f"has less than {source.path}", path=archive, remedy="delete it and compress again")


def read_range(
    archive: Path, start_s: float, duration_s: float, *, model: Path | None = None
) -> tuple[NDArray[Any], int]:
    """Decodes a part of a recording, and no more blocks than that takes.

    Args:
        archive: an archive of sound.
        start_s: where the part begins, in seconds.
        duration_s: its length; less where the recording ends before.
        model: as for `restore_file`.

    Returns:
        The samples `[C, N]`, int32 or, if they are such, floating point; and the sample rate.

    Raises:
        UsageError: the archive holds no samples, or the times are no times.
        BadInput: the archive is damaged there, or cannot be decoded here.
    """
    footer = read_footer(archive)
    sound = footer.sound
    if sound is None:
        raise UsageError("holds a file that was stored as it is", path=archive, remedy="decompress it")
    if not (0 <= start_s < float("inf") and 0 <= duration_s < float("inf")):
        raise UsageError(f"from {start_s} s, {duration_s} s long", remedy="give times of 0 or more")
    layout = sound.layout
    first = min(round(start_s * layout.sample_rate), layout.num_samples)
    last = min(round((start_s + duration_s) * layout.sample_rate), layout.num_samples)
    begin, end = (layout.start + sample * layout.frame_bytes for sample in (first, last))
    codec = _codec(archive, footer, model)
    parts = []
    with open(archive, "rb") as file:
        for block in footer.blocks:
            if holds_samples(block, sound) and block.start < end and block.start + block.length > begin:
                original = restore_block(_stored(file, block), block, sound, codec, archive)
                parts.append(original[max(0, begin - block.start) : end - block.start])
    convert = floats_of if layout.encoding.type == "f" else samples_of
    return convert(b"".join(parts), layout), layout.sample_rate


def num_steps(footer: Footer) -> int:
    """How often `tell` will be called, for progress."""
    return len(footer.blocks) if footer.kind is not Kind.STORED else -(-footer.length // _PIECE)


def _restore(
    archive: Path, footer: Footer, write: Callable[[bytes], Any], model: Path | None, threads: int, tell: Tell
) -> None:
    digest = hashlib.sha256()
    with closing(_originals(archive, footer, model, threads)) as originals:
        for data in originals:
            digest.update(data)
            write(data)
            tell()
    if digest.digest() != footer.sha256:
        raise damaged(archive, "is damaged: what it decodes to does not have the digest of the original")


def _originals(archive: Path, footer: Footer, model: Path | None, threads: int) -> Generator[bytes]:
    with open(archive, "rb") as file:
        if footer.kind is Kind.STORED:
            file.seek(len(START))
            left = footer.length
            while left and (data := file.read(min(left, _PIECE))):
                left -= len(data)
                yield data
            return
        codec = _codec(archive, footer, model)

        def restore(job: tuple[Block, bytes]) -> bytes:
            block, stored = job
            return restore_block(stored, block, footer.sound, codec, archive)

        yield from in_order(restore, ((block, _stored(file, block)) for block in footer.blocks), threads)


def _codec(archive: Path, footer: Footer, model: Path | None) -> Codec | None:
    if footer.sound is None or footer.sound.codec == 0:
        return None
    return codec_for(footer.sound, archive, model)


def _stored(file: IO[bytes], block: Block) -> bytes:
    file.seek(block.at)
    return file.read(block.size)


def _require_space(archive: Path, length: int, output: Path) -> None:
    """An archive of silence is tiny and may be meant; one that announces more than the disk holds is not written."""
    folder = output.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if length > free:
        raise BadInput(
            f"announces an original of {length} bytes; {free} are free",
            path=archive,
            remedy="make room in the output folder, if you trust the archive",
        )
