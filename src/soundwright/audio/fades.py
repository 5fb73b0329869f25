"""Fades: raised cosines, which begin and end without a corner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fades:
    """A fade in and a fade out of a sound that arrives in pieces. Where they overlap both apply.

    Attributes:
        num_samples: length of the whole sound.
        fade_in: samples until it is at its own level; 0 for none.
        fade_out: samples in which it goes to silence at its end; 0 for none.
    """

    num_samples: int
    fade_in: int = 0
    fade_out: int = 0

    def apply(self, samples: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        """Samples `[C, n]` that begin at sample `start` of the sound, faded; the same array where no fade reaches.

        >>> bool((Fades(10, fade_in=4).apply(np.ones((1, 10), np.float32), 0)[0, 4:] == 1).all())
        True
        """
        position = np.arange(start, start + samples.shape[1])
        if start < self.fade_in:
            samples = samples * _rise(position, self.fade_in)
        if start + samples.shape[1] > self.num_samples - self.fade_out:
            samples = samples * _rise(self.num_samples - 1 - position, self.fade_out)
        return samples


def _rise(position: NDArray[np.int64], length: int) -> NDArray[np.float32]:
    """The gain at samples counted from the silent end, `[n]`."""
    gain: NDArray[np.float64] = 0.5 - 0.5 * np.cos(np.pi * np.clip((position + 0.5) / length, 0.0, 1.0))
    return gain.astype(np.float32)
