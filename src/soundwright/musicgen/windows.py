"""Which frames are sampled when: a long track is a row of overlapping windows, none longer than the model can do.

A window begins with tokens that the one before it sampled; they are its musical memory and are never sampled again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from soundwright.core.errors import UsageError


@dataclass(frozen=True)
class Window:
    """Frames `start` to `end` of a track, of which the first `prompt` are known before.

    `index` counts from the beginning of the track, also where a long prompt makes the first windows superfluous.
    """

    index: int
    start: int
    prompt: int
    end: int

    @property
    def length(self) -> int:
        """Frames of the window, known and sampled."""
        return self.end - self.start

    @property
    def sampled(self) -> int:
        """Frames that this window adds to the track."""
        return self.length - self.prompt


def frames_from_seconds(duration_s: float, frame_rate: float) -> int:
    """Frames of a duration, rounded to the nearest (halves up).

    >>> frames_from_seconds(30.0, 50.0)
    1500
    """
    return math.floor(duration_s * frame_rate + 0.5)


def plan_windows(frames: int, window: int, stride: int, prompt_frames: int = 0) -> list[Window]:
    """Covers a track with windows that begin every `stride` frames (as AudioCraft's `genmodel.py`).

    Args:
        frames: length of the whole track.
        window: longest window that the model can do.
        stride: frames between the beginnings of windows; `window - stride` frames are remembered.
        prompt_frames: how many frames are known at the beginning of the track.

    Raises:
        UsageError: nothing would be sampled, or a window would remember nothing.

    >>> [(w.start, w.prompt, w.end) for w in plan_windows(3000, 1500, 900)]
    [(0, 0, 1500), (900, 600, 2400), (1800, 600, 3000)]
    """
    if not 0 < stride < window:
        raise UsageError(
            f"--extend_stride must lie between 0 and the {window} frames of a window, not {stride} frames",
            remedy="18 seconds are usual",
        )
    if frames <= prompt_frames:
        raise UsageError(
            f"nothing to sample: {frames} frames are asked for and {prompt_frames} are given",
            remedy="give a longer --duration; it counts from the beginning of what is continued",
        )
    windows: list[Window] = []
    index, done = 0, prompt_frames
    while done < frames:
        start, end = index * stride, min(frames, index * stride + window)
        if end > done:
            windows.append(Window(index, start, done - start, end))
            done = end
        index += 1
    return windows
