"""Brings text, stems, mix and reference together: one vector per stem that knows the others, for the decoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
from soundwright.mixing.labels import TOOL_NAMES, VALUES


@dataclass(frozen=True)
class Fused:
    """What the fusion knows.

    Attributes:
        text: `[B, L, D]`.
        mix: `[B, D]`.
        stems: `[B, S, D]`.
        presence: logits of each tool, `[B, S, tools]`.
        values: scaled values, `[B, S, values]`.
        touch: logit of anything being wrong, `[B]`.
    """

    text: Tensor
    mix: Tensor
    stems: Tensor
    presence: Tensor
    values: Tensor
    touch: Tensor


class Fusion(nn.Module):
    """Encodes each input by itself, then lets them look at each other.

    The heads give training a direct view of what stems need, which the decoder then has only to say; without them its
    loss of a few tokens teaches the features slowly.

    Args:
        text_dim: features of the text encoder.
        audio_dim: features of the audio encoder; 0 for none.
        hidden: D.
        layers: blocks.
        heads: of attention.
        dropout: in training.
    """

    def __init__(self, text_dim: int, audio_dim: int, hidden: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(STEM_FEATURES, 256), nn.GELU(), nn.Linear(256, hidden))
        self.mix = nn.Sequential(nn.Linear(MIX_FEATURES, 128), nn.GELU(), nn.Linear(128, hidden))
        self.name = nn.Linear(text_dim, hidden)
        self.text = nn.Linear(text_dim, hidden)
        self.audio = nn.Linear(audio_dim, hidden) if audio_dim else None
        self.kind = nn.Parameter(0.02 * torch.randn(3, hidden))  # of a token: text, mix, stem
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(hidden, heads, 2 * hidden, dropout, "gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(hidden)
        self.presence = nn.Sequential(nn.Linear(hidden, 128), nn.GELU(), nn.Linear(128, len(TOOL_NAMES)))
        self.values = nn.Sequential(nn.Linear(hidden, 128), nn.GELU(), nn.Linear(128, len(VALUES)))
        self.touch = nn.Linear(2 * hidden, 1)
        # What a reference shows is linear in the features already.
        self.shown = nn.Linear(STEM_FEATURES, len(TOOL_NAMES) + len(VALUES))
        nn.init.zeros_(self.shown.weight)

    def forward(
        self,
        text: Tensor,
        text_mask: Tensor,
        names: Tensor,
        stem_features: Tensor,
        mix_features: Tensor,
        audio: Tensor | None = None,
    ) -> Fused:
        """Fuses.

        Args:
            text: of the prompt, `[B, L, text_dim]`.
            text_mask: true where there is a token, `[B, L]`.
            names: of the stems' names, `[B, S, text_dim]`.
            stem_features: `[B, S, STEM_FEATURES]`.
            mix_features: `[B, MIX_FEATURES]`.
            audio: of the stems, `[B, S, audio_dim]`; None leaves it out.
        """
        stems = self.stem(stem_features) + self.name(names) + self.kind[2]  # [B, S, D]
        if audio is not None and self.audio is not None:
            stems = stems + self.audio(audio)
        mix = (self.mix(mix_features) + self.kind[1])[:, None]  # [B, 1, D]
        words = self.text(text) + self.kind[0]  # [B, L, D]
        x = torch.cat([words, mix, stems], dim=1)  # [B, L + 1 + S, D]
        known = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        known[:, : words.shape[1]] = text_mask
        for block in self.blocks:
            x = block(x, src_key_padding_mask=~known)
        x = self.norm(x)
        length = words.shape[1]
        fused, whole = x[:, length + 1 :], x[:, length]
        worst = torch.cat([whole, fused.max(dim=1).values], dim=-1)  # [B, 2 D]
        presence, values = self.shown(stem_features).split([len(TOOL_NAMES), len(VALUES)], dim=-1)
        return Fused(
            x[:, :length],
            whole,
            fused,
            presence + self.presence(fused),
            values + self.values(fused),
            self.touch(worst)[:, 0],
        )
