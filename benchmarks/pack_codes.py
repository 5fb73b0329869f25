"""Claim: packing codes into the token format takes at least 40 times less CPU than a loop over symbols.

    python benchmarks/pack_codes.py [--minutes 5]

The loop is written as the `encodec` package has it (one `push` per code into an open file); both sides give the same
bytes. Unpacking is compared in the same way.
"""

from __future__ import annotations

import argparse
import io

import paired  # first: it sets one thread

import numpy as np

from soundwright.formats.bits import pack, unpack


class Packer:
    """Writes numbers one at a time, low bits first."""

    def __init__(self, bits: int, file: io.BytesIO) -> None:
        self._current_value = 0
        self._current_bits = 0
        self.bits = bits
        self.file = file

    def push(self, value: int) -> None:
        """Appends a number."""
        self._current_value += value << self._current_bits
        self._current_bits += self.bits
        while self._current_bits >= 8:
            lower_8bits = self._current_value & 0xFF
            self._current_bits -= 8
            self._current_value >>= 8
            self.file.write(bytes([lower_8bits]))

    def flush(self) -> None:
        """Writes what is left."""
        if self._current_bits:
            self.file.write(bytes([self._current_value]))


def pack_by_symbol(codes: np.ndarray) -> bytes:
    file = io.BytesIO()
    packer = Packer(10, file)
    for frame in codes.T:
        for value in frame.tolist():
            packer.push(value)
    packer.flush()
    return file.getvalue()


def unpack_by_symbol(data: bytes, num_codes: int) -> np.ndarray:
    file = io.BytesIO(data)
    current_value = current_bits = 0
    values = []
    for _ in range(num_codes):
        while current_bits < 10:
            current_value += file.read(1)[0] << current_bits
            current_bits += 8
        values.append(current_value & 1023)
        current_value >>= 10
        current_bits -= 10
    return np.array(values, np.uint16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of audio at 6 kbps")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    paired.about("numpy")
    codes = np.random.default_rng(0).integers(0, 1024, (8, round(arguments.minutes * 60 * 75))).astype(np.uint16)
    data = pack(codes.T.reshape(-1))
    if data != pack_by_symbol(codes) or not np.array_equal(unpack_by_symbol(data, codes.size), codes.T.reshape(-1)):
        raise RuntimeError("the two sides give different results")
    # One call of ours is over in milliseconds: ten calls of it against one of the loop.
    repeats = 10
    for claim, ours, theirs in (
        ("pack, ten times ours", lambda: pack(codes.T.reshape(-1)), lambda: pack_by_symbol(codes)),
        ("unpack, ten times ours", lambda: unpack(data, codes.size), lambda: unpack_by_symbol(data, codes.size)),
    ):
        medians = paired.compare(
            f"{claim}: {arguments.minutes:g} minutes, {codes.size} codes",
            {"numpy": lambda ours=ours: [ours() for _ in range(repeats)], "per symbol": theirs},
            at_least={"per symbol": 40 / repeats} if claim.startswith("pack") else {},
            runs=arguments.runs,
        )
        print(f"  call for call: {medians['per symbol'] / medians['numpy'] * repeats:.0f}x")


if __name__ == "__main__":
    main()
