"""Sound files byte by byte, sane and broken, for the tests of archives."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np

GUID_TAIL = bytes.fromhex("00001000800000aa00389b71")

Chunk = tuple[bytes, bytes]


def chunk(name: bytes, data: bytes, *, order: str = "<", size: int | None = None, pad: bool = True) -> bytes:
    head = struct.pack(order + "4sI", name, len(data) if size is None else size)
    return head + data + (b"\0" if pad and len(data) % 2 else b"")


def format_chunk(
    channels: int, rate: int, bits: int, *, tag: int = 1, order: str = "<", extensible: bool = False, width: int = 0
) -> bytes:
    align = channels * (width or -(-bits // 8))
    rates = (channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    if not extensible:
        return chunk(b"fmt ", struct.pack(order + "HHIIHH", tag, *rates), order=order)
    tail = struct.pack(order + "HHII", 22, bits, 0, tag) + GUID_TAIL
    return chunk(b"fmt ", struct.pack(order + "HHIIHH", 0xFFFE, *rates) + tail, order=order)


def wav(
    data: bytes,
    channels: int = 1,
    rate: int = 44_100,
    bits: int = 16,
    *,
    tag: int = 1,
    extensible: bool = False,
    width: int = 0,
    before: Iterable[Chunk] = (),
    after: Iterable[Chunk] = (),
    form: bytes = b"RIFF",
    data_size: int | None = None,
    pad: bool = True,
) -> bytes:
    """A WAV file; `data_size` is what its header claims."""
    order = ">" if form == b"RIFX" else "<"
    body = format_chunk(channels, rate, bits, tag=tag, order=order, extensible=extensible, width=width)
    body += b"".join(chunk(name, content, order=order) for name, content in before)
    body += chunk(b"data", data, order=order, size=data_size, pad=pad)
    body += b"".join(chunk(name, content, order=order) for name, content in after)
    return struct.pack(order + "4sI4s", form, 4 + len(body), b"WAVE") + body


def aiff(
    data: bytes,
    channels: int = 1,
    bits: int = 16,
    *,
    method: bytes | None = None,
    offset: int = 0,
    late_common: bool = False,
    sound_size: int | None = None,
) -> bytes:
    """An AIFF file of 44.1 kHz, or with a `method` an AIFC file."""
    frames = len(data) // max(1, channels * -(-bits // 8))
    common = struct.pack(">hIh", channels, frames, bits) + bytes.fromhex("400eac44000000000000")
    common += (method + b"\x00\x00") if method else b""
    sound = struct.pack(">II", offset, 0) + bytes(offset) + data
    parts = [chunk(b"COMM", common, order=">"), chunk(b"SSND", sound, order=">", size=sound_size)]
    body = b"".join(reversed(parts) if late_common else parts) + chunk(b"NAME", b"a name!", order=">")
    return struct.pack(">4sI4s", b"FORM", 4 + len(body), b"AIFC" if method else b"AIFF") + body


def music(num_samples: int, channels: int = 1, bits: int = 16, *, order: str = "<", seed: int = 0) -> bytes:
    """Interleaved samples of a few tones and a little noise, as WAV has them: unsigned where they have 8 bits."""
    rng = np.random.default_rng(seed)
    time = np.arange(num_samples)[:, None] / 44_100
    hz = 220.0 * (1 + np.arange(channels))
    wave = 0.4 * np.sin(2 * np.pi * hz * time) + 0.2 * np.sin(2 * np.pi * 3.1 * hz * time)
    wave += 0.003 * rng.standard_normal((num_samples, channels))
    return packed(np.round(wave * (2 ** (bits - 1) - 1)).astype(np.int64), bits, order=order)


def noise(num_samples: int, channels: int = 1, bits: int = 16, *, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(num_samples * channels * bits // 8)


def packed(values: np.ndarray, bits: int, *, order: str = "<") -> bytes:
    """Integers as interleaved bytes, one by one: slow and plain."""
    if bits == 8:
        return bytes(int(value) + 128 for value in values.reshape(-1))
    name = "little" if order == "<" else "big"
    return b"".join(int(value).to_bytes(bits // 8, name, signed=True) for value in values.reshape(-1))
