"""Tokens to sound, in pieces: EnCodec's decoder in memory that does not grow with duration.

The whole decode of `transformers` takes 40 MB for each second of sound. Here the first convolution and the LSTM, which
remembers everything before, go through the frames once, with their state carried from piece to piece; all that follows
only hears a frame or two on either side, so it runs over pieces with that much context, which is thrown away
afterwards. The difference from the whole decode is rounding (below 1e-6 of full scale), whatever the size of a piece.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Frames that are decoded at a time: one second, about 60 MB at the shape of MusicGen's codec.
CHUNK_FRAMES = 50
#: Fewest frames of context on either side of a piece.
_LEAST_CONTEXT = 2


class SoundDecoder:
    """Decodes tokens of one model.

    Args:
        codec: an `EncodecModel` in evaluation mode, float32, on any device. Its decoder's weight norm is folded.
        channels: channels of the model: 2 where left and right codebooks take turns and the codec is mono.

    Raises:
        BadInput: the codec normalises over time or rescales its input, so that it cannot be taken to pieces; later:
            its sound is not finite.
    """

    def __init__(self, codec: Any, channels: int) -> None:
        from soundwright.codec.encodec_layers import fold_weight_norm
        from soundwright.codec.encodec_streaming import Quantizer

        config = codec.config
        require_pieces(config)
        fold_weight_norm(codec.decoder)
        self._whole: nn.Module = codec.decoder
        layers = list(codec.decoder.layers)
        self._first, self._recurrent, self._tail = layers[0], layers[1], layers[2:]
        self._quantizer = Quantizer(codec.quantizer)
        self._device = self._quantizer.books[0].device
        self._streams = 2 if channels == 2 and config.audio_channels == 1 else 1
        self.hop = math.prod(config.upsampling_ratios)
        self.context = max(_LEAST_CONTEXT, math.ceil(_reach(self._tail)))

    def pieces(
        self, codes: NDArray[np.integer[Any]], *, chunk_frames: int = CHUNK_FRAMES
    ) -> Iterator[NDArray[np.float32]]:
        """Yields the sound of codes in order.

        Args:
            codes: `[K, T]`; in stereo the left channel's codebooks are those with even numbers.
            chunk_frames: frames at a time, at least 1; decides memory and speed, not the sound.

        Yields:
            Float32 `[C, n]`; `T * hop` samples per channel in all.
        """
        import torch

        num_frames = codes.shape[1]
        with torch.inference_mode():
            if num_frames <= max(chunk_frames, sum(self._reach_of_first()) + 1):
                if num_frames:
                    yield self._numpy(self._whole(self._embed(codes)))
                return
            remembered: tuple[Tensor, Tensor] | None = None
            ready: Tensor | None = None  # after the LSTM, from frame `begin` on
            begin = done = 0  # frames that have left the LSTM: begin + columns of ready
            for start in range(0, num_frames, chunk_frames):
                end = min(num_frames, start + chunk_frames)
                ahead = min(num_frames, end + self.context)
                if ahead > done:
                    x, remembered = self._recur(codes, done, ahead, remembered)
                    ready = x if ready is None else torch.cat([ready, x], dim=-1)
                    done = ahead
                assert ready is not None
                y = ready
                for layer in self._tail:
                    y = layer(y)
                yield self._numpy(y[..., (start - begin) * self.hop : (end - begin) * self.hop])
                keep = max(begin, end - self.context)
                ready, begin = ready[..., keep - begin :].clone(), keep

    def _embed(self, codes: NDArray[np.integer[Any]]) -> Tensor:
        """The sums of the entries that codes name, one row for each stream: `[1 or 2, D, t]`."""
        import torch

        indices = torch.from_numpy(codes.astype(np.int64)).to(self._device)
        return torch.cat([self._quantizer.decode(indices[i :: self._streams]) for i in range(self._streams)])

    def _recur(
        self, codes: NDArray[np.integer[Any]], start: int, end: int, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Frames `start` to `end` through the first convolution and the LSTM: `[1 or 2, D, end - start]`."""
        from torch.nn import functional as F

        before, after = self._reach_of_first()
        right = min(codes.shape[1], end + after)
        # What is reflected at the end must be there, however short the last piece.
        left = max(0, min(start - before, right - after - 1))
        x = self._embed(codes[:, left:right])
        padding = (max(0, before - start), after - (right - end))
        if any(padding):  # only where the sound begins and ends
            x = F.pad(x, padding, mode=self._first.pad_mode)
        columns = self._first.conv(x).permute(2, 0, 1)[-(end - start) :]
        y, state = self._recurrent.lstm(columns, state)
        return cast("Tensor", y + columns).permute(1, 2, 0), cast("tuple[Tensor, Tensor]", state)

    def _reach_of_first(self) -> tuple[int, int]:
        """Frames before and after a frame that the first convolution hears."""
        total = int(self._first.padding_total)
        after = 0 if self._first.causal else total // 2
        return total - after, after

    def _numpy(self, sound: Tensor) -> NDArray[np.float32]:
        """`[1 or 2, C, n]` to `[C, n]`: two mono streams are the two channels."""
        flat = sound.flatten(0, 1).cpu().numpy().astype(np.float32, copy=False)
        if not np.isfinite(flat).all():
            raise BadInput(
                "the codec makes no finite numbers of the tokens: its weights are damaged",
                remedy="copy or download the checkpoint again (`soundwright music preload`)",
            )
        return flat


def require_pieces(config: Any) -> None:
    """Checks that a codec can work in pieces.

    Args:
        config: an `EncodecConfig`.

    Raises:
        BadInput: it normalises over time or rescales its input.
    """
    if config.norm_type != "weight_norm" or config.normalize:
        raise BadInput(
            "its codec normalises over time, so it cannot be decoded in pieces, nor encoded",
            remedy="use a model whose EnCodec has norm_type weight_norm and normalize false",
        )


def _reach(layers: list[Any]) -> float:
    """How many frames on either side of its own frame a sample hears through layers."""
    reach, rate = 0.0, 1.0  # columns per frame
    for layer in layers:
        match type(layer).__name__:
            case "EncodecConvTranspose1d":
                reach += (layer.conv.kernel_size[0] / layer.conv.stride[0] - 1) / rate
                rate *= layer.conv.stride[0]
            case "EncodecConv1d":
                reach += int(layer.padding_total) / (1 if layer.causal else 2) / rate
            case "EncodecResnetBlock":
                reach += _reach(list(layer.block)) / rate
    return reach
