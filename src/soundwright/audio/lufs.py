"""Integrated loudness in LUFS, over a sound that arrives in pieces (ITU-R BS.1770-4, gated as EBU R 128 asks)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.recursive_filter import SectionCascade

#: Blocks of 400 ms start every 100 ms.
_STEPS_PER_SECOND = 10
_STEPS_PER_BLOCK = 4
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
#: Weights by number of channels, in the standard's order; the low-frequency channel of six counts nothing.
_WEIGHTS = {
    1: (1.0,),
    2: (1.0, 1.0),
    3: (1.0, 1.0, 1.0),
    5: (1.0, 1.0, 1.0, 1.41, 1.41),
    6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41),
}


class LoudnessMeter:
    """Takes samples in pieces of any size; memory grows by ten numbers a second.

    Args:
        sample_rate: Hz, at least 8000.
        channels: 1, 2, 3, 5 or 6, in the standard's order.

    Raises:
        ValueError: the standard has no weights for so many channels, or the filters do not fit the rate.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        if channels not in _WEIGHTS:
            raise ValueError(f"BS.1770 has no weights for {channels} channels")
        if sample_rate < 8_000:
            raise ValueError(f"the weighting filters need 8000 Hz or more, found {sample_rate}")
        self._filter = SectionCascade(k_weighting(sample_rate), channels)
        self._weights = np.array(_WEIGHTS[channels])
        self._rate = sample_rate
        self._position = 0
        self._steps: list[float] = []
        self._open = 0.0  # energy of the step that is not full yet

    def push(self, samples: NDArray[np.float32]) -> None:
        """Takes the next samples `[C, n]`.

        Raises:
            ValueError: a sample is NaN or infinite.
        """
        if not samples.shape[1]:
            return
        if not np.isfinite(samples).all():
            raise ValueError("a sample is NaN or infinite")
        power = self._weights @ np.square(self._filter(samples))
        start, end = self._position, self._position + len(power)
        first = start * _STEPS_PER_SECOND // self._rate
        # Where steps end: rounded, so that rates that ten does not divide drift nowhere.
        last = end * _STEPS_PER_SECOND // self._rate
        ends = np.array([self._step_end(step) for step in range(first, last + 1)])
        cuts = np.concatenate([[0], ends[(ends > start) & (ends <= end)] - start])
        total = np.add.reduceat(np.append(power, 0.0), np.minimum(cuts, len(power)))
        for energy in total[:-1]:
            self._steps.append(self._open + float(energy))
            self._open = 0.0
        self._open += float(total[-1])
        self._position = end

    def _step_end(self, step: int) -> int:
        return -(-(step + 1) * self._rate // _STEPS_PER_SECOND)

    def integrated(self) -> float:
        """LUFS so far; minus infinity for silence and for what is shorter than one block of 0.4 s."""
        steps = np.array(self._steps)
        if len(steps) < _STEPS_PER_BLOCK:
            return -math.inf
        block = np.convolve(steps, np.ones(_STEPS_PER_BLOCK), "valid")
        power = block / (_STEPS_PER_BLOCK / _STEPS_PER_SECOND * self._rate)
        power = power[power > _power(_ABSOLUTE_GATE)]
        if not len(power):
            return -math.inf
        gate = _power(_loudness(float(power.mean())) + _RELATIVE_GATE)
        return _loudness(float(power[power > gate].mean()))


def integrated_loudness(samples: NDArray[np.float32], sample_rate: int) -> float:
    """LUFS of a whole sound `[C, N]`; see `LoudnessMeter`.

    >>> t = np.arange(5 * 48_000) / 48_000
    >>> tone = np.sin(2 * np.pi * 1000 * t).astype(np.float32)
    >>> round(integrated_loudness(0.1 * np.stack([tone, tone]), 48_000), 1)
    -20.0
    """
    meter = LoudnessMeter(sample_rate, len(samples))
    meter.push(samples)
    return meter.integrated()


def k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """The two filters of BS.1770-4 as second-order sections `[2, 6]`.

    The standard gives coefficients for 48 kHz only. These are the analogue filters behind them (B. De Man, "Evaluation
    of implementations of the EBU R128 loudness measurement", AES 145, 2018), which give the standard's at 48 kHz.
    """
    # A high shelf: the head.
    gain, quality, frequency = 10 ** (3.999843853973347 / 20), 0.7071752369554193, 1681.9744509555319
    k = math.tan(math.pi * frequency / sample_rate)
    middle = gain**0.4996667741545416
    norm = 1 + k / quality + k * k
    shelf = [
        (gain + middle * k / quality + k * k) / norm,
        2 * (k * k - gain) / norm,
        (gain - middle * k / quality + k * k) / norm,
        1.0,
        2 * (k * k - 1) / norm,
        (1 - k / quality + k * k) / norm,
    ]
    # A high pass.
    quality, frequency = 0.5003270373253953, 38.13547087613982
    k = math.tan(math.pi * frequency / sample_rate)
    norm = 1 + k / quality + k * k
    high = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / quality + k * k) / norm]
    return np.array([shelf, high])


def _loudness(power: float) -> float:
    return -0.691 + 10 * math.log10(power)


def _power(loudness: float) -> float:
    return float(10 ** ((loudness + 0.691) / 10))
