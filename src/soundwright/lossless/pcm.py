"""Samples out of the bytes of a file and back, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.formats.swz import Encoding, Layout


def samples_of(data: bytes, layout: Layout) -> NDArray[np.int32]:
    """Integer samples `[C, N]` of interleaved bytes; unsigned ones are moved to around 0.

    Args:
        data: whole samples of all channels.
        layout: how they are written; not floating point.
    """
    encoding = layout.encoding
    if encoding.width == 3:
        # A zero byte below the lowest, and an arithmetic shift for the sign.
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, slice(1, 4) if encoding.order == "<" else slice(0, 3)] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        flat = padded.reshape(-1).view(encoding.order + "i4").astype(np.int32) >> 8
    else:
        flat = np.frombuffer(data, _dtype(encoding)).astype(np.int32)
        if encoding.type == "u":
            flat -= 1 << (8 * encoding.width - 1)
    return np.ascontiguousarray(flat.reshape(-1, layout.channels).T)


def bytes_of(samples: NDArray[np.int32], layout: Layout) -> bytes:
    """The inverse of `samples_of`."""
    encoding = layout.encoding
    flat = np.ascontiguousarray(samples.T).reshape(-1)
    if encoding.width == 3:
        words = flat.astype(encoding.order + "i4").view(np.uint8).reshape(-1, 4)
        return words[:, slice(0, 3) if encoding.order == "<" else slice(1, 4)].tobytes()
    if encoding.type == "u":
        flat = flat + (1 << (8 * encoding.width - 1))
    return flat.astype(_dtype(encoding)).tobytes()


def floats_of(data: bytes, layout: Layout) -> NDArray[Any]:
    """Floating-point samples `[C, N]` of interleaved bytes."""
    flat = np.frombuffer(data, _dtype(layout.encoding))
    return np.ascontiguousarray(flat.astype(flat.dtype.newbyteorder("=")).reshape(-1, layout.channels).T)


def planes_of(data: bytes, width: int) -> bytes:
    """The first bytes of all samples, then the second bytes ...: signs and exponents lie together.

    >>> planes_of(b"aAbBcC", 2)
    b'abcABC'
    """
    return np.frombuffer(data, np.uint8).reshape(-1, width).T.tobytes()


def bytes_of_planes(planes: bytes, width: int) -> bytes:
    """The inverse of `planes_of`."""
    return np.frombuffer(planes, np.uint8).reshape(width, -1).T.tobytes()


def _dtype(encoding: Encoding) -> np.dtype[Any]:
    return np.dtype(f"{encoding.order}{encoding.type}{encoding.width}")
