"""What every neural codec here can do, whatever network is inside.

Audio is mono float32 `[N]` at `sample_rate`; tokens are uint16 `[K, T]`: K codebooks (coarse to fine), T frames of
`hop` samples. N samples make `T = ceil(N / hop)` frames. Encoding and decoding stream: memory does not depend on
length, and what the stream yields **is** the definition of a file's tokens and of their sound; the whole-array
`encode` and `decode` are the stream fed once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import UsageError


@dataclass(frozen=True)
class CodecInfo:
    """The facts that a token file needs to be understood later.

    Attributes:
        name: as recorded in token files, e.g. `encodec_24khz`, `pocket`.
        revision: identifies the exact weights, e.g. a release number or a digest of the weights.
        sample_rate: Hz.
        hop: samples per frame.
        num_codebooks: the most codebooks that the codec has.
        bits_per_code: log2 of the codebook size.
        licence: licence of the weights, shown to users.
    """

    name: str
    revision: str
    sample_rate: int
    hop: int
    num_codebooks: int
    bits_per_code: int
    licence: str

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop

    def codebooks_for(self, bandwidth_kbps: float) -> int:
        """The number of codebooks at a bandwidth: powers of two from 2 on, as EnCodec has them.

        Raises:
            UsageError: the bandwidth is none of this codec's.
        """
        table = {}
        num_codebooks = 2
        while num_codebooks <= self.num_codebooks:
            table[num_codebooks * self.frame_rate * self.bits_per_code / 1000] = num_codebooks
            num_codebooks *= 2
        if bandwidth_kbps not in table:
            known = ", ".join(f"{kbps:g}" for kbps in table)
            raise UsageError(
                f"codec {self.name} has no bandwidth of {bandwidth_kbps:g} kbps",
                remedy=f"use --bandwidth with one of {known}",
            )
        return table[bandwidth_kbps]


class StreamingEncoder(ABC):
    """Turns audio that arrives in pieces into tokens; one object per stream."""

    @abstractmethod
    def push(self, samples: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Takes the next samples `[n]` (any n) and returns the frames that are complete, `[K, t]` (t may be 0)."""

    @abstractmethod
    def finish(self) -> NDArray[np.uint16]:
        """Ends the stream and returns the remaining frames `[K, t]`; all together are `ceil(N / hop)` frames."""


class StreamingDecoder(ABC):
    """Turns tokens that arrive in pieces into audio; one object per stream."""

    @abstractmethod
    def push(self, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Takes the next frames `[K, t]` and returns the samples that are certain now, `[n]` (n may be 0)."""

    @abstractmethod
    def finish(self) -> NDArray[np.float32]:
        """Ends the stream and returns the remaining samples `[n]`; all together are `T * hop` samples."""


class Codec(ABC):
    """A loaded codec. Subclasses give `info`, `encoder` and `decoder`."""

    info: CodecInfo
    #: `encoder.push` works fastest on pieces of about this many samples.
    piece: ClassVar[int] = 48_000

    @abstractmethod
    def encoder(self, num_codebooks: int) -> StreamingEncoder:
        """A fresh encoder that yields the first `num_codebooks` codebooks."""

    @abstractmethod
    def decoder(self) -> StreamingDecoder:
        """A fresh decoder; the number of codebooks follows from the codes pushed."""

    def encode(self, samples: NDArray[np.float32], num_codebooks: int) -> NDArray[np.uint16]:
        """Encodes a whole array `[N]` to tokens `[K, ceil(N / hop)]`."""
        encoder = self.encoder(num_codebooks)
        parts = [encoder.push(samples[i : i + self.piece]) for i in range(0, len(samples), self.piece)]
        return np.concatenate([*parts, encoder.finish()], axis=1)

    def decode(self, codes: NDArray[np.uint16], num_samples: int | None = None) -> NDArray[np.float32]:
        """Decodes tokens `[K, T]` to audio `[T * hop]`, cut to `num_samples` where given."""
        decoder = self.decoder()
        frames = self.piece // self.info.hop
        parts = [decoder.push(codes[:, i : i + frames]) for i in range(0, codes.shape[1], frames)]
        return np.concatenate([*parts, decoder.finish()])[:num_samples]
