"""A stand-in for the codec: quick to load and to run, so that tests of archives test archives."""

from __future__ import annotations

import zlib
from types import ModuleType

import numpy as np
from numpy.typing import NDArray


class StandIn(ModuleType):
    """Differences, deflated byte plane by byte plane. The tests count its calls, and tell it to fail."""

    REVISION = 1
    BLOCK_SAMPLES = 1 << 15

    def __init__(self) -> None:
        super().__init__("soundwright.lossless.coding")
        self.encoded: list[tuple[tuple[int, int], int]] = []
        self.decoded = 0
        self.wrong = False
        self.fault: Exception | None = None

    def encode_block(self, samples: NDArray[np.int32], bits: int) -> bytes:
        assert samples.dtype == np.int32
        assert bits in (8, 16, 24, 32)
        assert samples.flags.c_contiguous
        assert not samples.size or -(1 << bits - 1) <= samples.min() <= samples.max() < 1 << bits - 1
        self.encoded.append((samples.shape, bits))
        planes = np.diff(samples, axis=1, prepend=np.int32(0)).astype("<i4").reshape(-1).view(np.uint8).reshape(-1, 4).T
        return zlib.compress(planes.tobytes(), 6)

    def decode_block(self, data: bytes, channels: int, num_samples: int, bits: int) -> NDArray[np.int32]:
        self.decoded += 1
        if self.fault:
            raise self.fault
        inflater = zlib.decompressobj()
        try:
            raw = inflater.decompress(data, 4 * channels * num_samples + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        differences = np.frombuffer(raw, np.uint8).reshape(4, -1).T.copy().view("<i4").reshape(channels, num_samples)
        return np.cumsum(differences, axis=1, dtype=np.int32) + np.int32(self.wrong)
