"""FLAC files as the WAV files they stand for, checked against the digest that FLAC keeps of its samples."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.formats.swz import ENCODINGS, Layout
from soundwright.lossless.pcm import bytes_of
from soundwright.lossless.pcm_find import Found
from soundwright.lossless.pcm_source import Source, plain_source

_BITS = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}
#: Which loudspeakers 1 to 8 channels are, as RFC 9639 has it; WAV wants it for more than two channels.
_SPEAKERS = (0x4, 0x3, 0x7, 0x33, 0x37, 0x3F, 0x70F, 0x63F)
_PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")
_LARGEST_WAV = (1 << 32) - 1024


def flac_source(path: Path, size: int) -> Source:
    """A FLAC file's WAV form; the file itself where its form cannot be known beforehand."""
    from soundwright.audio.files import probe

    try:
        info = probe(path)
    except BadInput as error:  # it begins like FLAC, and is none that can be read
        return plain_source(path, size, Found("FLAC", None, f"it {error.message}"))
    bits = _BITS.get(info.subtype)
    with open(path, "rb") as file:
        # libsndfile does not say that the number is unknown.
        num_samples = int.from_bytes(file.read(26)[21:], "big") & 0xFFFFFFFFF
    if bits is None or not num_samples:
        reason = "it does not say how many samples it has" if bits else f"its samples are {info.subtype}"
        return plain_source(path, size, Found("FLAC", None, reason))
    name = {8: "8-bit unsigned", 16: "16-bit", 24: "24-bit"}[bits]
    (encoding,) = (encoding for encoding in ENCODINGS if encoding.name == name)
    num_bytes = num_samples * info.channels * encoding.width
    if num_bytes > _LARGEST_WAV:
        return plain_source(path, size, Found("FLAC", None, "it is more than 4 GB of sound, which WAV cannot hold"))
    header = wav_header(info.channels, info.sample_rate, bits, num_bytes)
    layout = Layout(len(header), num_samples, info.channels, info.sample_rate, encoding)
    length = len(header) + num_bytes + num_bytes % 2
    return Source(path, length, Found("WAV", layout), ".wav", True, partial(_open, path, header, layout))


def wav_header(channels: int, sample_rate: int, bits: int, num_bytes: int) -> bytes:
    """What stands before the samples of a WAV file: extensible for what plain WAV leaves open, as `flac -d` does."""
    width = bits // 8
    extensible = channels > 2 or bits > 16
    rates = (channels, sample_rate, sample_rate * channels * width, channels * width, bits)
    format = struct.pack("<HHIIHH", 0xFFFE if extensible else 1, *rates)
    if extensible:
        format += struct.pack("<HHI", 22, bits, _SPEAKERS[channels - 1]) + _PCM_GUID
    padded = num_bytes + num_bytes % 2
    riff = struct.pack("<4sI4s", b"RIFF", 4 + 8 + len(format) + 8 + padded, b"WAVE")
    return riff + struct.pack("<4sI", b"fmt ", len(format)) + format + struct.pack("<4sI", b"data", num_bytes)


@contextmanager
def _open(path: Path, header: bytes, layout: Layout) -> Iterator[_WavStream]:
    from soundwright.audio.files import open_audio

    with open_audio(path) as reader:
        yield _WavStream(path, reader.pieces(), header, layout)


class _WavStream:
    """The bytes of the WAV form."""

    def __init__(self, path: Path, pieces: Iterator[NDArray[np.float32]], header: bytes, layout: Layout) -> None:
        self._path, self._pieces, self._layout = path, pieces, layout
        self._waiting = bytearray(header)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._num_bytes = 0
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """The next bytes; fewer only at the end.

        Raises:
            BadInput: the samples are not those that were encoded.
        """
        while len(self._waiting) < size and not self._ended:
            piece = next(self._pieces, None)
            if piece is None:
                self._end()
            else:
                self._take(piece)
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        return data

    def _take(self, piece: NDArray[np.float32]) -> None:
        # Up to 24 bits fit a float32, and full scale is a power of two: nothing is rounded.
        scale = np.float32(1 << (8 * self._layout.encoding.width - 1))
        data = bytes_of((piece * scale).astype(np.int32).T, self._layout)
        self._num_bytes += len(data)
        self._waiting += data
        # FLAC's digest is that of signed samples.
        signed = data if self._layout.encoding.type == "i" else (np.frombuffer(data, np.uint8) ^ 128).tobytes()
        self._md5.update(signed)

    def _end(self) -> None:
        self._ended = True
        self._waiting += bytes(self._num_bytes % 2)
        with open(self._path, "rb") as file:
            expected = file.read(42)[26:]  # "fLaC", a block's header, STREAMINFO, which ends in the digest
        if any(expected) and expected != self._md5.digest():
            raise BadInput(
                "is damaged: its samples do not have the digest that it names",
                path=self._path,
                remedy="get the whole file, or leave it out",
            )
