"""Three filters of second order on two channels, compiled: for much sound, since compiling takes a while."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundwright.runs.compiled import kernel


@kernel
def run(samples: NDArray[np.float64], sections: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Three sections in transposed direct form II, `[3, 5]`.

    A recursion waits for its own last sample. Here six run side by side, three sections of two channels, which takes
    half the time of one section after the other.
    """
    a0, a1, a2, a3, a4 = sections[0]
    b0, b1, b2, b3, b4 = sections[1]
    c0, c1, c2, c3, c4 = sections[2]
    state = np.zeros(12)
    for start in range(0, samples.shape[1], 512):
        l1, l2, l3, l4, l5, l6 = state[0], state[1], state[2], state[3], state[4], state[5]
        r1, r2, r3, r4, r5, r6 = state[6], state[7], state[8], state[9], state[10], state[11]
        for n in range(start, min(start + 512, samples.shape[1])):
            x, y = samples[0, n], samples[1, n]
            u, v = a0 * x + l1, a0 * y + r1
            l1, r1 = a1 * x - a3 * u + l2, a1 * y - a3 * v + r2
            l2, r2 = a2 * x - a4 * u, a2 * y - a4 * v
            x, y = b0 * u + l3, b0 * v + r3
            l3, r3 = b1 * u - b3 * x + l4, b1 * v - b3 * y + r4
            l4, r4 = b2 * u - b4 * x, b2 * v - b4 * y
            u, v = c0 * x + l5, c0 * y + r5
            l5, r5 = c1 * x - c3 * u + l6, c1 * y - c3 * v + r6
            l6, r6 = c2 * x - c4 * u, c2 * y - c4 * v
            out[0, n], out[1, n] = u, v
        state[0], state[1], state[2], state[3], state[4], state[5] = l1, l2, l3, l4, l5, l6
        state[6], state[7], state[8], state[9], state[10], state[11] = r1, r2, r3, r4, r5, r6
        # What rings into silence would end in subnormal numbers, which are slow.
        for k in range(12):
            if abs(state[k]) < 1e-60:
                state[k] = 0.0
