"""`pocket` under the codec contract: a stream that carries its states, in pieces of any size.

The encoder computes in float64. Which of two codes is nearer is then decided at 1e-13 instead of 1e-6, so tokens do not
depend on how a stream was cut into pieces, on the number of threads or on the processor, as far as that can be had.
The decoder computes in float32; pieces change its samples by rounding only.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundwright.codec.contract import Codec, CodecInfo, StreamingDecoder, StreamingEncoder
from soundwright.codec.pocket.model import HOP, WINDOW, Decoder, DecoderState, Encoder, Pocket
from soundwright.codec.quantizer import ResidualQuantizer
from soundwright.core.errors import UsageError


class PocketCodec(Codec):
    """A loaded `pocket` codec. It looks 2 frames ahead in the encoder and 2 in the decoder, 53 ms in all."""

    def __init__(self, model: Pocket, info: CodecInfo) -> None:
        self.info = info
        model = copy.deepcopy(model).eval().requires_grad_(False)
        self._decoder = model.decoder
        self._window = model.encoder.window
        self._codebooks = copy.deepcopy(model.quantizer)
        self._encoder = model.encoder.double()
        self._quantizer = model.quantizer.double()

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
        return PocketDecoder(self._decoder, self._codebooks, self._window)


class PocketEncoder(StreamingEncoder):
    """One stream of audio to tokens. A frame comes out once 2 frames after it have come in."""

    def __init__(self, encoder: Encoder, quantizer: ResidualQuantizer, num_codebooks: int) -> None:
        self._encoder, self._quantizer, self._num_codebooks = encoder, quantizer, num_codebooks
        self._pending = np.zeros(HOP)  # samples that later windows still need; frame 0's window begins one hop early
        self._past: list[Tensor] | None = None
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
        if count == 0:
            return np.zeros((self._num_codebooks, 0), np.uint16)
        used = torch.from_numpy(self._pending[: WINDOW + (count - 1) * HOP])
        with torch.inference_mode():
            latents, self._past = self._encoder(used.unfold(0, WINDOW, HOP)[None], self._past)
            codes = self._quantizer.encode(latents[0], self._num_codebooks)  # [T, K]
        self._pending = self._pending[count * HOP :]
        self._num_frames += count
        return np.ascontiguousarray(codes.numpy().T.astype(np.uint16))


class PocketDecoder(StreamingDecoder):
    """One stream of tokens to audio. A frame's samples come out once 2 frames after it have come in."""

    def __init__(self, decoder: Decoder, quantizer: ResidualQuantizer, window: Tensor) -> None:
        self._decoder, self._quantizer, self._window = decoder, quantizer, window
        self._latent: Tensor | None = None  # [1, latent], the newest, which waits for its successor
        self._state: DecoderState | None = None
        self._tail = torch.zeros(2, 3 * HOP)  # sums of windowed pieces and of squared windows, not yet certain
        self._num_codebooks = 0
        self._num_spectra = 0
        self._finished = False

    def push(self, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Takes frames `[K, t]`, any t; returns the samples that no later frame can change, `[n]`."""
        self._check(codes)
        if codes.shape[1] == 0:
            return np.zeros(0, np.float32)
        with torch.inference_mode():
            latents = self._quantizer.decode(torch.from_numpy(codes.T.astype(np.int64)))  # [T, latent]
            if self._latent is not None:
                latents = torch.cat([self._latent, latents])
            self._latent = latents[-1:]
            return self._synthesise(latents, last=False)

    def finish(self) -> NDArray[np.float32]:
        """Ends the stream; returns the remaining samples `[n]`."""
        if self._finished:
            raise UsageError("the decoder stream has ended: make a new one")
        self._finished = True
        if self._latent is None:
            return np.zeros(0, np.float32)
        with torch.inference_mode():
            return self._synthesise(torch.cat([self._latent, torch.zeros_like(self._latent)]), last=True)

    def _synthesise(self, latents: Tensor, *, last: bool) -> NDArray[np.float32]:
        """Latents `[t + 1, latent]` to the samples that `t` more spectra make certain, all of them at the `last`."""
        count = len(latents) - 1
        if count > 0:
            pairs = torch.cat([latents[:-1], latents[1:]], dim=1)[None]  # [1, t, 2 * latent]
            spectra, self._state = self._decoder(pairs, self._state)
            pieces = torch.fft.irfft(spectra[0], WINDOW) * self._window  # [t, 1280]
            sums = torch.zeros(2, (count + 3) * HOP)
            sums[:, : 3 * HOP] = self._tail
            for quarter in range(4):  # one window is four hops: each quarter of all windows lies end to end
                part = slice(quarter * HOP, (quarter + 1) * HOP)
                place = slice(quarter * HOP, (quarter + count) * HOP)
                sums[0, place] += pieces[:, part].reshape(-1)
                sums[1, place] += self._window[part].square().repeat(count)
        else:
            sums = self._tail
        # The spectrum of frame t begins one hop before frame t: what is certain ends there, and frame -1 is dropped.
        begin = HOP if self._num_spectra == 0 and count > 0 else 0
        end = (count + (1 if last else 0)) * HOP
        self._num_spectra += count
        self._tail = sums[:, count * HOP :]
        return np.asarray(sums[0, begin:end] / sums[1, begin:end])

    def _check(self, codes: NDArray[np.uint16]) -> None:
        if self._finished:
            raise UsageError("the decoder stream has ended: make a new one")
        most, size = self._quantizer.codebooks.shape[:2]
        if codes.ndim != 2 or not 1 <= codes.shape[0] <= most:
            raise UsageError(f"expected codes [K, T] with K from 1 to {most}, found shape {codes.shape}")
        if self._num_codebooks not in (0, codes.shape[0]):
            raise UsageError(f"the stream began with {self._num_codebooks} codebooks, found {codes.shape[0]}")
        if codes.size and int(codes.max()) >= size:
            raise UsageError(f"expected codes below {size}, found {int(codes.max())}")
        self._num_codebooks = codes.shape[0]
