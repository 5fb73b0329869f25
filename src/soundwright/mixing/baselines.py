"""The small network that a mixer is compared with, for its training; `small_network` asks it.

Inputs are the numbers that the mixer sees. Letters: B examples, S stems.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
from soundwright.mixing.labels import TOOL_NAMES, VALUES


class SmallNetwork(nn.Module):
    """A perceptron per stem with one hidden layer: presence and value of each tool at once.

    It sees the features of the stem, of the mix, and the mean over the other stems.
    """

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()
        self.inner = nn.Linear(2 * STEM_FEATURES + MIX_FEATURES, hidden)
        self.outer = nn.Linear(hidden, len(TOOL_NAMES) + len(VALUES))

    def forward(self, stems: Tensor, mix: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, S, STEM_FEATURES]`, `[B, MIX_FEATURES]` to logits `[B, S, tools]` and values `[B, S, values]`."""
        num_stems = stems.shape[1]
        others = (stems.sum(1, keepdim=True) - stems) / max(1, num_stems - 1)
        x = torch.cat([stems, others, mix[:, None].expand(-1, num_stems, -1)], dim=-1)
        presence, values = self.outer(nn.functional.relu(self.inner(x))).split([len(TOOL_NAMES), len(VALUES)], dim=-1)
        return presence, values


def small_loss(network: SmallNetwork, stems: Tensor, mix: Tensor, presence: Tensor, values: Tensor) -> Tensor:
    """Presence as cross entropy, values as mean error where there are any."""
    logits, said = network(stems, mix)
    there = presence[..., [TOOL_NAMES.index(tool) for tool, _ in VALUES]]
    error = ((said - values).abs() * there).sum() / there.sum().clamp_min(1)
    loss: Tensor = nn.functional.binary_cross_entropy_with_logits(logits, presence) + 2 * error
    return loss
