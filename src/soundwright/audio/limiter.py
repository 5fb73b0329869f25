"""A limiter that keeps true peaks under a ceiling, looks ahead, and leaves alone what needs no limiting.

For each sample: by how much must the curve around it come down? Two passes make that a gain without corners: a held
maximum that falls back exponentially (release), and a moving maximum over the look-ahead followed by two moving means
of half its length (attack), which never comes out below what it was given. All of it is sums, maxima and running
maxima over whole arrays; stretches without a peak near the ceiling are only looked at.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.true_peak import CONTEXT, block_peaks
from soundwright.core.extras import needs_extra
from soundwright.core.units import amplitude_from_db, samples_from_seconds

_BLOCK = 32  # of true_peak: the resolution of the gain's cause
#: Samples computed at a time. A multiple of _BLOCK; what comes out does not depend on how samples were pushed.
_STRIDE = 1 << 15
#: Aimed at below the ceiling, in dB: for what the interpolation does not see, and what the changing gain adds.
_MARGIN_DB = 0.04
#: A gain reduction below this is none: 0.0001 dB.
_NOTHING = 1e-5


class Limiter:
    """Takes samples in pieces of any size and gives as many back; `finish` gives those that are still inside.

    All channels get the same gain. A sound whose true peak does not exceed the ceiling passes bit for bit.

    Args:
        sample_rate: Hz.
        channels: number of channels.
        ceiling_db: highest true peak of the output, dBTP; kept within 0.1 dB for sound up to 0.45 of the sample rate,
            within 0.2 dB (by the meter of BS.1770) for white noise.
        look_ahead_s: time in which the gain goes down before a peak, seconds.
        release_s: time in which the reduction falls to 1/e after it, seconds.

    Attributes:
        reduction_db: the largest reduction so far, dB.

    Raises:
        MissingExtra: scipy is not installed.
    """

    def __init__(
        self,
        sample_rate: int,
        channels: int,
        *,
        ceiling_db: float = -1.0,
        look_ahead_s: float = 0.005,
        release_s: float = 0.08,
    ) -> None:
        with needs_extra("music", "limiting"):
            from scipy import ndimage
        self._maximum, self._mean = ndimage.maximum_filter1d, ndimage.uniform_filter1d
        self._ceiling = amplitude_from_db(ceiling_db)
        self._aim = amplitude_from_db(ceiling_db - _MARGIN_DB)
        # Two means of m samples reach 2 (m - 1) back; rounded so that the look-ahead is whole blocks.
        blocks = max(1, math.ceil(samples_from_seconds(look_ahead_s, sample_rate) / _BLOCK))
        self._ahead = blocks * _BLOCK
        self._window = self._ahead // 2
        self._fall = 1.0 / (release_s * sample_rate)
        self._samples = np.zeros((channels, CONTEXT), np.float32)  # from CONTEXT before the first undetected sample
        self._late = np.zeros((channels, 0), np.float32)  # detected, not put out yet
        # What each sample must come down by, from _ahead before the first of _late to its end.
        self._held = np.zeros(self._ahead)
        self._last = 0.0
        self._cause = 0.0  # the last block's, whose curve ends at the first sample of the next
        self.reduction_db = 0.0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes the next samples `[C, n]`, returns those that are done, `[C, m]`.

        Raises:
            ValueError: a sample is NaN or infinite.
        """
        waiting = np.concatenate([self._samples, samples], axis=1)
        done = []
        start = 0
        while waiting.shape[1] - start >= _STRIDE + 2 * CONTEXT + 1:
            done.append(self._advance(waiting[:, start : start + _STRIDE + 2 * CONTEXT + 1]))
            start += _STRIDE
        self._samples = waiting[:, start:].copy()
        return np.concatenate([samples[:, :0], *done], axis=1)

    def finish(self) -> NDArray[np.float32]:
        """Ends the sound: the samples `[C, m]` that were still inside."""
        waiting = self._samples.shape[1] - CONTEXT
        left = waiting + self._late.shape[1]
        # Silence after the end lets the last peak be seen and the last sample out.
        size = -(-(waiting + self._ahead) // _BLOCK) * _BLOCK
        ending = np.zeros((len(self._samples), size + 2 * CONTEXT + 1), np.float32)
        ending[:, : waiting + CONTEXT] = self._samples
        done = self._advance(ending)[:, :left]
        self._samples = self._samples[:, :0]
        return done

    def _advance(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Detects whole blocks, given with their context, and puts out what is then far enough behind."""
        size = samples.shape[1] - 2 * CONTEXT - 1
        held = self._release(self._needed(samples, size), size)
        ready = np.concatenate([self._late, samples[:, CONTEXT : CONTEXT + size]], axis=1)
        needs = np.concatenate([self._held, held])
        # needs[0] belongs _ahead before ready[0]; the last _ahead of ready wait for what comes after them.
        count = max(0, ready.shape[1] - self._ahead)
        self._late, self._held = ready[:, count:].copy(), needs[count:].copy()
        out = ready[:, :count]
        if not needs.any() or not count:
            return out.copy()
        return self._attack(out, needs)

    def _needed(self, samples: NDArray[np.float32], size: int) -> NDArray[np.float64] | None:
        """By which part of itself each block must come down, `[size / _BLOCK]`; None if none must."""
        peaks = block_peaks(samples, self._ceiling).astype(np.float64)
        needed = np.where(peaks > self._ceiling, 1.0 - self._aim / np.maximum(peaks, self._aim), 0.0)
        if not needed.any() and not self._cause:
            return None
        # The curve of a block reaches to the first sample of the next, and its interpolation hears both neighbours.
        before = np.concatenate([[self._cause], needed[:-1]])
        self._cause = float(needed[-1]) if size else self._cause
        whole: NDArray[np.float64] = np.maximum(needed, before)
        return whole

    def _release(self, needed: NDArray[np.float64] | None, size: int) -> NDArray[np.float64]:
        """The held maximum, falling back exponentially, per sample `[size]`."""
        if needed is None and self._last < _NOTHING:
            self._last = 0.0
            return np.zeros(size)
        # max over k <= n of d[k] exp(-(n - k) f) is a running maximum in the logarithm.
        wanted = np.zeros(size // _BLOCK) if needed is None else needed
        slope = self._fall * np.arange(1, size + 1)
        level = np.full(size, -np.inf)
        with np.errstate(divide="ignore"):
            level[:] = np.repeat(np.log(wanted), _BLOCK)
            level += slope
            level[0] = max(level[0], math.log(self._last) if self._last > 0 else -math.inf)
        held: NDArray[np.float64] = np.exp(np.maximum.accumulate(level) - slope)
        held[held < _NOTHING] = 0.0
        self._last = float(held[-1])
        return held

    def _attack(self, samples: NDArray[np.float32], needs: NDArray[np.float64]) -> NDArray[np.float32]:
        """Brings samples `[C, m]` down; `needs` has `_ahead` more on either side."""
        ahead, window = self._ahead, self._window
        # Centred filters, moved: maximum over [n, n + ahead], then means over what lies before.
        highest = self._maximum(needs, ahead + 1)[ahead // 2 : len(needs) - ahead // 2]
        smooth = self._mean(self._mean(highest, window), window)
        # highest[j] looks from j to j + ahead; means of w and w reach back 2 w - 2 <= ahead.
        shift = ahead - window
        reduction = smooth[shift + 1 : shift + 1 + samples.shape[1]]
        reduction = np.where(reduction < _NOTHING / 10, 0.0, reduction)
        most = float(reduction.max(initial=0.0))
        self.reduction_db = max(self.reduction_db, -20 * math.log10(1 - most))
        return samples * (1.0 - reduction).astype(np.float32)


def limit(samples: NDArray[np.float32], sample_rate: int, *, ceiling_db: float = -1.0) -> NDArray[np.float32]:
    """A whole sound `[C, N]` with its true peaks under a ceiling; see `Limiter`.

    >>> loud = np.full((1, 1000), 2.0, np.float32)
    >>> bool(limit(loud, 48_000).max() < 0.9)
    True
    """
    limiter = Limiter(sample_rate, len(samples), ceiling_db=ceiling_db)
    return np.concatenate([limiter.push(samples), limiter.finish()], axis=1)
