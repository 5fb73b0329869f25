"""Level: one factor for all samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def change_volume(samples: NDArray[np.float64], db: float) -> NDArray[np.float64]:
    """Multiplies `[2, N]` by 10^(db / 20)."""
    return np.asarray(samples * 10 ** (db / 20))
