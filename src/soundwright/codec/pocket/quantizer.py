"""Residual vector quantisation in NumPy: the search in float32, and in float64 wherever that could decide otherwise.

Each level picks the nearest of S vectors to what the levels before left over: the smallest |c|^2 - 2 r.c, which is
|r - c|^2 without |r|^2, the same for all c. In float32 a score is off by at most

    B = (L + 4) u (|c|^2 + 2 |r| |c|),   u = 2^-24, L numbers in a vector

(L products and sums of rounded numbers; Higham, Accuracy and Stability of Numerical Algorithms, section 3.1, with |r.c|
bounded by |r| |c|). So where the best score lies more than 2 B below the second, it is the best in exact arithmetic
too. For the few other frames the scores are computed again in float64, which decides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundwright.codec.pocket.layers import Array

_UNIT_ROUNDOFF = 2.0**-24


class Quantizer:
    """Latents to codes and back.

    Args:
        codebooks: `[K, S, L]`, any dtype.
    """

    def __init__(self, codebooks: Array) -> None:
        self.num_codebooks, self.codebook_size, length = codebooks.shape
        self._exact = codebooks.astype(np.float64)  # [K, S, L]
        self._single = codebooks.astype(np.float32)
        self._square = np.square(self._exact).sum(axis=2)  # [K, S]
        # One product gives the scores: [r, 1] times [-2 c, |c|^2].
        self._scoring = np.concatenate([-2 * self._exact, self._square[..., None]], axis=2).astype(np.float32)
        self._longest = np.sqrt(self._square.max(axis=1))  # [K]
        self._bound = 2 * (length + 4) * _UNIT_ROUNDOFF

    def encode(self, latents: NDArray[np.float64], num_codebooks: int) -> NDArray[np.uint16]:
        """Latents float64 `[T, L]` to codes `[num_codebooks, T]`, coarse to fine."""
        num_frames = len(latents)
        codes = np.empty((num_codebooks, num_frames), np.uint16)
        frames = np.arange(num_frames)
        residual = latents.copy()
        extended = np.ones((num_frames, latents.shape[1] + 1), np.float32)  # [T, L + 1]
        for k in range(num_codebooks):
            extended[:, :-1] = residual
            scores = extended @ self._scoring[k].T  # [T, S]
            index = scores.argmin(axis=1)
            best = scores[frames, index]
            scores[frames, index] = np.inf
            gap = scores.min(axis=1) - best
            length = np.sqrt(np.einsum("tl,tl->t", residual, residual))
            longest = self._longest[k]
            # not "gap <= bound": what is not a number, in a network gone wrong, is decided in float64 as well
            unsure = np.flatnonzero(~(gap > self._bound * longest * (longest + 2 * length)))
            if len(unsure):
                exact = self._square[k] - 2 * (residual[unsure] @ self._exact[k].T)
                index[unsure] = exact.argmin(axis=1)
            residual -= self._exact[k][index]
            codes[k] = index
        return codes

    def decode(self, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Codes `[K, T]` (K may be fewer than there are codebooks) to latents float32 `[T, L]`."""
        latents: NDArray[np.float32] = self._single[0][codes[0]]
        for k in range(1, len(codes)):
            latents += self._single[k][codes[k]]
        return latents
