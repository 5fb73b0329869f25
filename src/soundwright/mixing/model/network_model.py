"""The PyTorch network as `decode` asks it: for models of others, and for our own while it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from soundwright.mixing.familiarity import Familiarity
from soundwright.mixing.model.contract import Floats, Inputs
from soundwright.mixing.model.mixer import Mixer, Prefix
from soundwright.mixing.model.settings import MixerSettings
from soundwright.mixing.tokens import LINE


class NetworkModel:
    """A network that can be asked; see `contract.MixerModel`.

    Args:
        mixer: in eval mode.
    """

    def __init__(self, mixer: Mixer) -> None:
        self.mixer = mixer

    @property
    def settings(self) -> MixerSettings:
        """Those of the network."""
        return self.mixer.settings

    @property
    def familiarity(self) -> Familiarity:
        """That of the network."""
        return self.mixer.familiarity

    def hear(self, sounds: Sequence[NDArray[Any]], sample_rate: int) -> Floats | None:
        """What its audio encoder hears of sounds `[C, N]`, `[S, audio_dim]`; None where it has none."""
        if self.mixer.audio is None:
            return None
        heard: Floats = self.mixer.audio(list(sounds), sample_rate).float().cpu().numpy()
        return heard

    @torch.no_grad()
    def begin(self, inputs: Inputs) -> NetworkStream:
        """Reads inputs."""
        return NetworkStream(self.mixer, self.mixer.prefix(inputs))


class NetworkStream:
    """Instructions as they are written; see `contract.Stream`.

    Args:
        mixer: that is asked.
        prefix: what it has been told.
    """

    def __init__(self, mixer: Mixer, prefix: Prefix) -> None:
        self.touch: Floats = prefix.fused.touch.sigmoid().cpu().numpy()
        self._mixer, self._prefix = mixer, prefix
        self._mask = prefix.mask
        self._cache: Any = None

    @torch.no_grad()
    def step(self, pieces: Sequence[int], stems: Sequence[int], states: Sequence[int]) -> tuple[Floats, Floats, Floats]:
        """Reads one more piece in each example, and says what may come next."""
        mixer, prefix = self._mixer, self._prefix
        if self._cache is None:
            from transformers import DynamicCache

            self._cache = DynamicCache()
            mixer.decoder(prefix.vectors, self._mask, self._cache)
        ids, places, states_now = (torch.tensor(x, device=mixer.device)[:, None] for x in (pieces, stems, states))
        rows = torch.arange(len(ids), device=mixer.device)[:, None]
        is_line = (ids == LINE)[..., None]  # [B, 1, 1]
        read = torch.where(is_line, prefix.lines[rows, places], mixer.decoder.embed(ids))  # [B, 1, hidden]
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(ids), 1)], dim=1)
        hidden = mixer.decoder(read.to(prefix.vectors.dtype), self._mask, self._cache)  # [B, 1, hidden]
        scores, values, spreads = mixer.judge(prefix.fused, hidden, places, states_now)
        chances, numbers, errors = (np.asarray(x[:, 0].cpu()) for x in (scores.softmax(-1), values, spreads))
        return chances, numbers, errors
