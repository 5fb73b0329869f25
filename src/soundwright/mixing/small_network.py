"""What the mixer has to beat with learning: a small network that sees the same numbers. `baselines` trains it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.formats.instructions import Call
from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
from soundwright.mixing.inference.layers import Linear
from soundwright.mixing.inference.weights import Floats, Weights
from soundwright.mixing.labels import TOOL_NAMES, VALUES, to_call
from soundwright.mixing.tools import canonical


class SmallNetwork:
    """A perceptron per stem with one hidden layer: presence and value of each tool at once.

    It sees the features of the stem, of the mix, and the mean over the other stems.

    Args:
        weights: `inner` and `outer`.
        hidden: features of the hidden layer.

    Raises:
        ValueError: the weights are others.
    """

    def __init__(self, weights: Weights, hidden: int) -> None:
        self._inner = Linear.of(weights, "inner", 2 * STEM_FEATURES + MIX_FEATURES, hidden)
        self._outer = Linear.of(weights, "outer", hidden, len(TOOL_NAMES) + len(VALUES))
        weights.refuse_rest()

    def __call__(self, stems: Floats, mix: Floats) -> tuple[Floats, Floats]:
        """`[B, S, STEM_FEATURES]`, `[B, MIX_FEATURES]` to logits `[B, S, tools]` and values `[B, S, values]`."""
        num_stems = stems.shape[1]
        others = (stems.sum(axis=1, keepdims=True) - stems) / max(1, num_stems - 1)  # [B, S, STEM_FEATURES]
        whole = np.broadcast_to(mix[:, None], (len(mix), num_stems, mix.shape[1]))  # [B, S, MIX_FEATURES]
        x = np.maximum(self._inner(np.concatenate([stems, others, whole], axis=-1)), 0)  # [B, S, hidden]
        presence, values = np.split(self._outer(x), [len(TOOL_NAMES)], axis=-1)
        return presence, values

    def say(self, names: Sequence[Sequence[str]], stems: Floats, mix: Floats) -> list[dict[str, tuple[Call, ...]]]:
        """Instructions for examples, whose stems have names."""
        presence, values = self(stems, mix)
        rows = zip(names, presence, values, strict=True)
        return [
            canonical({name: _calls(*said) for name, *said in zip(stem_names, likely, scaled, strict=True)})
            for stem_names, likely, scaled in rows
        ]


def _calls(presence: NDArray[np.float32], values: NDArray[np.float32]) -> tuple[Call, ...]:
    """The calls of a stem: those that are likelier than not, from logits `[tools]` and values `[values]`."""
    return tuple(
        to_call(tool, [float(value) for value, (name, _) in zip(values, VALUES, strict=True) if name == tool])
        for tool, logit in zip(TOOL_NAMES, presence, strict=True)
        if logit > 0
    )


def read_small(path: Path) -> SmallNetwork:
    """Reads the network that was trained beside a mixer.

    Raises:
        BadInput: it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
        return SmallNetwork(Weights(tensors), len(tensors["inner.bias"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise BadInput(f"expected the small network ({error})", path=path, remedy="copy the mixer again") from error
