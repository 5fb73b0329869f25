"""The loop over the samples of one or two channels, the same function in both directions."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.lossless.cascade import Cascade, Settings, predict, update
from soundwright.lossless.cascade_deep import Deep, DeepSettings, predict_deep, update_deep
from soundwright.lossless.mixture import Density, Tables, code_sample, code_sample_deep
from soundwright.lossless.range_coder import LIMIT, POSITION
from soundwright.runs.compiled import kernel

_PAST_THE_END = 16  # bytes that a sound stream never needs


def _digest_of_the_sources() -> int:
    """Numba's cache of a kernel looks at the kernel's own file only, but what it calls is compiled into it."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    kernels = [file for file in sources if file.stem.startswith(("cascade", "mixture", "range_coder", "tables"))]
    return zlib.crc32(b"".join(file.read_bytes() for file in kernels))


def _compiled(digest: int) -> Callable[..., Any]:
    """The kernel of these sources; compiled at its first call, then taken from the cache."""

    @kernel
    def code_channels(
        samples: NDArray[np.int64],
        limits: NDArray[np.int64],
        settings: Settings,
        cascade: Cascade,
        density: Density,
        lookup: Tables,
        coder: NDArray[np.int64],
        data: NDArray[np.uint8],
    ) -> bool:
        if digest < 0:  # never; but what a kernel refers to is part of its key in the cache
            return False
        num, length = samples.shape
        for t in range(length):
            for c in range(num):
                predict(settings, cascade, c, t)
                value = code_sample(
                    coder, data, samples[c, t], c, num, cascade.centres[c], limits[c, 0], limits[c, 1], density, lookup
                )
                samples[c, t] = value
                update(settings, cascade, c, t, value)
            if coder[POSITION] > coder[LIMIT] + _PAST_THE_END:
                return False
        return True

    return code_channels


def _compiled_deep(digest: int) -> Callable[..., Any]:
    """The kernel for one channel and the deep cascade; else like the other."""

    @kernel
    def code_channel(
        samples: NDArray[np.int64],
        limits: NDArray[np.int64],
        settings: DeepSettings,
        cascade: Deep,
        density: Density,
        lookup: Tables,
        coder: NDArray[np.int64],
        data: NDArray[np.uint8],
    ) -> bool:
        if digest < 0:
            return False
        low, high = limits[0, 0], limits[0, 1]
        for t in range(samples.shape[1]):
            predict_deep(settings, cascade, t)
            value = code_sample_deep(coder, data, samples[0, t], 0, 1, cascade.centres[0], low, high, density, lookup)
            samples[0, t] = value
            update_deep(settings, cascade, t, value)
            if coder[POSITION] > coder[LIMIT] + _PAST_THE_END:
                return False
        return True

    return code_channel


_code_channels = _compiled(_digest_of_the_sources())
_code_channel = _compiled_deep(_digest_of_the_sources())


def code_channels(
    samples: NDArray[np.int64],
    limits: NDArray[np.int64],
    settings: Settings | DeepSettings,
    cascade: Cascade | Deep,
    density: Density,
    lookup: Tables,
    coder: NDArray[np.int64],
    data: NDArray[np.uint8],
) -> bool:
    """Encodes `samples` `[P, N]`, or decodes them in place, as the coder's state says; the lock of Python is released.

    Args:
        samples: read when encoding, written in any case.
        limits: smallest and largest value of each channel `[P, 2]`.
        settings: of the cascade; a deep one takes one channel.
        cascade: fresh state.
        density: fresh state.
        lookup: tables.
        coder: the range coder's state, goes on from channel pair to channel pair.
        data: its buffer.

    Returns:
        False when the buffer is full (encoding) or used up (decoding); the rest was not touched.
    """
    kernel = _code_channel if isinstance(settings, DeepSettings) else _code_channels
    return bool(kernel(samples, limits, settings, cascade, density, lookup, coder, data))
