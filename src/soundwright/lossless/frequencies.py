"""Samples through the range coder by what a model says of them, a step of all lanes at a time, in both directions.

A value of b bits is b decisions, the highest bit first: which half of what is still possible. The probabilities are
integers made of IEEE basic operations in a fixed order, with an exponential of our own: given the same numbers of a
model, they are the same on every machine.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.lossless import range_coder
from soundwright.lossless.range_coder import code_bit
from soundwright.runs.compiled import kernel

with needs_extra("lossless", "compressing without loss"):
    from numba import njit

Floats = NDArray[np.float32]
_COEFFICIENTS = np.array([1 / math.factorial(n) for n in reversed(range(12))])
_POWERS = np.ldexp(1.0, -np.arange(1024))  # of 1/2


@njit(error_model="numpy")
def _exp(x: float) -> float:
    """exp(x) for x up to 0 to within 1e-12 of itself; 0 where it is less than 1e-300 or x is no number."""
    if not x > -690.0:
        return 0.0
    x = min(x, 0.0)
    halvings = math.floor(x * -1.4426950408889634 + 0.5)
    r = x + halvings * 0.6931471803691238 + halvings * 1.9082149292705877e-10  # |r| <= 0.35
    total = 0.0
    for n in range(len(_COEFFICIENTS)):
        total = total * r + _COEFFICIENTS[n]
    return total * float(_POWERS[int(halvings)])


@njit(error_model="numpy")
def _in_65536(part: float, whole: float) -> int:
    """A probability for the coder: at least 1 and at most 65535, whatever the numbers are."""
    p = 65536.0 * part / whole
    if not p >= 1.0:
        return 1
    return 65535 if p >= 65535.0 else int(p)


@njit(error_model="numpy")
def _between(below: NDArray[np.float64], above: NDArray[np.float64], i: int, k: int) -> float:
    """The mass of component k from edge i to the next."""
    if above[i, k] < below[i, k]:
        return float(above[i, k] - above[i + 1, k])
    return float(below[i + 1, k] - below[i, k])


def _compiled(digest: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """The two kernels; compiled at their first calls, then taken from the cache.

    Args:
        digest: of what they call in other files: the cache looks at this file only.
    """

    @kernel
    def code_by_logits(
        state: NDArray[np.int64],
        data: NDArray[np.uint8],
        logits: Floats,
        values: NDArray[np.int64],
        active: NDArray[np.bool_],
        table_bits: int,
    ) -> None:
        """Codes a value of each active lane by a table of integer frequencies, each 1 at least.

        Args:
            state: of the range coder.
            data: its buffer.
            logits: of all values `[L, V]`, V a power of two.
            values: `[L]`, 0 to V - 1; read, or filled in when decoding.
            active: `[L]`.
            table_bits: the table sums to about 2 to the power of this.
        """
        if digest < 0:  # never; but what a kernel refers to is part of its key in the cache
            return
        lanes, num_values = logits.shape
        below = np.zeros(num_values + 1, np.int64)
        masses = np.zeros(num_values)
        for lane in range(lanes):
            if not active[lane]:
                continue
            highest = -np.inf
            for v in range(num_values):
                if logits[lane, v] > highest:
                    highest = logits[lane, v]
            total = 0.0
            for v in range(num_values):
                masses[v] = _exp(np.float64(logits[lane, v]) - highest)
                total += masses[v]
            scale = ((1 << table_bits) - num_values) / total if total > 0.0 else 0.0
            for v in range(num_values):
                below[v + 1] = below[v] + 1 + int(masses[v] * scale)
            low, size, value = 0, num_values, values[lane]
            while size > 1:
                size >>= 1
                whole = below[low + 2 * size] - below[low]
                upper = below[low + 2 * size] - below[low + size]
                if code_bit(state, data, 1 if value & size else 0, _in_65536(upper, whole)):
                    low += size
            values[lane] = low

    @kernel
    def code_by_mixture(
        state: NDArray[np.int64],
        data: NDArray[np.uint8],
        weights: Floats,
        means: Floats,
        steps: Floats,
        values: NDArray[np.int64],
        active: NDArray[np.bool_],
        bits: int,
    ) -> None:
        """Codes a value of each active lane by a mixture of logistics and a uniform distribution.

        Args:
            state: of the range coder.
            data: its buffer.
            weights: of the components, the uniform one last `[L, K + 1]`.
            means: in sample steps above silence `[L, K]`.
            steps: a sample step in widths `[L, K]`.
            values: `[L]`, 0 to 2^bits - 1; read, or filled in when decoding.
            active: `[L]`.
            bits: of a value.
        """
        if digest < 0:  # never; but what a kernel refers to is part of its key in the cache
            return
        lanes, components = means.shape
        # What lies below the ends and the middle of the values still possible, and what lies above: exact where it is
        # small.
        below, above = np.zeros((3, components)), np.zeros((3, components))
        for lane in range(lanes):
            if not active[lane]:
                continue
            below[0], above[0], below[2], above[2] = 0.0, 1.0, 1.0, 0.0
            low, size, value = 0, 1 << bits, values[lane]
            flat = np.float64(weights[lane, components]) / (1 << bits)
            while size > 1:
                size >>= 1
                edge = low + size - (1 << (bits - 1)) - 0.5
                lower = upper = flat * size
                for k in range(components):
                    x = (edge - np.float64(means[lane, k])) * np.float64(steps[lane, k])
                    tail = _exp(-abs(x))
                    small, large = tail / (1.0 + tail), 1.0 / (1.0 + tail)
                    below[1, k], above[1, k] = (large, small) if x > 0.0 else (small, large)
                    weight = np.float64(weights[lane, k])
                    lower += weight * _between(below, above, 0, k)
                    upper += weight * _between(below, above, 1, k)
                bit = code_bit(state, data, 1 if value & size else 0, _in_65536(upper, lower + upper))
                kept = 0 if bit else 2
                below[kept], above[kept] = below[1], above[1]
                if bit:
                    low += size
            values[lane] = low

    return code_by_logits, code_by_mixture


code_by_logits, code_by_mixture = _compiled(zlib.crc32(Path(range_coder.__file__).read_bytes()))
