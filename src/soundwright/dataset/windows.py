"""Windows of equal length out of a packed split, as PyTorch's `DataLoader` takes them; PyTorch is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import UsageError
from soundwright.dataset.read import PackedSplit
from soundwright.dataset.scaling import Scaler

if TYPE_CHECKING:
    import torch


class Windows(Sequence[dict[str, Any]]):
    """Windows of `seq_len + 1` frames: input and next-step target are the first and the last `seq_len` of them.

    Windows begin every `stride` frames, and one more ends with the last frame of each clip, so every frame of a clip
    that is long enough is seen. The windows of a clip never reach into the next.

    Attributes:
        scaler: how conditions were scaled; keep it with the model.
        num_too_short: clips with fewer than `seq_len + 1` frames: they give no window.
    """

    def __init__(
        self,
        split: PackedSplit,
        seq_len: int,
        *,
        scaler: Scaler | None = None,
        num_codebooks: int | None = None,
        stride: int | None = None,
        jitter: bool = False,
        tensors: bool | None = None,
    ) -> None:
        """Lays out the windows.

        Args:
            split: the clips.
            seq_len: frames that a model predicts from each window.
            scaler: scaling of the conditions; by default that of all columns by the schema of the whole dataset, so
                that a value is the same in every split.
            num_codebooks: take only so many codebooks, the coarse ones first; by default all.
            stride: frames between the beginnings of windows; by default `seq_len`.
            jitter: move each window by a random part of the stride, drawn at each access from torch's generator, or
                from NumPy's global one where windows are arrays.
            tensors: whether windows are torch tensors or NumPy arrays; by default tensors where torch is installed.

        Raises:
            UsageError: a number is out of range, or no clip is long enough.
            BadInput: the dataset's schema does not go with the split, since a build was stopped.
        """
        stride = seq_len if stride is None else stride
        taken = split.meaning.num_codebooks if num_codebooks is None else num_codebooks
        if seq_len < 1 or stride < 1:
            raise UsageError(f"seq_len {seq_len}, stride {stride}", remedy="give at least 1")
        if not 1 <= taken <= split.meaning.num_codebooks:
            raise UsageError(
                f"num_codebooks {taken}; the dataset has {split.meaning.num_codebooks}",
                path=split.folder,
                remedy="give no more than it has",
            )
        self.split, self.seq_len, self.stride, self.jitter = split, seq_len, stride, jitter
        self.tensors = find_spec("torch") is not None if tensors is None else tensors
        self.num_codebooks = taken
        self.scaler = Scaler(split.conditions) if scaler is None else scaler
        last_starts = split.num_frames - (seq_len + 1)
        self.num_too_short = int((last_starts < 0).sum())
        # ceil(last / stride) + 1 windows: 0, stride, 2 stride ... and the one that ends with the clip.
        counts = np.where(last_starts < 0, 0, -(-last_starts // stride) + 1)
        self._ends: NDArray[np.int64] = np.cumsum(counts)
        self._last_starts = last_starts
        if len(self) == 0:
            longest = int(split.num_frames.max(initial=0))
            raise UsageError(
                f"no clip has the {seq_len + 1} frames of a window; the longest has {longest}",
                path=split.folder,
                remedy="give a smaller seq_len",
            )

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> dict[str, torch.Tensor] | dict[str, NDArray[Any]]:  # type: ignore[override]
        """One window.

        Returns:
            `tokens`: int64 `[seq_len + 1, K]`; `cond`: float32 `[seq_len + 1, E]`, scaled.

        Raises:
            IndexError: there are not so many windows.
            BadInput: a condition of the clip is not finite, or is the index of no class.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        which = int(np.searchsorted(self._ends, index, side="right"))
        before = int(self._ends[which - 1]) if which else 0
        last = int(self._last_starts[which])
        start = (index - before) * self.stride
        if self.jitter:
            start += self._draw()
        start = min(start, last)
        clip = self.split[which]
        window = slice(start, start + self.seq_len + 1)
        arrays: dict[str, NDArray[Any]] = {
            "tokens": clip.tokens[window, : self.num_codebooks].astype(np.int64),
            "cond": self.scaler(clip.cond[window]),
        }
        if not self.tensors:
            return arrays
        import torch

        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _draw(self) -> int:
        """A number from 0 to the stride, without it."""
        if not self.tensors:
            return int(np.random.randint(self.stride))
        import torch

        return int(torch.randint(self.stride, ()).item())
