"""EnCodec's bit stream: `.ecdc` files, as the `encodec` package writes and reads them.

    bytes 0-3    "ECDC"
    byte  4      version, 0
    bytes 5-8    length of the JSON that follows, unsigned, big-endian
    then         JSON {"m": codec, "al": samples, "nc": codebooks K, "lm": false, ...}
    then         T * K codes of 10 bits: for each frame, for each codebook; a code's low bits fill a byte's low bits
                 first; the last byte is padded with zeros. T = ceil(al / hop), nothing follows.

Readers ignore JSON keys that they do not know, so ours stand beside them: `revision` (of the codec's weights),
`source` (SHA-256 of the audio file), `sr` (Hz) and `hop` (samples per frame) where they are not EnCodec's 24000 and
320. `lm: true` (arithmetic coding under a language model) is not read: it takes a network to decode.

Source: facebookresearch/encodec, `encodec/binary.py` and `encodec/compress.py`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.formats.bits import BITS, pack, unpack
from soundwright.runs.atomic import atomic_path

MAGIC = b"ECDC"
_START = struct.Struct("!4sBI")
#: Real headers have about 70 bytes, ours up to 250. The bound keeps a hostile length from costing memory.
MAX_JSON_BYTES = 1 << 16
#: The most codebooks that any codec here has, with room; bounds a hostile `nc`.
MAX_CODEBOOKS = 256
#: Digits of the greatest number of samples, 2**53: beyond it JSON readers that use floating point lose samples.
_MAX_DIGITS = 16
_OWN_KEYS = ("m", "al", "nc", "lm", "revision", "source", "sr", "hop")


@dataclass(frozen=True)
class TokenHeader:
    """What a token file says about its tokens.

    Attributes:
        codec: name of the codec, e.g. `encodec_24khz`.
        num_samples: length of the audio in samples.
        num_codebooks: K.
        revision: of the codec's weights; None where the file does not say.
        source: SHA-256 (hex) of the audio file that was encoded; None where the file does not say.
        sample_rate: Hz.
        hop: samples per frame.
        extras: further JSON entries, kept as they are.
    """

    codec: str
    num_samples: int
    num_codebooks: int
    revision: str | None = None
    source: str | None = None
    sample_rate: int = 24_000
    hop: int = 320
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def num_frames(self) -> int:
        """T."""
        return -(-self.num_samples // self.hop)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop

    @property
    def duration_s(self) -> float:
        """Length of the audio in seconds."""
        return self.num_samples / self.sample_rate

    @property
    def bandwidth_kbps(self) -> float:
        """Kilobits per second of codes."""
        return self.num_codebooks * self.frame_rate * BITS / 1000

    @property
    def num_payload_bytes(self) -> int:
        """Bytes after the header."""
        return -(-self.num_frames * self.num_codebooks * BITS // 8)


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


def encode_header(header: TokenHeader) -> bytes:
    """The header as bytes."""
    entries: dict[str, Any] = {"m": header.codec, "al": header.num_samples, "nc": header.num_codebooks, "lm": False}
    if header.revision is not None:
        entries["revision"] = header.revision
    if header.source is not None:
        entries["source"] = header.source
    if header.sample_rate != 24_000:
        entries["sr"] = header.sample_rate
    if header.hop != 320:
        entries["hop"] = header.hop
    text = json.dumps({**header.extras, **entries}).encode("ascii")
    # Spaces after the object are legal JSON. With them the length of the header does not depend on the number of
    # samples, so `Writer` can put that in when it is known, at the end.
    text += b" " * (_MAX_DIGITS - len(str(header.num_samples)))
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"extras make a header of {len(text)} bytes, more than {MAX_JSON_BYTES}")
    return _START.pack(MAGIC, 0, len(text)) + text


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
    header, start = _parse_start(data[: _START.size + MAX_JSON_BYTES], path)
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
        header, start = _parse_start(file.read(_START.size + MAX_JSON_BYTES), path)
        _check_size(header, size - start, path)
        file.seek(start)
        return TokenFile.of(header, _parse_payload(header, file.read(), size - start, path))


def read_header(path: Path | str) -> TokenHeader:
    """Reads the header alone; the payload's length is checked, its codes are not decoded.

    Raises:
        BadInput: as `read`.
    """
    with _opened(path) as (file, size):
        header, start = _parse_start(file.read(_START.size + MAX_JSON_BYTES), path)
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
        header, start = _parse_start(file.read(_START.size + MAX_JSON_BYTES), path)
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


def _bad(path: Path | str | None, expected: str, found: str) -> BadInput:
    return BadInput(f"expected {expected}, found {found}", path=path, remedy="encode the audio again")


def _parse_start(data: bytes, path: Path | str | None) -> tuple[TokenHeader, int]:
    """The header, and where the payload begins."""
    if len(data) < _START.size:
        raise _bad(path, f"a token file header of at least {_START.size} bytes", f"{len(data)} bytes")
    magic, version, length = _START.unpack_from(data)
    if magic != MAGIC:
        raise _bad(path, "a token file, which starts with ECDC", f"{magic!r}")
    if version != 0:
        raise _bad(path, "version 0 of the token format", f"version {version}")
    if length > MAX_JSON_BYTES:
        raise _bad(path, f"at most {MAX_JSON_BYTES} bytes of JSON", f"{length} announced")
    text = data[_START.size : _START.size + length]
    if len(text) < length:
        raise _bad(path, f"{length} bytes of JSON", f"the file's end after {len(text)}")
    try:
        entries = json.loads(text)
    # RecursionError: thousands of nested brackets.
    except (ValueError, RecursionError) as error:
        raise _bad(path, "a header in JSON", f"{type(error).__name__}") from error
    if not isinstance(entries, dict):
        raise _bad(path, "a JSON object as header", type(entries).__name__)
    return _header_of(entries, path), _START.size + length


def _header_of(entries: dict[str, Any], path: Path | str | None) -> TokenHeader:
    codec = entries.get("m")
    if not isinstance(codec, str) or not codec.isprintable():
        raise _bad(path, "the name of a codec in the header (m)", repr(codec)[:80])
    if codec == "encodec_48khz":
        raise _bad(path, "one stream of codes", "encodec_48khz, whose files are cut into scaled segments")
    if entries.get("lm") is not False:
        raise _bad(path, "plain codes (lm: false)", f"lm: {entries.get('lm')!r}"[:80])
    return TokenHeader(
        codec=codec,
        num_samples=_integer(entries, "al", 0, 2**53, path),
        num_codebooks=_integer(entries, "nc", 1, MAX_CODEBOOKS, path),
        revision=_optional_text(entries, "revision", path),
        source=_optional_text(entries, "source", path),
        sample_rate=_integer({"sr": 24_000, **entries}, "sr", 1, 10**7, path),
        hop=_integer({"hop": 320, **entries}, "hop", 1, 10**7, path),
        extras={key: value for key, value in entries.items() if key not in _OWN_KEYS},
    )


def _integer(entries: dict[str, Any], key: str, low: int, high: int, path: Path | str | None) -> int:
    value = entries.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _bad(path, f"an integer from {low} to {high} in the header ({key})", repr(value)[:80])
    return value


def _optional_text(entries: dict[str, Any], key: str, path: Path | str | None) -> str | None:
    value = entries.get(key)
    if value is not None and not (isinstance(value, str) and value.isprintable()):
        raise _bad(path, f"a text in the header ({key})", repr(value)[:80])
    return value


def _check_size(header: TokenHeader, size: int, path: Path | str | None) -> None:
    if size != header.num_payload_bytes:
        expected = f"{header.num_payload_bytes} bytes for {header.num_frames} frames of {header.num_codebooks} codes"
        raise _bad(path, expected, f"{size} (the file is {'cut' if size < header.num_payload_bytes else 'too long'})")


def _parse_payload(header: TokenHeader, data: bytes, size: int, path: Path | str | None) -> NDArray[np.uint16]:
    _check_size(header, size, path)
    codes = _unpack_checked(data, header.num_frames * header.num_codebooks, path)
    return codes.reshape(header.num_frames, header.num_codebooks).T


def _unpack_checked(data: bytes, num_codes: int, path: Path | str | None) -> NDArray[np.uint16]:
    used_bits = num_codes * BITS % 8
    if used_bits and data[-1] >> used_bits:
        raise _bad(path, "zeros after the last code", "other bits")
    return unpack(data, num_codes)


def _check_codes(header: TokenHeader, codes: NDArray[np.uint16]) -> None:
    if codes.ndim != 2 or codes.shape[0] != header.num_codebooks:
        raise ValueError(f"expected codes [{header.num_codebooks}, t], found {list(codes.shape)}")
    if codes.size and int(codes.max()) >= 1 << BITS:
        raise ValueError(f"expected codes below {1 << BITS}, found {int(codes.max())}")
