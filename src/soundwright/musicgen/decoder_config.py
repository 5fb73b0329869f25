"""The shape of a decoder, read from config.json."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from soundwright.core.errors import BadInput

ACTIVATIONS = ("gelu", "relu")


@dataclass(frozen=True)
class DecoderConfig:
    """The part of config.json's `decoder` that decides about the network; defaults as in `transformers`."""

    vocab_size: int = 2048
    num_hidden_layers: int = 24
    ffn_dim: int = 4096
    num_attention_heads: int = 16
    activation_function: str = "gelu"
    hidden_size: int = 1024
    num_codebooks: int = 4
    audio_channels: int = 1
    pad_token_id: int = 2048

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> DecoderConfig:
        """Reads the `decoder` of a config.json.

        Raises:
            BadInput: the activation is none that MusicGen has.
        """
        known = {field.name: config[field.name] for field in fields(cls) if field.name in config}
        found = cls(**known)
        if found.activation_function not in ACTIVATIONS:
            raise BadInput(f"the decoder has the activation {found.activation_function!r}, expected gelu or relu")
        return found
