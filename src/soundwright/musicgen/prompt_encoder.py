"""A recording to tokens, in pieces: EnCodec's encoder in memory that does not grow with duration.

The whole encoding of `transformers` takes 35 MB for each second of sound. Here the convolutions before the LSTM, which
hear less than two frames on either side, run over pieces with that much context, which is thrown away afterwards; the
LSTM, which remembers everything before, goes through the frames once, with its state carried; the last convolution
hears three frames on either side, so the LSTM is that much ahead of it.

Only where two entries of a codebook are as near as rounding can tell (1e-6 of the distance) could a token differ from
the whole encoding, since kernels may sum in another order over another number of columns. Pieces are long enough
(`CHUNK_FRAMES`, see `codec.encodec_layers`) that on a CPU they do not, and their size is no option: tokens do not
depend on how much memory there is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.musicgen.sound import require_pieces

if TYPE_CHECKING:
    from torch import Tensor

#: Frames that are encoded at a time; the last piece has half of this to one and a half.
CHUNK_FRAMES = 64


class PromptEncoder:
    """Encodes recordings for one model.

    Args:
        codec: an `EncodecModel` in evaluation mode, float32, on any device. Its encoder's weight norm is folded.

    Raises:
        BadInput: the codec normalises over time or rescales its input, so that it cannot be taken to pieces.
    """

    def __init__(self, codec: Any) -> None:
        from soundwright.codec.encodec_layers import fold_weight_norm

        require_pieces(codec.config)
        fold_weight_norm(codec.encoder)
        self._codec = codec
        layers = list(codec.encoder.layers)
        recurrent = [type(layer).__name__ for layer in layers].index("EncodecLSTM")
        self._fine, self._recurrent = layers[:recurrent], layers[recurrent]
        self._between, self._last = layers[recurrent + 1 : -1], layers[-1]
        self.hop = math.prod(codec.config.upsampling_ratios)
        #: Frames on either side that a frame before the LSTM hears.
        self.context = math.ceil(_reach(self._fine)[0] / self.hop)
        total = int(self._last.padding_total)
        self._after = 0 if self._last.causal else total // 2
        self._before = total - self._after

    def codes(self, samples: NDArray[np.float32], *, chunk_frames: int = CHUNK_FRAMES) -> NDArray[np.int16]:
        """Tokens int16 `[K, T]` of samples `[N]`, as of the whole encoding.

        Args:
            samples: at the codec's rate, at least one.
            chunk_frames: frames at a time, at least 1.

        Raises:
            BadInput: the codec makes no finite numbers of the samples.
        """
        import torch

        num_frames = -(-len(samples) // self.hop)
        # The first piece must reach over its own reflection.
        shortest = max(self._before + self._after, 2 * self.context) + 1
        ends = _ends(num_frames, chunk_frames) if num_frames > shortest else [num_frames]
        with torch.inference_mode():
            if len(ends) == 1:
                return self._quantized(self._codec.encoder(self._tensor(samples)))
            found: list[NDArray[np.int16]] = []
            remembered: tuple[Tensor, Tensor] | None = None
            ready: Tensor | None = None  # after the LSTM, from frame `begin` on
            begin = start = done = 0  # frames that have left the LSTM: begin + columns of ready
            for end in ends:
                ahead = min(num_frames, end + self._after)
                if ahead > done:
                    x, remembered = self._recur(samples, done, ahead, remembered)
                    ready = x if ready is None else torch.cat([ready, x], dim=-1)
                    done = ahead
                assert ready is not None
                found.append(self._quantized(self._finish(ready, start - begin, end - begin)))
                keep = max(begin, end - self._before)
                ready, begin, start = ready[..., keep - begin :].clone(), keep, end
        return np.concatenate(found, axis=1)

    def _recur(
        self, samples: NDArray[np.float32], start: int, end: int, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Frames `start` to `end` up to and with the LSTM: `[1, D, end - start]`."""
        left = max(0, start - self.context)
        x = self._tensor(samples[left * self.hop : (end + self.context) * self.hop])
        for layer in self._fine:
            x = layer(x)
        columns = x[..., start - left : end - left].permute(2, 0, 1)  # [t, 1, D]
        y, state = self._recurrent.lstm(columns, state)
        return cast("Tensor", y + columns).permute(1, 2, 0), cast("tuple[Tensor, Tensor]", state)

    def _finish(self, ready: Tensor, start: int, end: int) -> Tensor:
        """Embeddings `[1, D, end - start]` of columns of `ready`, which ends where the sound does or far enough on."""
        from torch.nn import functional as F

        left, right = max(0, start - self._before), min(ready.shape[-1], end + self._after)
        x = ready[..., left:right]
        for layer in self._between:
            x = layer(x)
        padding = (self._before - (start - left), self._after - (right - end))
        if any(padding):  # only where the sound begins and ends
            x = F.pad(x, padding, mode=self._last.pad_mode)
        return cast("Tensor", self._last.conv(x))

    def _quantized(self, embeddings: Tensor) -> NDArray[np.int16]:
        """The nearest entries `[K, t]` of embeddings `[1, D, t]`."""
        if not bool(embeddings.isfinite().all()):
            raise BadInput(
                "the codec makes no finite numbers of the recording",
                remedy="check the recording; else the weights are damaged: copy or download the checkpoint again "
                "(`soundwright music preload`)",
            )
        codes = self._codec.quantizer.encode(embeddings, self._codec.config.target_bandwidths[0])[:, 0]
        found: NDArray[np.int16] = codes.cpu().numpy().astype(np.int16)
        return found

    def _tensor(self, samples: NDArray[np.float32]) -> Tensor:
        """`[n]` to `[1, 1, n]` on the codec's device."""
        import torch

        # A copy: inference must not depend on an array that is read-only or not contiguous.
        return torch.from_numpy(np.array(samples, dtype=np.float32)).to(self._codec.device)[None, None]


def _ends(num_frames: int, chunk_frames: int) -> list[int]:
    """Where pieces end; the last one takes a short rest with it.

    >>> _ends(10, 4), _ends(9, 4), _ends(3, 4)
    ([4, 8, 10], [4, 9], [3])
    """
    count = max(1, (2 * num_frames + chunk_frames) // (2 * chunk_frames))
    return [*(chunk_frames * i for i in range(1, count)), num_frames]


def _reach(layers: list[Any], spacing: int = 1) -> tuple[int, int]:
    """How many samples on either side a column after `layers` hears, and the samples from a column to the next."""
    reach = 0
    for layer in layers:
        match type(layer).__name__:
            case "EncodecConv1d":
                reach += int(layer.padding_total) * spacing
                spacing *= layer.conv.stride[0]
            case "EncodecResnetBlock":
                reach += _reach(list(layer.block), spacing)[0]
    return reach, spacing
