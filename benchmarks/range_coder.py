"""The range coder alone: decisions and symbols per CPU second, one core, and its size against the ideal length.

Asked: 2 million symbols/s, a symbol being a byte coded as eight binary decisions, each with its own probability.
"""

from __future__ import annotations

import paired
import numpy as np
from numba import njit
from numpy.typing import NDArray

from soundwright.lossless.range_coder import LIMIT, code_bit, decoder, encoder, finish

SYMBOLS = 2_000_000
ASKED = 2e6


@njit
def code_symbols(state, data, symbols, probabilities):  # type: ignore[no-untyped-def]
    """Eight decisions per symbol down the tree of `probabilities` `[256]`."""
    for i in range(len(symbols)):
        place = 1
        for k in range(7, -1, -1):
            place = 2 * place + code_bit(state, data, symbols[i] >> k & 1, probabilities[place])
        symbols[i] = place - 256


def main() -> None:
    rng = np.random.default_rng(0)
    values = np.clip(np.rint(rng.laplace(128, 12, SYMBOLS)), 0, 255).astype(np.int64)
    counts = np.bincount(values, minlength=256) + 1.0
    tree = np.zeros(512)
    tree[256:] = counts
    for place in range(255, 0, -1):
        tree[place] = tree[2 * place] + tree[2 * place + 1]
    ones = tree[3::2] / tree[1:256]  # of the places 1 to 255, the share of the right branch
    probabilities = np.concatenate([[0], np.clip(np.rint(ones * 65536), 1, 65535)]).astype(np.int64)
    shares = counts / counts.sum()
    ideal = -np.log2(shares)[values].sum() / 8

    def encode() -> bytes:
        state, buffer = encoder(), np.zeros(2 * SYMBOLS, np.uint8)
        state[LIMIT] = len(buffer)
        code_symbols(state, buffer, values.copy(), probabilities)
        return finish(state, buffer)

    def decode() -> NDArray[np.int64]:
        buffer = np.frombuffer(bytearray(coded), np.uint8)
        out = np.zeros(SYMBOLS, np.int64)
        code_symbols(decoder(buffer), buffer, out, probabilities)
        return out

    coded = encode()
    if not np.array_equal(decode(), values):
        raise SystemExit("the symbols did not come back")
    paired.about("numba", "numpy")
    medians = paired.compare("Range coder, 2 million bytes", {"encode": encode, "decode": decode}, at_least={})
    for name, seconds in medians.items():
        met = "met" if SYMBOLS / seconds >= ASKED else "NOT met"
        print(f"  {name}: {SYMBOLS / seconds / 1e6:.1f} million symbols/s (asked: {ASKED / 1e6:g}, {met})")
    print(f"  {len(coded)} bytes, ideal {ideal:.0f}: {100 * (len(coded) / ideal - 1):+.3f} %")


if __name__ == "__main__":
    main()
