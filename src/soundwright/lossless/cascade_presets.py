"""The presets by number, for ever as they are: a block names the one that it was coded with.

Tuned on one half of the files of benchmarks/lossless_corpus.py (the voice preset also on PocketSphinx's recordings);
the encoder tries them on a part of the block.
"""

from __future__ import annotations

import numpy as np

from soundwright.lossless.cascade import Settings
from soundwright.lossless.cascade_deep import DeepSettings


def _settings(
    *,
    own: tuple[int, ...],
    other: tuple[int, ...],
    decay: tuple[float, ...],
    interval: tuple[int, ...],
    rate: float,
    taps: tuple[int, ...],
    steps: tuple[float, ...],
) -> Settings:
    return Settings(
        np.array(own), np.array(other), np.array(decay), np.array(interval), rate, np.array(taps), np.array(steps)
    )


_CASCADES = (
    _settings(  # music
        own=(32, 16),
        other=(32, 16),
        decay=(0.9998, 0.9985),
        interval=(64, 32),
        rate=0.002,
        taps=(1024, 1024, 256, 32, 32),
        steps=(0.005, 0.2, 0.1, 0.03, 0.015),
    ),
    _settings(  # speech: shorter memories
        own=(32, 32, 32, 16),
        other=(16, 16, 16, 16),
        decay=(0.9998, 0.999, 0.996, 0.988),
        interval=(32, 32, 16, 8),
        rate=0.01,
        taps=(256, 32, 32, 32),
        steps=(0.01, 0.12, 0.06, 0.03),
    ),
)
_VOICE = DeepSettings(
    cascade=_CASCADES[1],
    own=np.array([16, 24, 16, 24]),
    track=np.array([0, 0, 0, 1]),
    half=np.array([7, 3, -1, 3]),
    decay=np.array([(0.975, 0.99), (0.992, 0.998), (0.96, 0.985), (0.98, 0.992)]),
    interval=np.array([(6, 8), (8, 8), (6, 8), (6, 8)]),
    pitch_decay=np.array([0.98, 0.96]),
    pitch_interval=4,
    parts=np.array([0, 1, 2, 3, 4]),
    stack_decay=np.array([(0.97, 0.99, 0.998)]),
    stack_interval=np.array([(4, 4, 4)]),
)
PRESETS: tuple[Settings | DeepSettings, ...] = (*_CASCADES, _VOICE)
