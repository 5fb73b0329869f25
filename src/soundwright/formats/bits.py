"""Ten-bit numbers in bytes: each number's low bits first, into the low bits of a byte first.

Four numbers make five bytes, so four of them are one 40-bit little-endian number; numpy shifts and joins all of them at
once. Per symbol, as the `encodec` package does it, takes some fifty times longer (`benchmarks/pack_codes.py`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 10


def pack(codes: NDArray[np.uint16]) -> bytes:
    """Numbers `[n]` below 1024 as `ceil(n * 10 / 8)` bytes; the last byte ends with zeros."""
    padded = np.zeros(-(-len(codes) // 4) * 4, np.uint64)
    padded[: len(codes)] = codes
    fours = padded.reshape(-1, 4)
    joined = fours[:, 0] | fours[:, 1] << np.uint64(10) | fours[:, 2] << np.uint64(20) | fours[:, 3] << np.uint64(30)
    data: bytes = joined.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :5].tobytes()
    return data[: -(-len(codes) * BITS // 8)]


def unpack(data: bytes, num_codes: int) -> NDArray[np.uint16]:
    """The inverse of `pack`, `[num_codes]`; `data` holds exactly `ceil(num_codes * 10 / 8)` bytes."""
    fours = np.zeros((-(-num_codes // 4), 8), np.uint8)
    whole = len(data) // 5
    fours[:whole, :5] = np.frombuffer(data, np.uint8, whole * 5).reshape(-1, 5)
    if rest := data[whole * 5 :]:
        fours[whole, : len(rest)] = np.frombuffer(rest, np.uint8)
    joined = fours.view("<u8")[:, 0]
    codes = np.empty((len(joined), 4), np.uint16)
    for index in range(4):
        codes[:, index] = joined >> np.uint64(BITS * index) & np.uint64(1023)
    return codes.reshape(-1)[:num_codes]
