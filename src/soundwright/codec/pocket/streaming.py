"""`pocket` under the codec contract: a stream that carries its states, in pieces of any size.

Pieces change no token (see `encoder.py` and `quantizer.py`), and samples by rounding only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundwright.codec.contract import Codec, CodecInfo, StreamingDecoder, StreamingEncoder
from soundwright.codec.pocket.config import HOP, WINDOW, PocketConfig
from soundwright.codec.pocket.decoder import Decoder, DecoderState
from soundwright.codec.pocket.encoder import Encoder
from soundwright.codec.pocket.layers import Array, Tensors
from soundwright.codec.pocket.quantizer import Quantizer
from soundwright.codec.pocket.spectrum import hann_window
from soundwright.core.errors import UsageError

#: Frames that go through the network at once: enough for matrix products to be fast, few enough for a core's own cache.
_AT_ONCE = Codec.piece // HOP


class PocketCodec(Codec):
    """A loaded `pocket` codec. It looks 2 frames ahead in the encoder and 2 in the decoder, 53 ms in all.

    Args:
        config: shape of the network.
        tensors: of the network, by the names that training gives them; any dtype.
        info: facts for token files.
    """

    def __init__(self, config: PocketConfig, tensors: Tensors, info: CodecInfo) -> None:
        self.info = info
        self._encoder = Encoder(config, tensors)
        self._quantizer = Quantizer(tensors["quantizer.codebooks"])
        self._decoder = Decoder(config, tensors)

    def encoder(self, num_codebooks: int) -> PocketEncoder:
        """A fresh encoder stream.

        Raises:
            UsageError: the codec does not have that many codebooks.
        """
        if not 1 <= num_codebooks <= self.info.num_codebooks:
            raise UsageError(
                f"codec {self.info.name} has 1 to {self.info.num_codebooks} codebooks, {num_codebooks} were asked for"
            )
        return PocketEncoder(self._encoder, self._quantizer, num_codebooks)

    def decoder(self) -> PocketDecoder:
        """A fresh decoder stream."""
        return PocketDecoder(self._decoder, self._quantizer)


class PocketEncoder(StreamingEncoder):
    """One stream of audio to tokens. A frame comes out once 2 frames after it have come in."""

    def __init__(self, encoder: Encoder, quantizer: Quantizer, num_codebooks: int) -> None:
        self._encoder, self._quantizer, self._num_codebooks = encoder, quantizer, num_codebooks
        self._pending = np.zeros(HOP)  # samples that later windows still need; frame 0's window begins one hop early
        self._pasts: list[Array] | None = None
        self._num_samples = 0
        self._num_frames = 0
        self._finished = False

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Takes samples `[n]`, any n; returns the frames that are complete with their look-ahead, `[K, t]`."""
        if self._finished:
            raise UsageError("the encoder stream has ended: make a new one")
        if samples.ndim != 1:
            raise UsageError(f"expected mono samples [N], found an array of shape {samples.shape}")
        if not np.isfinite(samples).all():
            raise UsageError("the samples hold NaN or infinity", remedy="repair the recording")
        self._num_samples += len(samples)
        self._pending = np.concatenate([self._pending, samples])
        return self._frames(max(0, (len(self._pending) - WINDOW) // HOP + 1))

    def finish(self) -> NDArray[np.uint16]:
        """Ends the stream, as if silence followed; returns the remaining frames `[K, t]`."""
        if self._finished:
            raise UsageError("the encoder stream has ended: make a new one")
        self._finished = True
        missing = -(-self._num_samples // HOP) - self._num_frames
        self._pending = np.pad(self._pending, (0, max(0, WINDOW + (missing - 1) * HOP - len(self._pending))))
        return self._frames(missing)

    def _frames(self, count: int) -> NDArray[np.uint16]:
        """Encodes the next `count` windows of what is pending to `[K, count]`."""
        parts = [np.zeros((self._num_codebooks, 0), np.uint16)]
        for begin in range(0, count, _AT_ONCE):
            num_frames = min(_AT_ONCE, count - begin)
            used = self._pending[begin * HOP : begin * HOP + WINDOW + (num_frames - 1) * HOP]
            latents, self._pasts = self._encoder(used, self._pasts)
            parts.append(self._quantizer.encode(latents, self._num_codebooks))
        self._pending = self._pending[count * HOP :]
        self._num_frames += count
        return np.concatenate(parts, axis=1)


class PocketDecoder(StreamingDecoder):
    """One stream of tokens to audio. A frame's samples come out once 2 frames after it have come in."""

    def __init__(self, decoder: Decoder, quantizer: Quantizer) -> None:
        self._decoder, self._quantizer = decoder, quantizer
        self._latent: NDArray[np.float32] | None = None  # [1, latent], the newest, which waits for its successor
        self._state: DecoderState | None = None
        self._window = hann_window()
        self._tail = np.zeros((3, HOP), np.float32)  # sums of windowed pieces that are not yet certain
        self._num_codebooks = 0
        self._num_spectra = 0
        self._finished = False

    def push(self, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Takes frames `[K, t]`, any t; returns the samples that no later frame can change, `[n]`."""
        self._check(codes)
        parts = [np.zeros(0, np.float32)]
        for begin in range(0, codes.shape[1], _AT_ONCE):
            latents = self._quantizer.decode(codes[:, begin : begin + _AT_ONCE])  # [T, latent]
            if self._latent is not None:
                latents = np.concatenate([self._latent, latents])
            self._latent = latents[-1:]
            parts.append(self._synthesise(latents, last=False))
        return np.concatenate(parts)

    def finish(self) -> NDArray[np.float32]:
        """Ends the stream; returns the remaining samples `[n]`."""
        if self._finished:
            raise UsageError("the decoder stream has ended: make a new one")
        self._finished = True
        if self._latent is None:
            return np.zeros(0, np.float32)
        return self._synthesise(np.concatenate([self._latent, np.zeros_like(self._latent)]), last=True)

    def _synthesise(self, latents: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        """Latents `[t + 1, latent]` to the samples that `t` more spectra make certain, all of them at the `last`."""
        count = len(latents) - 1
        sums = np.zeros((count + 3, HOP), np.float32)  # row i: the hop of frame num_spectra + i - 1
        sums[:3] = self._tail
        if count > 0:
            pairs = np.concatenate([latents[:-1], latents[1:]], axis=1)  # [t, 2 * latent]
            spectra, self._state = self._decoder(pairs, self._state)
            pieces = np.fft.irfft(spectra, WINDOW)  # [t, 1280]
            pieces *= self._window
            for quarter in range(4):  # one window is four hops
                sums[quarter : quarter + count] += pieces[:, quarter * HOP : (quarter + 1) * HOP]
        first = self._num_spectra
        self._num_spectra += count
        self._tail = sums[count:]
        # The spectrum of frame t begins one hop before frame t: what is certain ends there, and frame -1 is dropped.
        begin = 1 if first == 0 and count > 0 else 0
        certain = sums[begin : count + (1 if last else 0)]
        certain /= self._weights(first + begin - 1, len(certain))
        return certain.reshape(-1)

    def _weights(self, frame: int, count: int) -> NDArray[np.float32]:
        """The sum of squared windows over each sample of `count` frames from `frame` on, `[count, 320]`.

        Over a frame lie the windows of the frames 2 and 1 before it, its own, and that of the next, as far as there are
        such frames.
        """
        quarters = np.square(self._window).reshape(4, HOP)
        weights = np.zeros((count, HOP), np.float32)
        for quarter in range(4):
            # the window whose quarter this is belongs to frame `frame + i + 1 - quarter`
            from_row = min(max(0, quarter - 1 - frame), count)
            to_row = min(max(0, self._num_spectra + quarter - 1 - frame), count)
            weights[from_row:to_row] += quarters[quarter]
        return weights

    def _check(self, codes: NDArray[np.uint16]) -> None:
        if self._finished:
            raise UsageError("the decoder stream has ended: make a new one")
        most, size = self._quantizer.num_codebooks, self._quantizer.codebook_size
        if codes.ndim != 2 or not 1 <= codes.shape[0] <= most:
            raise UsageError(f"expected codes [K, T] with K from 1 to {most}, found shape {codes.shape}")
        if self._num_codebooks not in (0, codes.shape[0]):
            raise UsageError(f"the stream began with {self._num_codebooks} codebooks, found {codes.shape[0]}")
        if codes.size and int(codes.max()) >= size:
            raise UsageError(f"expected codes below {size}, found {int(codes.max())}")
        self._num_codebooks = codes.shape[0]
