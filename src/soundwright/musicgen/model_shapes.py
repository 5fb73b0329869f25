"""The sizes of MusicGen's parts, as data: a plan or a table of memory needs no download."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelShape:
    """What of a config decides memory.

    Attributes:
        layers: of the decoder.
        hidden: D, features of the decoder.
        ffn: features inside its MLPs.
        codebooks: K.
        vocabulary: entries of a codebook.
        channels: of the sound.
        window_frames: longest stretch that the model was trained on.
        frame_rate: frames a second.
        text_parameters: of the text encoder.
        text_dim: features of its states.
        melody: whether it reads a melody as its first columns, which take the place of cross-attention.
        melody_columns: how many those are.
        codec_parameters: of encoder, quantiser and decoder.
        codec_filters: channels of the codec's layers at the rate of the sound.
        hop: samples per frame.
    """

    layers: int
    hidden: int
    ffn: int
    codebooks: int = 4
    vocabulary: int = 2048
    channels: int = 1
    window_frames: int = 1500
    frame_rate: float = 50.0
    text_parameters: int = 109_628_544
    text_dim: int = 768
    melody: bool = False
    melody_columns: int = 0
    codec_parameters: int = 58_900_000
    codec_filters: int = 64
    hop: int = 640

    @property
    def block_parameters(self) -> int:
        """Weights of all blocks: attention to itself, to the text, and the MLP."""
        attention = 4 if self.melody else 8
        return self.layers * (attention * self.hidden**2 + 2 * self.hidden * self.ffn)

    @property
    def head_parameters(self) -> int:
        """Weights of the output heads."""
        return self.codebooks * self.vocabulary * self.hidden

    @property
    def table_parameters(self) -> int:
        """What stays float32 in every precision: embeddings, and the projections of text and chroma."""
        return self.codebooks * (self.vocabulary + 1) * self.hidden + self.text_dim * self.hidden

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ModelShape:
        """Reads a checkpoint's config.json; what it leaves out has the defaults of `transformers`."""
        decoder, text, codec = (config.get(part, {}) for part in ("decoder", "text_encoder", "audio_encoder"))
        ratios = codec.get("upsampling_ratios", [8, 5, 4, 4])
        hop = math.prod(ratios)
        rate = codec.get("sampling_rate", 32_000) / hop
        melody = config.get("model_type") == "musicgen_melody"
        return cls(
            layers=decoder.get("num_hidden_layers", 24),
            hidden=decoder.get("hidden_size", 1024),
            ffn=decoder.get("ffn_dim", 4096),
            codebooks=decoder.get("num_codebooks", 4),
            vocabulary=decoder.get("vocab_size", 2048),
            channels=decoder.get("audio_channels", 1),
            frame_rate=rate,
            text_parameters=_text_parameters(text),
            text_dim=text.get("d_model", 768),
            melody=melody,
            melody_columns=config.get("chroma_length", 235) if melody else 0,
            codec_parameters=_codec_parameters(codec, ratios),
            codec_filters=codec.get("num_filters", 32),
            hop=hop,
        )


def _text_parameters(text: dict[str, Any]) -> int:
    dim, inner = text.get("d_model", 512), text.get("num_heads", 8) * text.get("d_kv", 64)
    mlp = text.get("d_ff", 2048) * (3 if "gated" in text.get("feed_forward_proj", "relu") else 2)
    return int(text.get("vocab_size", 32_128) * dim + text.get("num_layers", 6) * dim * (4 * inner + mlp))


def _codec_parameters(codec: dict[str, Any], ratios: list[int]) -> int:
    """Convolutions, residual blocks and LSTMs of encoder and decoder; books."""
    filters, kernel = codec.get("num_filters", 32), codec.get("residual_kernel_size", 3)
    total, width = 0, filters
    for ratio in reversed(ratios):
        blocks = codec.get("num_residual_layers", 1) * width * (width // 2) * (kernel + 1)
        shortcut = width * width if codec.get("use_conv_shortcut", True) else 0
        total += 2 * (blocks + shortcut + width * 2 * width * 2 * ratio)
        width *= 2
    total += 2 * codec.get("num_lstm_layers", 2) * 8 * width * width
    total += 2 * codec.get("kernel_size", 7) * width * codec.get("hidden_size", 128)
    books = 4 * codec.get("codebook_size", 1024) * codec.get("codebook_dim", codec.get("hidden_size", 128))
    return int(total + 2 * books)


_SIZES = {
    "small": ModelShape(24, 1024, 4096),
    "medium": ModelShape(48, 1536, 6144),
    "large": ModelShape(48, 2048, 8192),
}


def known_shape(name: str) -> ModelShape | None:
    """The shape of one of Meta's checkpoints by its name, e.g. `stereo-melody-large`; None for other names.

    >>> shape = known_shape("small")
    >>> shape is not None and round((shape.block_parameters + shape.head_parameters) / 1e6)
    411
    """
    words = set(name.split("-"))
    size = "large" if "large" in words else "small" if "small" in words else "medium"
    if not words <= {"stereo", "melody", "small", "medium", "large"} or name == "stereo":
        return None
    shape, stereo, melody = _SIZES[size], "stereo" in words, "melody" in words
    return ModelShape(
        shape.layers,
        shape.hidden,
        shape.ffn,
        codebooks=8 if stereo else 4,
        channels=2 if stereo else 1,
        melody=melody,
        melody_columns=235 if melody else 0,
    )
