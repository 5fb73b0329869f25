"""One block of an archive: which codec makes it, how it is made, and that it comes back.

A block is tried with the archive's codec, decoded again at once, and stored raw where it does not come back or does not
get smaller. So an archive never depends on a codec being right.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.swz import Block, Layout, Method, Sound
from soundwright.formats.swz_read import damaged
from soundwright.lossless.pcm import bytes_of, bytes_of_planes, planes_of, samples_of

CASCADE, TRANSFORMER = 1, 2
CODEC_NAMES = {CASCADE: "cascade", TRANSFORMER: "transformer"}
#: What a codec may raise over data that is not its own, or over a defect of its own.
_CODEC_FAILURES = (BadInput, ValueError, ArithmeticError, IndexError, AssertionError, zlib.error)


class NotHere(BadInput):
    """A block is sound, and cannot be decoded on this machine or with what is installed on it."""


@dataclass(frozen=True)
class Codec:
    """A codec for blocks of integer samples.

    Attributes:
        id: its number in archives.
        name: for people.
        revision: archives of another revision are not its own.
        encode: samples int32 `[C, N]` and their bits (8, 16, 24, 32) to bytes.
        decode: those bytes, C, N and the bits to the samples.
        block_samples: samples per channel in a block that suits it.
        model_digest: SHA-256 of the model it works with; empty without one.
        sample_bits: the only bits that it takes; None where it takes all.
    """

    id: int
    name: str
    revision: int
    encode: Callable[[NDArray[np.int32], int], bytes]
    decode: Callable[[bytes, int, int, int], NDArray[np.int32]]
    block_samples: int
    model_digest: bytes = b""
    sample_bits: int | None = None


def cascade(model: Path | None = None) -> Codec:
    """The codec that needs no model, and passes one over."""
    from soundwright.lossless import coding

    return Codec(CASCADE, "cascade", coding.REVISION, coding.encode_block, coding.decode_block, coding.BLOCK_SAMPLES)


def transformer(model: Path | None) -> Codec:
    """The codec of a trained audio transformer.

    Raises:
        UsageError: no model is given.
        BadInput: it is none.
    """
    from soundwright.lossless.model_codec import model_codec

    if model is None:
        raise UsageError("needs a model", remedy="give --model FILE")
    return model_codec(model)


def codec_with(model: Path | None) -> Codec:
    """The codec to encode with: that of a model, if one is given.

    Raises:
        BadInput: what is given is no model.
    """
    return cascade() if model is None else transformer(model)


#: What makes a codec of a model file, by the codec's id.
CODECS: dict[int, Callable[[Path | None], Codec]] = {CASCADE: cascade, TRANSFORMER: transformer}


def codec_for(sound: Sound, path: Path, model: Path | None = None) -> Codec:
    """The codec that an archive was made with.

    Args:
        sound: what the archive's footer says.
        path: of the archive, for messages.
        model: the model file that the caller has, if any.

    Raises:
        BadInput: it is not known here, has another revision, or needs a model that is not at hand.
    """
    if sound.codec not in CODECS:
        with_model = f" with model {sound.model_digest.hex()[:16]}" if sound.model_digest else ""
        raise BadInput(
            f"was made by codec {sound.codec}{with_model}; this soundwright has {', '.join(map(str, CODECS))}",
            path=path,
            remedy="decompress it with the soundwright that made it, or a newer one",
        )
    if sound.model_digest and model is None:
        raise _wrong_model(sound, b"", path)
    codec = CODECS[sound.codec](model)
    if codec.revision != sound.revision:
        raise BadInput(
            f"was made by revision {sound.revision} of the codec {codec.name}; this soundwright has {codec.revision}",
            path=path,
            remedy="decompress it with the soundwright that made it",
        )
    if codec.model_digest != sound.model_digest:
        raise _wrong_model(sound, codec.model_digest, path)
    return codec


def _wrong_model(sound: Sound, found: bytes, path: Path) -> BadInput:
    return BadInput(
        f"needs the model with SHA-256 {sound.model_digest.hex() or 'none'}, found {found.hex() or 'none'}",
        path=path,
        remedy="give the model that it was made with, by --model FILE",
    )


@dataclass(frozen=True)
class Made:
    """A block as it will be stored.

    Attributes:
        method: how.
        data: the bytes.
        crc: CRC-32 of the original bytes.
        failed: whether the codec did not give it back.
    """

    method: Method
    data: bytes
    crc: int
    failed: bool = False


def make_block(original: bytes, layout: Layout | None, codec: Codec | None) -> Made:
    """The smallest form of a block that was seen to come back.

    Args:
        original: its bytes.
        layout: of the samples; None for plain bytes.
        codec: for integer samples.
    """
    crc = zlib.crc32(original)
    if layout is None:
        return _smaller(Method.DEFLATE, _deflate(original), original, crc)
    if codec is None or layout.encoding.type == "f":
        return _smaller(Method.PLANES, _deflate(planes_of(original, layout.encoding.width)), original, crc)
    try:
        data = codec.encode(samples_of(original, layout), 8 * layout.encoding.width)
        came_back = len(data) >= len(original) or _decode(codec, data, len(original), layout) == original
    except _CODEC_FAILURES:
        came_back = False
    if not came_back:
        return Made(Method.RAW, original, crc, failed=True)
    return _smaller(Method.CODEC, data, original, crc)


def restore_block(stored: bytes, block: Block, sound: Sound | None, codec: Codec | None, path: Path) -> bytes:
    """The original bytes of a block.

    Args:
        stored: its bytes in the archive.
        block: what the footer says about it.
        sound: what the footer says about the samples.
        codec: of the archive.
        path: of the archive, for messages.

    Raises:
        BadInput: it is damaged, or decodes to something else than was encoded.
    """
    where = _place(block, sound)
    if len(stored) != block.size or zlib.crc32(stored) != block.stored_crc:
        raise damaged(path, f"is damaged {where}: the checksum of its bytes {block.at} to {block.at + block.size}")
    try:
        original = _restore(stored, block, sound, codec)
    except NotHere as error:
        raise NotHere(error.message, path=path, remedy=error.remedy) from error
    except _CODEC_FAILURES as error:
        raise _not_as_encoded(path, where, f"{type(error).__name__}: {error}") from error
    if len(original) != block.length or zlib.crc32(original) != block.crc:
        raise _not_as_encoded(path, where, "the checksum of the original")
    return original


def holds_samples(block: Block, sound: Sound) -> bool:
    """Whether a block is one of the samples, not of the bytes around them."""
    return sound.layout.start <= block.start < sound.layout.end


def _restore(stored: bytes, block: Block, sound: Sound | None, codec: Codec | None) -> bytes:
    match block.method:
        case Method.RAW:
            return stored
        case Method.DEFLATE:
            return _inflate(stored, block.length)
        case Method.PLANES if sound is not None and holds_samples(block, sound):
            return bytes_of_planes(_inflate(stored, block.length), sound.layout.encoding.width)
        case Method.CODEC if sound is not None and holds_samples(block, sound) and codec is not None:
            return _decode(codec, stored, block.length, sound.layout)
    raise ValueError(f"method {block.method.name} where there are no such samples")


def _decode(codec: Codec, data: bytes, length: int, layout: Layout) -> bytes:
    shape = (layout.channels, length // layout.frame_bytes)
    samples = codec.decode(data, *shape, 8 * layout.encoding.width)
    if samples.shape != shape:
        raise ValueError(f"samples {samples.shape} instead of {shape}")
    return bytes_of(samples, layout)


def _smaller(method: Method, data: bytes, original: bytes, crc: int) -> Made:
    # A raw block has one checksum less in the table.
    return Made(method, data, crc) if len(data) + 4 < len(original) else Made(Method.RAW, original, crc)


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def _inflate(data: bytes, length: int) -> bytes:
    """Undoes `_deflate`; never makes more than `length` bytes and one."""
    inflater = zlib.decompressobj(-15)
    out = inflater.decompress(data, length + 1)
    if len(out) != length or not inflater.eof or inflater.unused_data:
        raise ValueError(f"{len(out)} bytes instead of {length}")
    return out


def _place(block: Block, sound: Sound | None) -> str:
    """Where a block lies, in seconds where it holds samples."""
    if sound is not None and holds_samples(block, sound) and sound.layout.sample_rate:
        rate = sound.layout.frame_bytes * sound.layout.sample_rate
        begin = (block.start - sound.layout.start) / rate
        return f"from {begin:.3f} to {begin + block.length / rate:.3f} s"
    return f"in bytes {block.start} to {block.start + block.length} of the original"


def _not_as_encoded(path: Path, where: str, what: str) -> BadInput:
    return BadInput(
        f"does not decode to what was encoded {where} ({what})",
        path=path,
        remedy="its stored bytes are sound: decompress it on the machine and with the soundwright that made it, "
        "and please report this",
    )
