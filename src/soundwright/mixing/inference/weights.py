"""Tensors by name, as a network takes them: each once, in float32, and of the shape that its settings ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Weights:
    """What a network is built from.

    Nothing is allocated by its settings: a shape is compared before anything is computed with it.

    Args:
        tensors: float16 or float32, by name.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._left = dict(tensors)

    def take(self, name: str, *shape: int) -> Floats:
        """A tensor, as float32.

        Raises:
            ValueError: there is none of this name, or it has another shape or type, or a number that is not finite.
        """
        tensor = self._left.pop(name, None)
        if tensor is None:
            raise ValueError(f"there is no tensor {name}")
        if tensor.shape != shape:
            raise ValueError(f"{name} has the shape {list(tensor.shape)}, and the settings ask for {list(shape)}")
        if tensor.dtype not in (np.float16, np.float32):
            raise ValueError(f"{name} is of {tensor.dtype}; expected float16 or float32")
        if not np.isfinite(tensor).all():
            raise ValueError(f"{name} has numbers that are not finite")
        return np.ascontiguousarray(tensor, np.float32)

    def refuse_rest(self) -> None:
        """Refuses tensors that nobody has taken.

        Raises:
            ValueError: there is one.
        """
        if self._left:
            raise ValueError(f"the settings know no tensor {min(self._left)}")
