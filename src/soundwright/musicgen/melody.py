"""The melody of a recording as MusicGen reads it: the loudest of twelve pitch classes, about eight times a second.

The numbers are those of `transformers.MusicgenMelodyFeatureExtractor`, which needs torchaudio: a power spectrogram
(periodic Hann window, reflected ends) through a chroma filter bank (Ellis, as in librosa), then a one at the largest.
AudioCraft takes drums and bass away before; here the recording is taken as it is.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.musicgen.checkpoints import REMEDY, Checkpoint, read_json
from soundwright.musicgen.model_shapes import whole_number


@dataclass(frozen=True)
class ChromaSettings:
    """Of the feature extractor of a checkpoint; defaults are Meta's. `length` is the frames that the model reads."""

    sampling_rate: int = 32_000
    hop_length: int = 4096
    n_fft: int = 16_384
    num_chroma: int = 12
    chunk_length: int = 30
    length: int = 235

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> ChromaSettings:
        """Reads preprocessor_config.json, or processor_config.json, where newer checkpoints have it.

        Raises:
            BadInput: one of them is no JSON, or has something else than whole numbers above 0.
        """
        found: dict[str, int] = {}
        known = ("sampling_rate", "hop_length", "n_fft", "num_chroma", "chunk_length")
        for name in ("processor_config.json", "preprocessor_config.json"):
            path = checkpoint.folder / name
            if path.is_file():
                values = read_json(path)
                extractor = values.get("feature_extractor", values)
                if not isinstance(extractor, dict):
                    raise BadInput("feature_extractor is no JSON object", path=path, remedy=REMEDY)
                found |= {key: whole_number(extractor, key, 0, path) for key in known if key in extractor}
        path = checkpoint.folder / "config.json"
        return cls(**found, length=whole_number(checkpoint.config, "chroma_length", 235, path))


class Melody:
    """A melody that can be asked for what accompanies any stretch of a track.

    Args:
        samples: float32 `[N]` or `[C, N]` at the model's sample rate.
        settings: how chroma is taken.

    Raises:
        BadInput: there are no samples.
    """

    def __init__(self, samples: NDArray[np.float32], settings: ChromaSettings) -> None:
        mono = samples.mean(axis=0) if samples.ndim == 2 else samples
        if not mono.size:
            raise BadInput("the melody has no samples", remedy="give a recording of a few seconds")
        self.samples: NDArray[np.float32] = np.ascontiguousarray(mono, dtype=np.float32)  # [N]
        self.settings = settings

    def at(self, offset_s: float) -> NDArray[np.float32]:
        """Chroma `[length, num_chroma]` from `offset_s` seconds on; a melody that ends before is played again.

        As AudioCraft does for each of its windows (`musicgen.py`).
        """
        settings = self.settings
        first = int(offset_s * settings.sampling_rate)
        wanted = np.arange(first, first + settings.chunk_length * settings.sampling_rate)
        found = chroma(self.samples[wanted % self.samples.size], settings)  # [frames, num_chroma]
        return np.resize(found, (settings.length, settings.num_chroma))  # repeats where it is too short


def silent_chroma(settings: ChromaSettings) -> NDArray[np.float32]:
    """What stands for "no melody": `[length, num_chroma]`, a one in the first bin."""
    return np.eye(1, settings.num_chroma, dtype=np.float32).repeat(settings.length, axis=0)


def chroma(samples: NDArray[np.float32], settings: ChromaSettings) -> NDArray[np.float32]:
    """One-hot chroma `[frames, num_chroma]` of samples `[N]`, a frame every `hop_length` samples."""
    size, hop = settings.n_fft, settings.hop_length
    if samples.size < size:
        missing = size - samples.size
        samples = np.pad(samples, (missing // 2, missing - missing // 2))
    padded = np.pad(samples.astype(np.float64), size // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)  # [n_fft]
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]  # [frames, n_fft]
    # A frame at a time: all of them at once are 64 MB of float64.
    power = np.stack([np.abs(np.fft.rfft(frame * window)) ** 2 for frame in frames])  # [frames, n_fft / 2 + 1]
    power /= np.sum(window**2)
    strength = power @ _filters(settings).T  # [frames, num_chroma]
    loudest: NDArray[np.float32] = np.eye(settings.num_chroma, dtype=np.float32)[strength.argmax(axis=1)]
    return loudest


@functools.lru_cache(maxsize=4)
def _filters(settings: ChromaSettings) -> NDArray[np.float64]:
    """Weights `[num_chroma, n_fft / 2 + 1]` of frequencies in pitch classes."""
    from transformers.audio_utils import chroma_filter_bank

    filters: NDArray[np.float64] = chroma_filter_bank(
        sampling_rate=settings.sampling_rate,
        num_frequency_bins=settings.n_fft,
        tuning=0,
        num_chroma=settings.num_chroma,
    )
    return filters
