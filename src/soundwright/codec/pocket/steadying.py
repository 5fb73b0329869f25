"""Held tones without roughness: each frequency bin averaged with its own past, turned forward to now.

A network that predicts spectra frame by frame jitters in phase at the frame rate, which is heard (and measured) as
power between the harmonics of a held note. The remedy is that of a phase vocoder (Laroche and Dolson, 1999): what a
held tone does from frame to frame is a rotation, and the rotation can be measured. There are no weights in here.

    turn[t]  = 0.95 sqrt(g) turn[t-1] + (1/4 1/2 1 1/2 1/4 over bins) s[t] conj(s[t-1])
    y[t]     = g turn[t] / |turn[t]| y[t-1] + (1 - g) s[t]

Where the network opens the gate g, what is not part of a held tone (frame-to-frame jitter, heard as roughness between
harmonics) averages out; with g = 0 nothing changes. An open gate also averages the rotation over longer; a closed one
forgets the note before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundwright.codec.pocket.config import NUM_BINS

Float32 = NDArray[np.float32]
Complex64 = NDArray[np.complex64]


class SteadyState(NamedTuple):
    """What is carried from one piece of a stream to the next, complex `[F]` each.

    Attributes:
        spectrum: last spectrum that came in.
        turning: running average of the rotation.
        steadied: last spectrum that went out.
    """

    spectrum: Complex64
    turning: Complex64
    steadied: Complex64

    @classmethod
    def nothing(cls, num_bins: int = NUM_BINS) -> SteadyState:
        """The state before a stream begins."""
        zeros = np.zeros(num_bins, np.complex64)
        return cls(zeros, zeros, zeros)


def steady(spectrum: Complex64, gate: Float32, past: SteadyState) -> tuple[Complex64, SteadyState]:
    """Averages each frequency bin with its own past, turned forward to now.

    Args:
        spectrum: complex `[T, F]`.
        gate: `[T, F]` in 0..1.
        past: of the frame before.

    Returns:
        Steadied spectra, complex `[T, F]`, and what the next call needs.
    """
    before = np.concatenate([past.spectrum[None], spectrum[:-1]])  # [T, F]
    turn = spectrum * np.conj(before, out=before)
    num_frames, num_bins = turn.shape
    sides = np.zeros((num_frames, num_bins + 4), np.complex64)
    sides[:, 2:-2] = turn
    near = sides[:, 1:-3] + sides[:, 3:-1]
    near *= np.float32(0.5)
    turn += near
    far = np.add(sides[:, :-4], sides[:, 4:], out=near)
    far *= np.float32(0.25)
    turn += far
    memory = np.float32(0.95) * np.sqrt(gate)
    turn = linear_recurrence(memory.astype(np.complex64), turn, past.turning)  # of one type, or each step casts
    length = np.abs(turn)
    length += np.float32(1e-12)
    rotation = turn * (gate / length)  # gate times the unit phasor
    fresh = (1 - gate) * spectrum
    steadied = linear_recurrence(rotation, fresh, past.steadied)
    return steadied, SteadyState(spectrum[-1], turn[-1], steadied[-1])


def linear_recurrence(a: Complex64, b: Complex64, first: Complex64) -> Complex64:
    """y[t] = a[t] y[t-1] + b[t] with y[-1] = `first`; `a`, `b` `[T, F]`, `first` `[F]`. `b` becomes y."""
    last = first
    term = np.empty_like(first)
    for factor, now in zip(a, b, strict=True):
        np.multiply(factor, last, out=term)
        now += term
        last = now
    return b
