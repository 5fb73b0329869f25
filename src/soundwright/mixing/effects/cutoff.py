"""What takes one end of the spectrum away: high pass and low pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundwright.mixing.effects import biquads


def remove_below(samples: NDArray[np.float64], sample_rate: int, cutoff_hz: float) -> NDArray[np.float64]:
    """A Butterworth high pass of second order on `[2, N]`."""
    return biquads.filter_stereo(samples, [biquads.high_pass(cutoff_hz, sample_rate)])


def remove_above(samples: NDArray[np.float64], sample_rate: int, cutoff_hz: float) -> NDArray[np.float64]:
    """A Butterworth low pass of second order on `[2, N]`; beyond half the sample rate there is nothing to remove."""
    if cutoff_hz >= sample_rate / 2:
        return samples
    return biquads.filter_stereo(samples, [biquads.low_pass(cutoff_hz, sample_rate)])
