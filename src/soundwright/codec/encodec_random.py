"""An EnCodec in the real 24 kHz shape with random weights, for tests and benchmarks where no weights can be had.

`EncodecModel(EncodecConfig())` alone is no test object: its signals fade from layer to layer and its codebooks are
all zero, so every frame gets code 0 and no error could ever show. Here every convolution is scaled on sound until its
output has unit variance, and every codebook is filled with residuals that the encoder gives on sound, each moved a
little, which spreads the entries as training would. What it encodes and decodes is meaningless to the ear.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import EncodecConfig, EncodecModel

SAMPLE_RATE = 24_000


def synthesize(kind: str, num_samples: int, seed: int = 0) -> NDArray[np.float32]:
    """Sound `[N]` of a kind: tone, noise, silence, impulse, speech (buzz through formants), music (plucked chords)."""
    rng = np.random.default_rng(seed)
    t = np.arange(num_samples) / SAMPLE_RATE
    match kind:
        case "tone":
            x = 0.3 * np.sin(2 * np.pi * rng.uniform(80, 4000) * t)
        case "noise":
            x = 0.1 * rng.standard_normal(num_samples)
        case "silence":
            x = np.zeros(num_samples)
        case "impulse":
            x = np.zeros(num_samples)
            x[:: max(1, SAMPLE_RATE // 3)] = 0.9
        case "speech":
            pitch = 120 * (1 + 0.2 * np.sin(2 * np.pi * 0.7 * t)) * rng.uniform(0.7, 2.0)
            phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
            x = np.zeros(num_samples)
            for partial in range(1, 24):
                formants = 500 + 300 * np.sin(2 * np.pi * 1.9 * t + seed), 1700 + 600 * np.sin(2 * np.pi * 1.3 * t)
                level = sum(np.exp(-(((partial * pitch - f) / 180) ** 2)) for f in formants)
                x += level * np.sin(partial * phase)
            syllables = np.clip(np.sin(2 * np.pi * 3.1 * t + seed), 0, None)
            x = 0.15 * syllables * (x + 0.1 * rng.standard_normal(num_samples))
        case "music":
            x = np.zeros(num_samples)
            beat = SAMPLE_RATE // 3
            for start in range(0, num_samples, beat):
                n = min(num_samples - start, 3 * beat)
                for midi in rng.integers(40, 88, 3):
                    f = 440 * 2 ** ((midi - 69) / 12)
                    decay = np.exp(-t[:n] * rng.uniform(2, 9))
                    x[start : start + n] += (
                        0.1 * decay * sum(np.sin(2 * np.pi * f * h * t[:n]) / h for h in range(1, 8) if f * h < 11_000)
                    )
        case _:
            raise ValueError(kind)
    return x.astype(np.float32)


@torch.no_grad()
def random_encodec(seed: int = 0) -> EncodecModel:
    """A random-weight EncodecModel (24 kHz, mono, 32 codebooks), data-scaled; a few seconds of CPU."""
    torch.manual_seed(seed)
    model: Any = EncodecModel(EncodecConfig()).train(False)
    seconds = {"speech": 4, "music": 4, "noise": 1, "tone": 1}
    sound = [synthesize(kind, n * SAMPLE_RATE, seed + 1) for kind, n in seconds.items()]
    x = torch.from_numpy(np.concatenate(sound))[None, None]
    x = _scale(model.encoder, x)
    frames = x[0].T
    residual = frames.clone()
    generator = torch.Generator().manual_seed(seed)
    for layer in model.quantizer.layers:
        book = layer.codebook
        pick = torch.randint(len(residual), (len(book.embed),), generator=generator)
        noise = torch.randn(book.embed.shape, generator=generator) * residual.std(0)
        book.embed.copy_(0.8 * residual[pick] + 0.3 * noise)
        residual = residual - book.decode(book.encode(residual))
        book.embed_avg.copy_(book.embed)
        book.cluster_size.fill_(1.0)
    quantized = model.quantizer.decode(model.quantizer.encode(frames[:75].T[None], 24.0))
    _scale(model.decoder, quantized)
    model.decoder.layers[-1].conv.parametrizations.weight.original0.mul_(0.15)
    return cast(EncodecModel, model)


def _scale(module: Any, x: torch.Tensor) -> torch.Tensor:
    """Runs a SEANet stack, rescaling each convolution to unit output variance on the way."""
    for layer in module.layers:
        if type(layer).__name__ == "EncodecResnetBlock":
            hidden = x
            for inner in layer.block:
                hidden = _scaled(inner, hidden)
            x = _scaled(layer.shortcut, x) + hidden
        else:
            x = _scaled(layer, x)
    return x


def _scaled(layer: Any, x: torch.Tensor) -> torch.Tensor:
    conv = getattr(layer, "conv", None)
    if conv is not None:
        gain = conv.parametrizations.weight.original0
        gain.div_(layer(x).std().clamp_min(1e-6))
    elif type(layer).__name__ == "EncodecLSTM":
        for name, weight in layer.lstm.named_parameters():
            if "weight" in name:
                weight.mul_(2.0)
    return cast(torch.Tensor, layer(x))


def save_random_encodec(folder: Path, seed: int = 0) -> Path:
    """Writes the model as a folder that `load_codec(FOLDER)` takes."""
    random_encodec(seed).save_pretrained(folder)
    return folder
