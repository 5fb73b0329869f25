"""EnCodec over audio that arrives in pieces: the definition of a file's tokens.

Two sizes of piece, measured (docs/encode-speed.md): the layers at high rates run in *strips* small enough for the
processor's own cache, the deep layers and the LSTM in *tiles* long enough that preparing their 16 MB of weights does
not count. Where pieces begin depends on the sound's length alone, never on how it was pushed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from soundwright.codec.contract import StreamingDecoder, StreamingEncoder
from soundwright.codec.encodec_layers import Layer, run_layers, stream_layers

#: Frames in a tile. A multiple of 64, because torch sums the squares of 64 columns at a time and rounds the rest of a
#: row in another order. The last tile has half of this to one and a half: never so short that other kernels take over.
TILE_FRAMES = 512
#: Frames' worth of samples in a strip: 8 columns each at the lowest rate of the strips, so a multiple of 4 keeps
#: `encodec_layers._VECTOR_COLUMNS` at every rate.
STRIP_FRAMES = 48
#: Layers run in strips until (or from) this much reduction of the sample rate.
_STRIP_REDUCTION = 40


class Quantizer:
    """EnCodec's residual vector quantiser with what it can prepare once; shared by all streams of a codec."""

    def __init__(self, module: nn.Module) -> None:
        self.books: list[Tensor] = [layer.codebook.embed for layer in module.layers]  # type: ignore[union-attr]
        # Doubling is exact in binary, so doubling the book instead of the product changes no bit.
        self._doubled = [2 * book.t() for book in self.books]
        self._squares = [book.t().pow(2).sum(0, keepdim=True) for book in self.books]

    def encode(self, embeddings: Tensor, num_codebooks: int) -> Tensor:
        """The nearest entries of embeddings `[1, D, T]` as codes int64 `[K, T]`.

        transformers takes the maximum of `-(x² - 2xe + e²)`. This takes the minimum without the sign, in the same
        operations, order and memory layout, so that ties and roundings fall alike.
        """
        size = embeddings.shape[-1]
        codes = torch.empty(num_codebooks, size, dtype=torch.int64, device=embeddings.device)
        distance = embeddings.new_empty(size, self.books[0].shape[0])
        residual = embeddings
        for k in range(num_codebooks):
            x = residual[0].t()
            torch.mm(x, self._doubled[k], out=distance)
            torch.sub(x.pow(2).sum(1, keepdim=True), distance, out=distance)
            distance.add_(self._squares[k])
            codes[k] = _first_minimum(distance)
            if k + 1 < num_codebooks:
                residual = residual - F.embedding(codes[k], self.books[k]).t()[None]
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """The sum of the entries that codes `[K, T]` name, `[1, D, T]`."""
        total = F.embedding(codes[0], self.books[0])
        for book, indices in zip(self.books[1:], codes[1:], strict=False):
            total = total + F.embedding(indices, book)
        return total.t()[None].contiguous()


def _first_minimum(distance: Tensor) -> Tensor:
    """The column of each row's least entry, the first where several are equal: `[T, size]` to int64 `[T]`."""
    if distance.device.type != "cpu":
        return distance.argmin(dim=1)
    # torch's argmin takes eleven times as long (2.13, one thread).
    return torch.from_numpy(distance.numpy().argmin(axis=1))


class EncodecEncoder(StreamingEncoder):
    """One stream of audio to tokens; tokens equal transformers' whole-file pass on one thread, bit for bit.

    It computes on one thread whatever torch is set to; a folder is spread over processes.

    Args:
        encoder: the `encoder` of an `EncodecModel` whose weight norm is folded.
        quantizer: the codec's quantiser.
        num_codebooks: K.
        hop: samples per frame.
    """

    def __init__(self, encoder: nn.Module, quantizer: Quantizer, num_codebooks: int, hop: int) -> None:
        modules = list(encoder.layers)  # type: ignore[arg-type]
        split = _split_after_reduction(modules)
        self._fine = stream_layers(modules[:split])
        self._coarse = stream_layers(modules[split:])
        self._quantizer = quantizer
        self._num_codebooks = num_codebooks
        self._tile = TILE_FRAMES * hop
        self._strip = STRIP_FRAMES * hop
        self._device = quantizer.books[0].device
        self._pending: list[NDArray[np.float32]] = []
        self._num_pending = 0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Takes samples `[n]`, returns complete frames `[K, t]`; see `StreamingEncoder.push`."""
        parts = []
        # Copied: the caller may reuse its buffer before the tile is full.
        self._pending.append(np.array(samples, dtype=np.float32))
        self._num_pending += len(samples)
        if 2 * self._num_pending >= 3 * self._tile:
            waiting = self._take_pending()
            start = 0
            while 2 * (len(waiting) - start) >= 3 * self._tile:
                parts.append(self._encode(waiting[start : start + self._tile], last=False))
                start += self._tile
            self._pending, self._num_pending = [waiting[start:]], len(waiting) - start
        return np.concatenate([self._no_frames(), *parts], axis=1)

    def finish(self) -> NDArray[np.uint16]:
        """Ends the stream: the remaining frames `[K, t]`."""
        waiting = self._take_pending()
        return self._encode(waiting, last=True) if len(waiting) else self._no_frames()

    def _take_pending(self) -> NDArray[np.float32]:
        waiting = np.concatenate(self._pending) if self._pending else np.zeros(0, np.float32)
        self._pending, self._num_pending = [], 0
        return waiting

    def _no_frames(self) -> NDArray[np.uint16]:
        return np.zeros((self._num_codebooks, 0), np.uint16)

    def _encode(self, samples: NDArray[np.float32], *, last: bool) -> NDArray[np.uint16]:
        with torch.inference_mode(), _one_thread():
            codes = self._quantizer.encode(self._embed(samples, last=last), self._num_codebooks)
            return codes.cpu().numpy().astype(np.uint16)

    def _embed(self, samples: NDArray[np.float32], *, last: bool) -> Tensor:
        """The tile's embeddings `[1, D, T]`."""
        x = torch.from_numpy(samples).to(self._device)[None, None]
        strips = _run_in_strips(self._fine, x, self._strip, last=last)
        return run_layers(self._coarse, strips, last=last)


class EncodecDecoder(StreamingDecoder):
    """One stream of tokens to audio; equal to the whole decode up to rounding.

    Frames sound as soon as they are pushed, except the first few, whose reflection needs `kernel` of them.

    Args:
        decoder: the `decoder` of an `EncodecModel` whose weight norm is folded.
        quantizer: the codec's quantiser.
    """

    def __init__(self, decoder: nn.Module, quantizer: Quantizer) -> None:
        modules = list(decoder.layers)  # type: ignore[arg-type]
        split = _split_before_reduction(modules)
        self._coarse = stream_layers(modules[:split])
        self._fine = stream_layers(modules[split:])
        self._quantizer = quantizer
        self._first_frames = modules[0].conv.kernel_size[0]
        self._started = False
        self._pending = np.zeros((0, 0), np.uint16)

    def push(self, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Takes frames `[K, t]`, returns samples `[n]`; see `StreamingDecoder.push`."""
        waiting = np.concatenate([self._pending, codes], axis=1) if self._pending.size else codes
        if not waiting.shape[1] or (not self._started and waiting.shape[1] < self._first_frames):
            self._pending = waiting.copy()
            return np.zeros(0, np.float32)
        self._pending = np.zeros((0, 0), np.uint16)
        parts, size = [], waiting.shape[1]
        while size:
            # The first piece must reach over its own reflection, so a short rest goes with the piece before it.
            take = TILE_FRAMES if size >= 2 * TILE_FRAMES else size
            parts.append(self._decode(waiting[:, :take], last=False))
            waiting, size = waiting[:, take:], size - take
        return np.concatenate(parts)

    def finish(self) -> NDArray[np.float32]:
        """Ends the stream: the samples `[n]` of a sound too short to have started."""
        if not self._pending.size:
            return np.zeros(0, np.float32)
        waiting, self._pending = self._pending, np.zeros((0, 0), np.uint16)
        return self._decode(waiting, last=True)

    def _decode(self, codes: NDArray[np.uint16], *, last: bool) -> NDArray[np.float32]:
        self._started = True
        device = self._quantizer.books[0].device
        with torch.inference_mode():
            indices = torch.from_numpy(codes.astype(np.int64)).to(device)
            x = run_layers(self._coarse, self._quantizer.decode(indices), last=last)
            strip = max(64, x.shape[-1] * STRIP_FRAMES // codes.shape[1])
            sound = _run_in_strips(self._fine, x, strip, last=last)
            return sound[0, 0].cpu().numpy().astype(np.float32, copy=False)


@contextmanager
def _one_thread() -> Iterator[None]:
    """With more threads torch divides its sums otherwise: transformers then flips up to 4 % of 32-codebook tokens."""
    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)


def _run_in_strips(layers: list[Layer], x: Tensor, strip: int, *, last: bool) -> Tensor:
    """Passes columns `[1, C, n]` through layers, `strip` columns at a time; the last takes the rest with it."""
    count = max(1, x.shape[-1] // strip)
    parts = []
    for index in range(count):
        end = x.shape[-1] if index + 1 == count else (index + 1) * strip
        piece = x[..., index * strip : end]
        parts.append(run_layers(layers, piece, last=last and index + 1 == count))
    return parts[0] if count == 1 else torch.cat(parts, dim=-1)


def _split_after_reduction(modules: list[nn.Module]) -> int:
    """How many of an encoder's modules run until the rate is reduced `_STRIP_REDUCTION` times."""
    reduction = 1
    for index, module in enumerate(modules):
        reduction *= _stride(module)
        if reduction >= _STRIP_REDUCTION:
            return index + 1
    return len(modules)


def _split_before_reduction(modules: list[nn.Module]) -> int:
    """How many of a decoder's modules run before at most `_STRIP_REDUCTION` of upsampling is left."""
    left = math.prod(_stride(module) for module in modules)
    for index, module in enumerate(modules):
        if left <= _STRIP_REDUCTION:
            return index
        left //= _stride(module)
    return len(modules)


def _stride(module: nn.Module) -> int:
    conv = getattr(module, "conv", None)
    return 1 if conv is None else int(conv.stride[0])
