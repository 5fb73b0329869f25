"""A binary range coder with carry propagation, for both directions.

Source: G. N. N. Martin, "Range encoding" (1979), in the binary form of I. Pavlov's LZMA. The interval has 48 bits and
never fewer than 40, so a probability of 16 bits costs less than 1e-6 bits per decision more than it should. A decision
is a bit with the probability of a 1 in 1/65536 (1 to 65535). Encoding and decoding are one function with a switch:
what surrounds it then is one function too, and both directions cannot differ.

The state is `int64[5]`: LOW (encoding: the lower end; decoding: the code minus the lower end), RANGE, POSITION in the
buffer, LIMIT (where the buffer ends), DECODING.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra

with needs_extra("lossless", "compressing without loss"):
    from numba import njit

LOW, RANGE, POSITION, LIMIT, DECODING = range(5)
PROBABILITY_BITS = 16
_TOP = 1 << 48
_BOTTOM = 1 << 40


def encoder() -> NDArray[np.int64]:
    """The state before the first decision; the buffer's size is the limit."""
    return np.array([0, _TOP - 1, 0, 0, 0], np.int64)


def decoder(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The state before the first decision of `data` `[bytes]`; past its end the decoder reads zeros."""
    head = bytes(data[:6]).ljust(6, b"\0")
    return np.array([int.from_bytes(head, "big"), _TOP - 1, 6, len(data), 1], np.int64)


@njit(error_model="numpy")
def code_bit(state: NDArray[np.int64], data: NDArray[np.uint8], bit: int, p_one: int) -> int:
    """Encodes `bit`, or decodes and returns one.

    Args:
        state: see the module.
        data: the buffer, written or read.
        bit: 0 or 1; ignored when decoding.
        p_one: probability of a 1 in 1/65536, 1 to 65535.

    Returns:
        The bit. When encoding into a full buffer, POSITION stays beyond LIMIT and nothing more is written.
    """
    width = state[RANGE]
    split = (width >> 16) * p_one
    low = state[LOW]
    if state[DECODING]:
        bit = 1 if low < split else 0
        if bit:
            width = split
        else:
            low -= split
            width -= split
        while width < _BOTTOM:
            position = state[POSITION]
            low <<= 8
            if position < state[LIMIT]:
                low |= np.int64(data[position])
            state[POSITION] = position + 1
            width <<= 8
    else:
        if bit:
            width = split
        else:
            low += split
            width -= split
        if low >= _TOP:
            low -= _TOP
            _carry(state, data)
        while width < _BOTTOM:
            position = state[POSITION]
            if position < state[LIMIT]:
                data[position] = low >> 40
            state[POSITION] = position + 1
            low = (low & (_BOTTOM - 1)) << 8
            width <<= 8
    state[LOW] = low
    state[RANGE] = width
    return bit


@njit(error_model="numpy")
def _carry(state: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
    position = min(state[POSITION], state[LIMIT]) - 1
    while position >= 0 and data[position] == 255:
        data[position] = 0
        position -= 1
    if position >= 0:
        data[position] += 1


def finish(state: NDArray[np.int64], data: NDArray[np.uint8]) -> bytes:
    """Ends the encoding: the shortest byte string whose continuation by zeros lies in the interval."""
    low, width = int(state[LOW]), int(state[RANGE])
    for kept in range(7):
        unit = 1 << (48 - 8 * kept)
        value = -(-low // unit) * unit
        if value < low + width:
            break
    if value >= _TOP:
        value -= _TOP
        _carry(state, data)
    return (bytes(data[: int(state[POSITION])]) + value.to_bytes(6, "big")).rstrip(b"\0")
