"""EnCodec's bit stream: `.ecdc` files, as the `encodec` package writes and reads them.

    header       `ecdc_header`
    then         T * K codes of 10 bits: for each frame, for each codebook; a code's low bits fill a byte's low bits
                 first; the last byte is padded with zeros. T = ceil(samples / hop), nothing follows.

Source: facebookresearch/encodec, `encodec/binary.py` and `encodec/compress.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.formats.bits import BITS, pack, unpack
from soundwright.formats.ecdc_header import (
    MAX_HEADER_BYTES,
    TokenHeader,
    bad_token_file,
    encode_header,
    parse_header,
)
from soundwright.runs.atomic import atomic_path

__all__ = ["TokenFile", "TokenHeader", "Writer", "decode", "encode", "read", "read_frames", "read_header", "write"]


@dataclass(frozen=True)
class TokenFile(TokenHeader):
    """A whole token file.

    Attributes:
        codes: uint16 `[K, T]`.
    """

    codes: NDArray[np.uint16] = field(default_factory=lambda: np.zeros((0, 0), np.uint16))

    @property
    def header(self) -> TokenHeader:
        """Everything but the codes."""
        return TokenHeader(**{name: getattr(self, name) for name in TokenHeader.__dataclass_fields__})

    @classmethod
    def of(cls, header: TokenHeader, codes: NDArray[np.uint16]) -> TokenFile:
        """Joins a header and codes `[K, T]`."""
        return cls(**{name: getattr(header, name) for name in TokenHeader.__dataclass_fields__}, codes=codes)


def encode(tokens: TokenFile) -> bytes:
    """A whole token file as bytes."""
    _check_codes(tokens, tokens.codes)
    if tokens.codes.shape[1] != tokens.num_frames:
        raise ValueError(f"{tokens.num_samples} samples are {tokens.num_frames} frames, not {tokens.codes.shape[1]}")
    return encode_header(tokens) + pack(tokens.codes.T.reshape(-1))


def decode(data: bytes, path: Path | str | None = None) -> TokenFile:
    """The inverse of `encode`.

    Raises:
        BadInput: the bytes are not one whole token file; `path` is named in the message.
    """
    header, start = parse_header(data[:MAX_HEADER_BYTES], path)
    return TokenFile.of(header, _parse_payload(header, data[start:], len(data) - start, path))


def write(path: Path, tokens: TokenFile) -> None:
    """Writes a token file; it appears whole or not at all."""
    data = encode(tokens)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def read(path: Path | str) -> TokenFile:
    """Reads a token file.

    Raises:
        BadInput: the file cannot be read or is not a whole token file.
    """
    with _opened(path) as (file, size):
        header, start = parse_header(file.read(MAX_HEADER_BYTES), path)
        _check_size(header, size - start, path)
        file.seek(start)
        return TokenFile.of(header, _parse_payload(header, file.read(), size - start, path))


def read_header(path: Path | str) -> TokenHeader:
    """Reads the header alone; the payload's length is checked, its codes are not decoded.

    Raises:
        BadInput: as `read`.
    """
    with _opened(path) as (file, size):
        header, start = parse_header(file.read(MAX_HEADER_BYTES), path)
        _check_size(header, size - start, path)
        return header


class Writer:
    """Writes a token file frame by frame into an open binary file, in constant memory.

    Args:
        file: where to write, from its start on; it can seek and stays open.
        header: of the file to be; its number of samples does not count.
    """

    def __init__(self, file: IO[bytes], header: TokenHeader) -> None:
        self.num_frames = 0
        self._header = header
        self._file = file
        self._waiting = np.zeros(0, np.uint16)  # codes that do not fill whole bytes yet, fewer than four
        file.write(encode_header(header))

    def write(self, codes: NDArray[np.uint16]) -> None:
        """Appends frames `[K, t]`."""
        _check_codes(self._header, codes)
        self.num_frames += codes.shape[1]
        # Four codes of 10 bits fill five bytes.
        ready = np.concatenate([self._waiting, codes.T.reshape(-1)])
        whole = len(ready) // 4 * 4
        self._file.write(pack(ready[:whole]))
        self._waiting = ready[whole:]

    def finish(self, num_samples: int) -> TokenHeader:
        """Writes the rest and puts the number of samples into the header, which is returned.

        Raises:
            ValueError: the frames written are not those of so many samples.
        """
        header = replace(self._header, num_samples=num_samples)
        if self.num_frames != header.num_frames:
            raise ValueError(f"{num_samples} samples are {header.num_frames} frames, {self.num_frames} were written")
        self._file.write(pack(self._waiting))
        self._waiting = self._waiting[:0]
        self._file.seek(0)
        self._file.write(encode_header(header))
        self._file.seek(0, 2)
        return header


def read_frames(path: Path | str, frames_at_once: int) -> Iterator[NDArray[np.uint16]]:
    """Reads the codes in pieces `[K, <= frames_at_once]`, in constant memory.

    Args:
        path: the token file.
        frames_at_once: at most so many frames in a piece; rounded up to a multiple of four, which ends on whole bytes.

    Raises:
        BadInput: as `read`.
    """
    step = -(-frames_at_once // 4) * 4
    with _opened(path) as (file, size):
        header, start = parse_header(file.read(MAX_HEADER_BYTES), path)
        _check_size(header, size - start, path)
        file.seek(start)
        for first in range(0, header.num_frames, step):
            num_codes = min(step, header.num_frames - first) * header.num_codebooks
            data = file.read(-(-num_codes * BITS // 8))
            yield _unpack_checked(data, num_codes, path).reshape(-1, header.num_codebooks).T


@contextmanager
def _opened(path: Path | str) -> Iterator[tuple[IO[bytes], int]]:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            yield file, size
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy="check the path") from error


def _check_size(header: TokenHeader, size: int, path: Path | str | None) -> None:
    if size != header.num_payload_bytes:
        expected = f"{header.num_payload_bytes} bytes for {header.num_frames} frames of {header.num_codebooks} codes"
        raise bad_token_file(
            path, expected, f"{size} (the file is {'cut' if size < header.num_payload_bytes else 'too long'})"
        )


def _parse_payload(header: TokenHeader, data: bytes, size: int, path: Path | str | None) -> NDArray[np.uint16]:
    _check_size(header, size, path)
    codes = _unpack_checked(data, header.num_frames * header.num_codebooks, path)
    return codes.reshape(header.num_frames, header.num_codebooks).T


def _unpack_checked(data: bytes, num_codes: int, path: Path | str | None) -> NDArray[np.uint16]:
    used_bits = num_codes * BITS % 8
    if used_bits and data[-1] >> used_bits:
        raise bad_token_file(path, "zeros after the last code", "other bits")
    return unpack(data, num_codes)


def _check_codes(header: TokenHeader, codes: NDArray[np.uint16]) -> None:
    if codes.ndim != 2 or codes.shape[0] != header.num_codebooks:
        raise ValueError(f"expected codes [{header.num_codebooks}, t], found {list(codes.shape)}")
    if codes.size and int(codes.max()) >= 1 << BITS:
        raise ValueError(f"expected codes below {1 << BITS}, found {int(codes.max())}")
