"""Keys and values of what has been heard so far: memory that is taken once and filled from the front."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class LayerCache:
    """One block's self-attention memory of R rows, and the keys and values of the texts of the first rows.

    Keys are `[R, H, T, E]` and values are kept transposed, `[R, H, E, T]`: with one query both products then read
    memory in its order, which is what the time of a late column goes into.

    Args:
        cache: knows how much of it is filled.
        shape: (R, H, T, E) with the largest T.
        dtype: of keys and values.
        device: a torch device.
    """

    def __init__(self, cache: Cache, shape: tuple[int, int, int, int], dtype: torch.dtype, device: str) -> None:
        rows, heads, columns, features = shape
        self.cache = cache
        # Zeros and not what memory held: a recorded step multiplies the columns that are not there yet by nothing.
        self.keys = torch.zeros(shape, dtype=dtype, device=device)  # [R, H, T, E]
        self.values = torch.zeros(rows, heads, features, columns, dtype=dtype, device=device)  # [R, H, E, T]
        self.texts: list[tuple[Tensor, Tensor]] = []  # of each row that has a text: [H, E, L], [H, L, E]

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Takes `[R, H, n, E]` each; gives all keys `[R, H, t, E]` and values `[R, H, E, t]` so far.

        Where the place of a column is a tensor, t is the largest T, and `Cache.hidden` tells what is not there yet.
        """
        place = self.cache.place
        if place is not None:
            self.keys.index_copy_(2, place, keys.to(self.keys.dtype))
            self.values.index_copy_(3, place, values.transpose(2, 3).to(self.values.dtype))
            return self.keys, self.values
        first, end = self.cache.length, self.cache.length + keys.shape[2]
        self.keys[:, :, first:end] = keys
        self.values[..., first:end] = values.transpose(2, 3)
        return self.keys[:, :, :end], self.values[..., :end]


class Cache:
    """The memory of all blocks.

    Args:
        num_layers: blocks.
        shape: (R, H, T, E) with the largest T.
        dtype: of keys and values.
        device: a torch device.
    """

    def __init__(self, num_layers: int, shape: tuple[int, int, int, int], dtype: torch.dtype, device: str) -> None:
        self.layers = [LayerCache(self, shape, dtype, device) for _ in range(num_layers)]
        self.length = 0  # columns heard so far
        self.place: Tensor | None = None  # [1]: of the next column, where it has to be a tensor
        self._columns = torch.arange(shape[2], device=device)  # [T]

    def hidden(self) -> Tensor | None:
        """What is added to scores `[..., T]` so that columns beyond `place` are not heard; None where all are."""
        if self.place is None:
            return None
        return torch.zeros_like(self._columns, dtype=torch.float32).masked_fill(self._columns > self.place, -math.inf)

    def advance(self, columns: int) -> None:
        """Counts columns that are in."""
        self.length += columns
        if self.place is not None:
            self.place += columns

    def pin(self) -> None:
        """From now on the place of a column is a tensor: every step is then the same row of kernels."""
        self.place = torch.tensor([self.length], device=self._columns.device)
