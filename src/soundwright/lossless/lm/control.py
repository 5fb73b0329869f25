"""What a trained model has to beat: the linear predictors of the simplest lossless codecs, with an ideal code."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from soundwright.lossless.lm.chunks import Chunks


def fixed_predictor_bits(chunks: Chunks) -> float:
    """Bits per sample of FLAC's fixed predictors (orders 0 to 3, the best for each chunk) with an ideal Golomb code.

    The first sample of a chunk and the choice of the order cost nothing here, which flatters it. Source of the
    predictors: Robinson, SHORTEN (1994).
    """
    bits, count = 0.0, 0
    middle = 1 << (8 * chunks.samples.dtype.itemsize - 1)
    for index in range(len(chunks)):
        batch, lengths = chunks.take([index])
        x = batch[0, : lengths[0]] - middle
        bits += min(len(x) * _golomb_bits(np.diff(x, order)) for order in range(min(4, len(x))))
        count += len(x)
    return bits / count


def _golomb_bits(residual: NDArray[np.int64]) -> float:
    """Bits per number: the entropy of the geometric distribution with the mean of the folded residual."""
    mean = float(np.where(residual >= 0, 2 * residual, -2 * residual - 1).mean())
    return (1 + mean) * math.log2(1 + mean) - (mean * math.log2(mean) if mean else 0.0)
