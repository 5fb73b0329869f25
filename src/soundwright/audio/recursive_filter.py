"""Second-order sections one after the other, over a sound in pieces, as matrix products.

A recursion waits for its own last sample; in Python that is a loop over samples. Written as a state space,

    s[n+1] = A s[n] + B x[n],   y[n] = C s[n] + D x[n],

a block of L samples is two products: of the block with the impulse response (a triangle of Toeplitz form), and of the
state before it with C A^i. The state after it is A^L s plus the block times A^(L-1-i) B. So only one step in L waits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

#: L: more make the products longer, fewer the loop over blocks.
_BLOCK = 256


class SectionCascade:
    """Filters pieces of any size; the state goes on from one to the next, and begins with silence.

    Args:
        sections: `[sections, 6]`: b0 b1 b2 1 a1 a2, the coefficients of numerator and denominator.
        channels: C.
    """

    def __init__(self, sections: Float64, channels: int) -> None:
        a, b, c, d = _state_space(sections)
        size = len(a)
        powers = np.empty((_BLOCK + 1, size, size))  # of A
        powers[0] = np.eye(size)
        for i in range(_BLOCK):
            powers[i + 1] = a @ powers[i]
        self._powers = powers
        self._observe = powers[:-1].transpose(0, 2, 1) @ c  # [L, states]: C A^i
        self._drive = powers[:-1][::-1] @ b  # [L, states]: A^(L-1-i) B
        response = np.concatenate([[d], self._observe[:-1] @ b])  # [L]
        delay = np.arange(_BLOCK) - np.arange(_BLOCK)[:, None]
        self._response = np.where(delay >= 0, response[np.maximum(delay, 0)], 0.0)  # [L, L]: from sample to sample
        self._state = np.zeros((channels, size))

    def __call__(self, samples: NDArray[np.floating]) -> Float64:
        """The next samples `[C, n]`, filtered, `[C, n]`."""
        channels, num_samples = samples.shape
        out = np.empty(samples.shape)
        num_blocks = num_samples // _BLOCK
        whole = num_blocks * _BLOCK
        blocks = samples[:, :whole].astype(np.float64).reshape(channels, num_blocks, _BLOCK)
        driven = blocks @ self._drive  # [C, blocks, states]
        states = np.empty_like(driven)  # before each block
        turn = self._powers[_BLOCK].T
        for m in range(num_blocks):
            states[:, m] = self._state
            self._state = self._state @ turn + driven[:, m]
        filtered = blocks @ self._response + states @ self._observe.T
        out[:, :whole] = filtered.reshape(channels, whole)
        rest = num_samples - whole
        if rest:
            ending = samples[:, whole:].astype(np.float64)
            out[:, whole:] = ending @ self._response[:rest, :rest] + self._state @ self._observe[:rest].T
            self._state = self._state @ self._powers[rest].T + ending @ self._drive[_BLOCK - rest :]
        return out


def _state_space(sections: Float64) -> tuple[Float64, Float64, Float64, float]:
    """A, B, C and D of sections in series, each in transposed direct form II with two states."""
    a, b, c, d = np.zeros((0, 0)), np.zeros(0), np.zeros(0), 1.0
    for b0, b1, b2, _, a1, a2 in sections:
        turn, drive = np.array([[-a1, 1.0], [-a2, 0.0]]), np.array([b1 - a1 * b0, b2 - a2 * b0])
        size = len(a)
        joined = np.zeros((size + 2, size + 2))
        joined[:size, :size] = a
        joined[size:, :size] = np.outer(drive, c)  # what comes before is this section's input
        joined[size:, size:] = turn
        a, b = joined, np.concatenate([b, drive * d])
        c, d = np.concatenate([b0 * c, [1.0, 0.0]]), b0 * d
    return a, b, c, d
