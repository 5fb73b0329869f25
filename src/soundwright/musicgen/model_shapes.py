"""The sizes of MusicGen's parts, as data: a plan or a table of memory needs no download."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundwright.core.errors import BadInput


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
        sample_rate: of the sound.
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
    sample_rate: int = 32_000

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
        """Reads a checkpoint's config.json; what it leaves out has the values of `with_defaults`.

        Raises:
            BadInput: a size is no whole number above 0.
        """
        decoder, text, codec = (with_defaults(config, part) for part in ("decoder", "text_encoder", "audio_encoder"))
        ratios = codec["upsampling_ratios"]
        if not isinstance(ratios, list) or not ratios:
            raise BadInput(f"upsampling_ratios is {ratios!r}, not a list of whole numbers above 0", remedy=_REMEDY)
        hop = math.prod(whole_number({"upsampling_ratios": ratio}, "upsampling_ratios", 0) for ratio in ratios)
        sample_rate = whole_number(codec, "sampling_rate", 0)
        heads = whole_number(decoder, "num_attention_heads", 16)
        if whole_number(decoder, "hidden_size", 1024) % heads:
            raise BadInput(f"hidden_size is no multiple of num_attention_heads ({heads})", remedy=_REMEDY)
        melody = config.get("model_type") == "musicgen_melody"
        return cls(
            layers=whole_number(decoder, "num_hidden_layers", 24),
            hidden=whole_number(decoder, "hidden_size", 1024),
            ffn=whole_number(decoder, "ffn_dim", 4096),
            codebooks=whole_number(decoder, "num_codebooks", 4),
            vocabulary=whole_number(decoder, "vocab_size", 2048),
            channels=whole_number(decoder, "audio_channels", 1),
            frame_rate=sample_rate / hop,
            text_parameters=_text_parameters(text),
            text_dim=whole_number(text, "d_model", 512),
            melody=melody,
            melody_columns=whole_number(config, "chroma_length", 235) if melody else 0,
            codec_parameters=_codec_parameters(codec, ratios),
            codec_filters=whole_number(codec, "num_filters", 32),
            hop=hop,
            sample_rate=sample_rate,
        )


#: Where MusicGen's codec is not the EnCodec that `transformers` has as its default; all else has those defaults.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "audio_encoder": {"sampling_rate": 32_000, "upsampling_ratios": [8, 5, 4, 4]},
}
_REMEDY = "copy or download the checkpoint again (`soundwright music preload`)"


def with_defaults(config: dict[str, Any], part: str) -> dict[str, Any]:
    """A part of a config.json, with MusicGen's values for what it leaves out."""
    given: dict[str, Any] = config.get(part, {})
    return _DEFAULTS.get(part, {}) | given


def whole_number(values: dict[str, Any], name: str, default: int, path: Path | None = None) -> int:
    """A size out of a config.

    Raises:
        BadInput: it is no whole number above 0; the message has its name.
    """
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadInput(f"{name} is {value!r}, not a whole number above 0", path=path, remedy=_REMEDY)
    return value


def _text_parameters(text: dict[str, Any]) -> int:
    sizes = {"d_model": 512, "num_heads": 8, "d_kv": 64, "d_ff": 2048, "vocab_size": 32_128, "num_layers": 6}
    dim, heads, width, mlp, words, layers = (whole_number(text, name, size) for name, size in sizes.items())
    mlp *= 3 if "gated" in str(text.get("feed_forward_proj", "relu")) else 2
    return words * dim + layers * dim * (4 * heads * width + mlp)


def _codec_parameters(codec: dict[str, Any], ratios: list[int]) -> int:
    """Convolutions, residual blocks and LSTMs of encoder and decoder; books."""
    filters, kernel = whole_number(codec, "num_filters", 32), whole_number(codec, "residual_kernel_size", 3)
    blocks_each, lstm_layers = whole_number(codec, "num_residual_layers", 1), whole_number(codec, "num_lstm_layers", 2)
    total, width = 0, filters
    for ratio in reversed(ratios):
        blocks = blocks_each * width * (width // 2) * (kernel + 1)
        shortcut = width * width if codec.get("use_conv_shortcut", True) else 0
        total += 2 * (blocks + shortcut + width * 2 * width * 2 * ratio)
        width *= 2
    total += 2 * lstm_layers * 8 * width * width
    hidden = whole_number(codec, "hidden_size", 128)
    total += 2 * whole_number(codec, "kernel_size", 7) * width * hidden
    dim = hidden if codec.get("codebook_dim") is None else whole_number(codec, "codebook_dim", hidden)
    books = 4 * whole_number(codec, "codebook_size", 1024) * dim
    return total + 2 * books


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
