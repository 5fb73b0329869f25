"""The header of a token file: what it says about its tokens.

    bytes 0-3    "ECDC"
    byte  4      version, 0
    bytes 5-8    length of the JSON that follows, unsigned, big-endian
    then         JSON {"m": codec, "al": samples, "nc": codebooks K, "lm": false, ...}

Readers ignore JSON keys that they do not know, so ours stand beside them: `revision` (of the codec's weights),
`source` (SHA-256 of the audio file), `sr` (Hz) and `hop` (samples per frame) where they are not EnCodec's 24000 and
320. `lm: true` (arithmetic coding under a language model) is not read: it takes a network to decode.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soundwright.core.errors import BadInput
from soundwright.formats.bits import BITS

MAGIC = b"ECDC"
_START = struct.Struct("!4sBI")
#: Real headers have about 70 bytes, ours up to 250. The bound keeps a hostile length from costing memory.
MAX_JSON_BYTES = 1 << 16
MAX_HEADER_BYTES = _START.size + MAX_JSON_BYTES
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


def parse_header(data: bytes, path: Path | str | None) -> tuple[TokenHeader, int]:
    """The header, and where the payload begins; `data` is the file's first `MAX_HEADER_BYTES`, or all of a shorter one.

    Raises:
        BadInput: the bytes do not begin a token file; `path` is named in the message.
    """
    if len(data) < _START.size:
        raise bad_token_file(path, f"a token file header of at least {_START.size} bytes", f"{len(data)} bytes")
    magic, version, length = _START.unpack_from(data)
    if magic != MAGIC:
        found = f"expected a token file, which starts with ECDC, found {magic!r}"
        raise BadInput(found, path=path, remedy="give a file that codec encode made")
    if version != 0:
        raise bad_token_file(path, "version 0 of the token format", f"version {version}")
    if length > MAX_JSON_BYTES:
        raise bad_token_file(path, f"at most {MAX_JSON_BYTES} bytes of JSON", f"{length} announced")
    text = data[_START.size : _START.size + length]
    if len(text) < length:
        raise bad_token_file(path, f"{length} bytes of JSON", f"the file's end after {len(text)}")
    try:
        entries = json.loads(text)
    # RecursionError: thousands of nested brackets.
    except (ValueError, RecursionError) as error:
        raise bad_token_file(path, "a header in JSON", f"{type(error).__name__}") from error
    if not isinstance(entries, dict):
        raise bad_token_file(path, "a JSON object as header", type(entries).__name__)
    return _header_of(entries, path), _START.size + length


def _header_of(entries: dict[str, Any], path: Path | str | None) -> TokenHeader:
    codec = entries.get("m")
    if not isinstance(codec, str) or not codec.isprintable():
        raise bad_token_file(path, "the name of a codec in the header (m)", repr(codec)[:80])
    if codec == "encodec_48khz":
        raise bad_token_file(path, "one stream of codes", "encodec_48khz, whose files are cut into scaled segments")
    if entries.get("lm") is not False:
        raise bad_token_file(path, "plain codes (lm: false)", f"lm: {entries.get('lm')!r}"[:80])
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
        raise bad_token_file(path, f"an integer from {low} to {high} in the header ({key})", repr(value)[:80])
    return value


def _optional_text(entries: dict[str, Any], key: str, path: Path | str | None) -> str | None:
    value = entries.get(key)
    if value is not None and not (isinstance(value, str) and value.isprintable()):
        raise bad_token_file(path, f"a text in the header ({key})", repr(value)[:80])
    return value


def bad_token_file(path: Path | str | None, expected: str, found: str) -> BadInput:
    """The error for a file that is damaged or of another kind."""
    return BadInput(f"expected {expected}, found {found}", path=path, remedy="encode the audio again")
