"""One column as a CUDA graph: a GPU's kernels for it take less time than a CPU needs to ask for them one by one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from soundwright.musicgen.cache import Cache
from soundwright.musicgen.decoder import Decoder

#: Columns that run before the recording, so that libraries have chosen their kernels and taken their memory.
_WARM_UP = 3


def stepper(decoder: Decoder, cache: Cache) -> Callable[[Tensor], Tensor]:
    """What makes logits `[R, K, V]` of the next column `[R, K, 1]`, after the first columns are in the cache.

    On a GPU it is recorded and played; on other devices, and where the decoder is sharded, it is the decoder.
    """
    if not decoder.device.startswith("cuda") or decoder.sharded:
        return lambda codes: decoder(codes, cache)
    return Recorded(decoder, cache)


class Recorded:
    """A recorded column. Its logits are overwritten by the next one."""

    def __init__(self, decoder: Decoder, cache: Cache) -> None:
        self.cache, self.graph = cache, torch.cuda.CUDAGraph()
        rows = cache.layers[0].keys.shape[0]
        self.codes = torch.zeros(rows, decoder.config.num_codebooks, 1, dtype=torch.long, device=decoder.device)
        cache.pin()
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            # They write where the next column will write again.
            for _ in range(_WARM_UP):
                decoder(self.codes, cache)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(self.graph):
            self.logits: Tensor = decoder(self.codes, cache)

    def __call__(self, codes: Tensor) -> Tensor:
        """Codes `[R, K, 1]` to logits `[R, K, V]`."""
        self.codes.copy_(codes)
        self.graph.replay()
        self.cache.advance(1)
        return self.logits
