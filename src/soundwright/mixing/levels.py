"""What a stem's samples say about its recording: level, silence, clipping."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: A stem below this level says nothing in that stretch: no label is drawn for it.
SILENT_DB = -60.0
#: Of the samples; below, a loud master may be meant.
CLIPPED_SHARE = 0.001
#: What is shorter is not shown to the mixer, nor used as a reference.
SHORTEST_S = 0.1
_LOWEST_DB = -120.0


def level_db(samples: NDArray[np.float32]) -> float:
    """RMS of `[C, N]` in dB, full scale 1.0; at least -120."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return max(float(10 * np.log10(max(power, 1e-30))), _LOWEST_DB)


def clipped_share(samples: NDArray[np.float32]) -> float:
    """Part of the samples `[C, N]` that stand at full scale; 0 for floats that go beyond it, which are not clipped."""
    height = np.abs(samples)
    if not samples.size or height.max() > 1.0:
        return 0.0
    return float(np.mean(height >= 0.9999))
