"""A recording on its way to 16 bit: its channels, its rate, and what was lost on the way."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.core.units import db_from_amplitude
from soundwright.corpus.mono import Mono, cancelled, channels_cancel, column_of, to_mono

if TYPE_CHECKING:
    from soundwright.audio.files import AudioReader

#: Bytes of input that take a worker longer than starting it does: 20 s of compressed sound take as long as 200 s of
#: WAV, so this lies between the two.
WORKER_PAYS_AFTER = 20_000_000


class Rendering:
    """Turns an open recording into 16-bit samples, piece by piece, in bounded memory.

    16-bit samples that are neither mixed nor resampled pass bit for bit.

    Attributes:
        sample_rate: Hz, of what comes out.
        channels: of what comes out.
        num_clipped: samples that exceeded full scale and were cut off, so far.
        peak: the largest absolute sample before that, so far; full scale is 1.0.
    """

    def __init__(self, reader: AudioReader, sample_rate: int | None, mono: Mono | None) -> None:
        """Begins.

        Args:
            reader: the recording.
            sample_rate: Hz; by default the recording's own.
            mono: how its channels become one; by default they stay as they are.
        """
        info = reader.info
        self._reader = reader
        # One channel is that channel, whichever is asked for.
        self._mono: Mono | None = "left" if info.channels == 1 else mono
        self.sample_rate = sample_rate or info.sample_rate
        self.channels = info.channels if self._mono is None else 1
        self.num_clipped = 0
        self.peak = 0.0
        self._mix_rms = 0.0

    def pieces(self) -> Iterator[NDArray[np.int16]]:
        """Yields the samples as int16 `[n, C]`.

        Raises:
            BadInput: the file is cut short, has NaN or infinite samples, or its channels cancel when mixed.
        """
        info = self._reader.info
        if info.subtype == "PCM_16" and info.sample_rate == self.sample_rate and self._mono != "mix":
            # By way of float some samples would come out one step off.
            chosen = slice(None) if self._mono is None else [column_of(self._mono, info.channels)]
            yield from (piece[:, chosen] for piece in self._reader.stored_pieces())
            return
        yield from map(self._sixteen_bit, self._floats())
        if self._mono == "mix" and channels_cancel(self._reader.path, self._mix_rms):
            raise cancelled(self._reader.path)

    def warnings(self) -> tuple[str, ...]:
        """What the user should know, once all pieces have been taken."""
        if not self.num_clipped:
            return ()
        excess_db = float(db_from_amplitude(self.peak))
        samples = "1 sample exceeds" if self.num_clipped == 1 else f"{self.num_clipped} samples exceed"
        return (f"{samples} full scale by up to {excess_db:.2g} dB; cut off",)

    def _floats(self) -> Iterator[NDArray[np.float32]]:
        """The samples `[n, C]` at the wanted rate."""
        from soundwright.audio.resample import resample_pieces

        rates = (self._reader.info.sample_rate, self.sample_rate)
        pieces = self._reader.pieces()
        if self._mono is not None:
            singles = self._singles(pieces, self._mono)
            return (piece[:, None] for piece in resample_pieces(singles, *rates))
        if rates[0] == rates[1]:
            return pieces
        channels = [resample_pieces(column, *rates) for column in _columns(pieces, self.channels)]
        return (np.stack(parts, axis=1) for parts in zip(*channels, strict=True))

    def _singles(self, pieces: Iterable[NDArray[np.float32]], mono: Mono) -> Iterator[NDArray[np.float32]]:
        for piece in pieces:
            single = np.ascontiguousarray(to_mono(piece, mono))
            if mono == "mix":
                self._mix_rms = max(self._mix_rms, math.sqrt(float(np.dot(single, single)) / len(single)))
            yield single

    def _sixteen_bit(self, piece: NDArray[np.float32]) -> NDArray[np.int16]:
        from soundwright.audio.files import sixteen_bit

        if piece.size == 0:
            return np.zeros(piece.shape, np.int16)
        peak = float(max(piece.max(), -piece.min()))
        if not math.isfinite(peak):
            raise BadInput(
                "has samples that are NaN or infinite", path=self._reader.path, remedy="repair or leave out the file"
            )
        if peak > 1.0:
            self.peak = max(self.peak, peak)
            self.num_clipped += int(np.count_nonzero(np.abs(piece) > 1.0))
        return sixteen_bit(piece)


def _columns(pieces: Iterator[NDArray[np.float32]], channels: int) -> list[Iterator[NDArray[np.float32]]]:
    """The channels `[n]` of pieces `[n, C]`, to be taken in step: then no more than a piece waits."""
    # Not `itertools.tee`: it lets go of what all have taken 57 pieces at a time.
    waiting: list[deque[NDArray[np.float32]]] = [deque() for _ in range(channels)]

    def column(number: int) -> Iterator[NDArray[np.float32]]:
        while True:
            if not waiting[number]:
                piece = next(pieces, None)
                if piece is None:
                    return
                for queue, single in zip(waiting, piece.T, strict=True):
                    queue.append(np.ascontiguousarray(single))
            yield waiting[number].popleft()

    return [column(number) for number in range(channels)]
