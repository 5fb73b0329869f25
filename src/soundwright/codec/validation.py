"""How well a codec in training does on recordings that it does not train on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_SAMPLE_RATE = 24_000


def validation(
    excerpts: list[NDArray[np.float32]], decode: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> dict[str, float]:
    """Mean mel distance (dB) and SI-SDR (dB) of held-out excerpts, each `[N]`, after `decode`; `{}` without any."""
    from soundwright.audio.quality import mel_distance_db, si_sdr_db

    if not excerpts:
        return {}
    pairs = [(x, decode(x)) for x in excerpts]
    return {
        "mel_distance_db": float(np.mean([mel_distance_db(x, y, _SAMPLE_RATE) for x, y in pairs])),
        "si_sdr_db": float(np.mean([si_sdr_db(x, y) for x, y in pairs if np.any(x)] or [0.0])),
    }


def loudest_excerpt(samples: NDArray[np.float32], duration_s: float = 5.0) -> NDArray[np.float32]:
    """The loudest of a recording's `duration_s` stretches."""
    width = int(duration_s * _SAMPLE_RATE)
    starts = range(0, max(1, len(samples) - width + 1), width)
    return max((samples[s : s + width] for s in starts), key=lambda part: float(np.sum(part**2)))
