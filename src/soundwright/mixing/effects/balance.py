"""Where a stem stands between the loudspeakers: one factor for each channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Level difference at the ends of the range. A sound with 15 to 18 dB more on one side is heard from that loudspeaker.
FULL_DIFFERENCE_DB = 18.0


def pan(samples: NDArray[np.float64], balance: float) -> NDArray[np.float64]:
    """Raises one channel of `[2, N]` by as many dB as it lowers the other.

    That the factors are each other's inverse is what makes -balance undo +balance exactly; no law that keeps the power
    constant does. The price is loudness: +2 dB at a balance of 0.5 where both channels are alike.

    Args:
        samples: stereo.
        balance: -1 (left) to 1 (right).
    """
    right = 10 ** (balance * FULL_DIFFERENCE_DB / 40)
    return np.asarray(samples * np.array([[1 / right], [right]]))
