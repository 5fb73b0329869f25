"""What the mixer has to beat: nothing, loudness, a rule, and a small network that sees the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from soundwright.formats.instructions import Call
from soundwright.mixing.effects.balance import FULL_DIFFERENCE_DB
from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
from soundwright.mixing.labels import FIRST, SCALES, TOOL_NAMES, VALUES, to_call
from soundwright.mixing.statistics import Statistics
from soundwright.mixing.tools import canonical

#: Median level of a stem beside the mean of all, dB, while it plays; measured on the songs that `tiny` learned from.
USUAL_DB = {"vocals": 0.9, "drums": 2.0, "bass": 0.8, "other": -3.5}
_RULE_VOLUME_DB, _RULE_BALANCE_DB = 3.0, 3.0
_VOLUME_SCALE = float(SCALES[FIRST["change_volume"]])


def levels(stems: Statistics) -> NDArray[np.float64]:
    """Level of each stem in each channel while it plays, dB, `[2, S]`."""
    return np.asarray(10 * np.log10(stems.active.astype(np.float64).sum(axis=1) + 1e-12))


def normalise(names: Sequence[str], stems: Statistics) -> dict[str, tuple[Call, ...]]:
    """Brings every stem to its usual level beside the mean of all."""
    mean = levels(stems).mean(axis=0)
    usual = np.array([USUAL_DB.get(name, 0.0) for name in names])
    lacks = usual - usual.mean() - (mean - mean.mean())
    return canonical({n: (to_call("change_volume", [db / _VOLUME_SCALE]),) for n, db in zip(names, lacks, strict=True)})


def rule(names: Sequence[str], stems: Statistics) -> dict[str, tuple[Call, ...]]:
    """As `normalise`, where it is 3 dB or more; and what stands 3 dB or more to one side goes to the middle."""
    instructions: dict[str, tuple[Call, ...]] = {}
    by_name = normalise(names, stems)
    left, right = levels(stems)
    for place, name in enumerate(names):
        calls = [c for c in by_name.get(name, ()) if abs(c.arguments["db"]) >= _RULE_VOLUME_DB]
        if abs(left[place] - right[place]) >= _RULE_BALANCE_DB:
            calls.append(to_call("apply_pan", [(left[place] - right[place]) / FULL_DIFFERENCE_DB]))
        instructions[name] = tuple(calls)
    return canonical(instructions)


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

    @torch.no_grad()
    def say(
        self,
        names: Sequence[Sequence[str]],
        stems: NDArray[np.float32],
        mix: NDArray[np.float32],
    ) -> list[dict[str, tuple[Call, ...]]]:
        """Instructions for examples."""
        presence, values = self(torch.from_numpy(stems), torch.from_numpy(mix))
        said = []
        for row, stem_names in enumerate(names):
            calls: Mapping[str, tuple[Call, ...]] = {
                name: tuple(
                    to_call(tool, [float(values[row, s, c]) for c, (t, _) in enumerate(VALUES) if t == tool])
                    for place, tool in enumerate(TOOL_NAMES)
                    if float(presence[row, s, place].sigmoid()) > 0.5
                )
                for s, name in enumerate(stem_names)
            }
            said.append(canonical(calls))
        return said


def small_loss(network: SmallNetwork, stems: Tensor, mix: Tensor, presence: Tensor, values: Tensor) -> Tensor:
    """Presence as cross entropy, values as mean error where there are any."""
    logits, said = network(stems, mix)
    there = presence[..., [TOOL_NAMES.index(tool) for tool, _ in VALUES]]
    error = ((said - values).abs() * there).sum() / there.sum().clamp_min(1)
    loss: Tensor = nn.functional.binary_cross_entropy_with_logits(logits, presence) + 2 * error
    return loss


def read_small(path: Path) -> SmallNetwork:
    """Reads the network that was trained beside a mixer.

    Raises:
        BadInput: it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from soundwright.core.errors import BadInput

    try:
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
        network = SmallNetwork(len(tensors["inner.bias"]))
        network.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise BadInput(f"expected the small network ({error})", path=path) from error
    return network.eval()
