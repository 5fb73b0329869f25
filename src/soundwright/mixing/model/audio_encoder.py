"""Sound to one vector per stem: a CLAP audio tower, from the hub or a folder. Frozen; it hears what, not how loud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from soundwright.mixing.model.sources import load_base

SAMPLE_RATE, CLIP_S = 48_000, 10
_FFT, _HOP, _MELS, _LOW_HZ, _HIGH_HZ = 1024, 480, 64, 50.0, 14_000.0


class AudioEncoder(nn.Module):
    """Clips to embeddings.

    Args:
        source: hub name or folder of a CLAP.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, source: str) -> None:
        super().__init__()
        from transformers import ClapAudioModelWithProjection

        self.clap: Any = load_base("audio encoder", source, ClapAudioModelWithProjection.from_pretrained)
        self.clap.requires_grad_(False)
        self.hidden = int(self.clap.config.projection_dim)
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel_filters()).float(), persistent=False)

    def train(self, mode: bool = True) -> AudioEncoder:
        """Stays in eval whatever is asked for."""
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, clips: Sequence[NDArray[Any]], sample_rate: int) -> Tensor:
        """Clips `[C, N]` or `[N]` to `[B, hidden]`, of unit length."""
        mels = log_mel(prepare(clips, sample_rate).to(self.window.device), self.window, self.filters)
        return self.embed(mels)

    def embed(self, mels: Tensor) -> Tensor:
        """Log-mel pictures `[B, T, 64]` to `[B, hidden]`, of unit length."""
        longer = torch.zeros(len(mels), 1, dtype=torch.bool, device=mels.device)
        out = self.clap(input_features=mels[:, None], is_longer=longer).audio_embeds
        return nn.functional.normalize(out, dim=-1)


def prepare(clips: Sequence[NDArray[Any]], sample_rate: int) -> Tensor:
    """Clips as mono at 48 kHz, the loudest 10 s of longer ones, shorter ones repeated: `[B, 480000]`."""
    import soxr

    length = SAMPLE_RATE * CLIP_S
    rows = []
    for clip in clips:
        mono = np.asarray(clip if clip.ndim == 1 else clip.mean(axis=0), np.float32)
        mono = soxr.resample(mono, sample_rate, SAMPLE_RATE) if sample_rate != SAMPLE_RATE else mono
        if len(mono) > length:
            power = np.concatenate([[0.0], np.cumsum(np.square(mono, dtype=np.float64))])
            starts = np.arange(0, len(mono) - length + 1, SAMPLE_RATE // 2)
            start = int(starts[np.argmax(power[starts + length] - power[starts])])
            mono = mono[start : start + length]
        row = np.zeros(length, np.float32)
        if len(mono):
            times = length // len(mono)  # as the feature extractor's "repeatpad": whole repetitions, then silence
            row[: times * len(mono)] = np.tile(mono, times)
        rows.append(row)
    return torch.from_numpy(np.stack(rows))


def log_mel(samples: Tensor, window: Tensor, filters: Tensor) -> Tensor:
    """Samples `[B, N]` to decibels in mel bands `[B, T, 64]`, all clips in one transform.

    The same numbers as transformers' ClapFeatureExtractor, which takes clip by clip.
    """
    spectrum = torch.stft(samples, _FFT, _HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
    power = spectrum.real**2 + spectrum.imag**2  # [B, bins, T]
    mel = (power.transpose(1, 2) @ filters).clamp_min(1e-10)  # [B, T, 64]
    return 10 * mel.log10()


def mel_filters() -> NDArray[np.float64]:
    """Triangles in the Slaney scale with equal area, `[bins, 64]`: what CLAP was trained with."""

    def to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(hz < 1000, 3 * hz / 200, 15 + np.log(np.maximum(hz, 1) / 1000) * 27 / np.log(6.4))

    def to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27))

    low, high = to_mel(np.array([_LOW_HZ, _HIGH_HZ])).tolist()
    edges = to_hz(np.linspace(low, high, _MELS + 2))
    bins = np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1)[:, None]
    up = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(up, down)) * 2 / (edges[2:] - edges[:-2]))
