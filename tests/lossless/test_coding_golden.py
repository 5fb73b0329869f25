"""Blocks that were made once, by revision 1 of the format, and must decode for ever: never make them anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from soundwright.lossless.coding import decode_block

GOLDEN = Path(__file__).parent / "golden_blocks"


def sound(channels: int, length: int, seed: int) -> NDArray[np.int32]:
    """A resonance in whole numbers, the second channel like the first: the same on every machine."""
    out = np.zeros((channels, length), np.int32)
    state, one, two = seed, 0, 0
    for n in range(length):
        state = (1103515245 * state + 12345) % 2**31
        one, two = (115 * one - 58 * two) // 64 + (state >> 16) % 301 - 150, one
        out[0, n] = one
        for c in range(1, channels):
            out[c, n] = one * (3 + c) // 8 + (state >> 20) % (8 * c)
    return out


CASES = {
    "preset0_swap0_16bit": (2, 1500, 16, 1),
    "preset0_swap1_16bit": (2, 1500, 16, 2),
    "preset1_swap0_24bit": (3, 900, 24, 3),
    "preset1_swap0_8bit": (1, 900, 8, 4),
    "preset2_swap0_16bit": (1, 1500, 16, 5),
}


def expected(name: str) -> NDArray[np.int32]:
    channels, length, bits, seed = CASES[name]
    samples = sound(channels, length, seed)
    return samples >> 5 if bits == 8 else samples * 64 if bits == 24 else samples


@pytest.mark.parametrize("name", CASES)
def test_a_block_of_revision_1_still_decodes(name: str) -> None:
    channels, length, bits, _ = CASES[name]
    data = (GOLDEN / f"{name}.bin").read_bytes()
    assert data[0] == 1 + int(name[6]) + 8 * int(name[12])
    assert np.array_equal(decode_block(data, channels, length, bits), expected(name))
