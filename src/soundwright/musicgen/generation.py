"""Tokens of tracks: window by window, saved after each, several tracks at once where that changes nothing.

Tracks whose next windows have the same shape go through the decoder together, if its arithmetic makes a row's numbers
the same whatever the other rows are (`linear.rows_are_independent`); otherwise one after the other. Either way a
track's tokens are those that it would have alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from soundwright.core.errors import SoundwrightError, UsageError
from soundwright.musicgen import tokens
from soundwright.musicgen.decoder import Decoder
from soundwright.musicgen.linear import rows_are_independent
from soundwright.musicgen.melody import Melody
from soundwright.musicgen.sampling import SamplingSettings, generator
from soundwright.musicgen.window import WindowInput, sample_window
from soundwright.musicgen.windows import Window, plan_windows

__all__ = ["Cancelled", "Condition", "Progress", "SamplingSettings", "generate_tokens"]


class Cancelled(SoundwrightError):
    """The user stopped the work; what is saved is whole windows."""

    def __init__(self) -> None:
        super().__init__("stopped; finished windows are kept", remedy="go on with --resume")


@dataclass(frozen=True)
class Progress:
    """How far all tracks together are: windows that are done, frames that are sampled, and of how many."""

    window: int
    num_windows: int
    frame: int
    num_frames: int


@dataclass
class Condition:
    """One track: what it is made from, and where its tokens are kept.

    Args:
        text: text encoder states `[L, text_dim]` of the prompt, or None for none.
        negative: states of what to keep away from, or None.
        frames: length of the track, the given beginning included.
        seed: of its noise.
        prompt_codes: int16 `[K, P]` that the track begins with, or None.
        melody: for a model that takes one.
        state: file that is written after each window; None for none.
        settings: digest of what decides about the tokens; a state that has another is refused.
        resume: go on from `state` where it exists.
    """

    text: Tensor | None
    negative: Tensor | None
    frames: int
    seed: int
    prompt_codes: NDArray[np.int16] | None = None
    melody: Melody | None = None
    state: Path | None = None
    settings: str = ""
    resume: bool = False


@dataclass
class _Track:
    condition: Condition
    codes: NDArray[np.int16]  # [K, T]: all frames so far
    plan: list[Window]
    done: int = 0  # windows

    @property
    def next(self) -> Window:
        return self.plan[self.done]


def generate_tokens(
    decoder: Decoder,
    conditions: list[Condition],
    settings: SamplingSettings,
    *,
    frame_rate: float,
    window_frames: int,
    on_frame: Callable[[Progress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
    saves: bool = True,
) -> list[NDArray[np.int16]]:
    """Samples the tokens of tracks.

    Args:
        decoder: on the device where it is to run.
        conditions: the tracks.
        settings: how codes are drawn.
        frame_rate: frames per second.
        window_frames: longest window of the model.
        on_frame: told after every column.
        cancelled: asked before every column.
        saves: whether this process writes the states (of several that do the same, one).

    Returns:
        int16 `[K, frames]` of each track, un-delayed.

    Raises:
        Cancelled: `cancelled` said so; states keep all whole windows.
        UsageError: a saved state is of other settings, or nothing is to be sampled.
        BadInput: a saved state is damaged, or the decoder's numbers are not finite.
    """
    stride = round(settings.extend_stride * frame_rate)
    tracks = [_begin(condition, decoder, window_frames, stride) for condition in conditions]
    total = sum(window.sampled for track in tracks for window in track.plan)
    num_windows = sum(len(track.plan) for track in tracks)
    together = rows_are_independent(decoder.precision)
    while waiting := [track for track in tracks if track.done < len(track.plan)]:
        group = [track for track in waiting if _shape(track, decoder) == _shape(waiting[0], decoder)]
        group = group if together else group[:1]
        window = group[0].next
        windows_before = sum(track.done for track in tracks)
        before = sum(w.sampled for track in tracks for w in track.plan[: track.done])

        def heard(frames: int, before: int = before, size: int = len(group), windows: int = windows_before) -> None:
            on_frame(Progress(windows, num_windows, before + size * frames, total))
            if cancelled():
                raise Cancelled

        found = sample_window(decoder, window, [_input(t, decoder, frame_rate) for t in group], settings, heard)
        for track, codes in zip(group, found, strict=True):
            track.codes = np.concatenate([track.codes, codes], axis=1)
            track.done += 1
            if track.condition.state is not None and saves:
                state = tokens.TokenState(track.codes, track.condition.frames, track.condition.settings)
                tokens.save(track.condition.state, state)
        done = sum(track.done for track in tracks)
        on_frame(Progress(done, num_windows, before + len(group) * window.sampled, total))
    return [track.codes[:, : track.condition.frames] for track in tracks]


def saved_state(condition: Condition, num_codebooks: int) -> tokens.TokenState | None:
    """What a track goes on from, or None where it begins.

    Raises:
        UsageError: the state is of other settings.
        BadInput: the state is damaged.
    """
    if not condition.resume or condition.state is None or not condition.state.exists():
        return None
    return tokens.load(condition.state, condition.settings, num_codebooks)


def _begin(condition: Condition, decoder: Decoder, window_frames: int, stride: int) -> _Track:
    num_codebooks = decoder.config.num_codebooks
    given = condition.prompt_codes
    if given is None:
        given = np.zeros((num_codebooks, 0), dtype=np.int16)
    if given.shape[0] != num_codebooks:
        raise UsageError(f"the beginning has {given.shape[0]} codebooks, the model {num_codebooks}")
    plan = plan_windows(condition.frames, window_frames, stride, given.shape[1])
    track = _Track(condition, given, plan)
    state = saved_state(condition, num_codebooks)
    if state is not None:
        # A track may have become longer or shorter since: windows that both plans have need not be sampled again.
        planned = plan_windows(state.num_frames, window_frames, stride, given.shape[1])
        same = [window for window, other in zip(plan, planned, strict=False) if window == other]
        same = [window for window in same if window.end <= state.codes.shape[1]]
        if same:
            track.done, track.codes = len(same), state.codes[:, : same[-1].end]
    return track


def _shape(track: _Track, decoder: Decoder) -> tuple[int, int, int]:
    """Windows that agree in this can share a batch: to a melody model texts are columns like all others."""
    lengths = [len(text) for text in (track.condition.text, track.condition.negative) if text is not None]
    return track.next.prompt, track.next.length, 0 if decoder.silent_chroma is None else max(lengths, default=0)


def _input(track: _Track, decoder: Decoder, frame_rate: float) -> WindowInput:
    condition, window = track.condition, track.next
    return WindowInput(
        text=condition.text,
        negative=condition.negative,
        known=track.codes[:, window.start : window.start + window.prompt],
        noise=generator(condition.seed, window.index, decoder.device),
        chroma=None if condition.melody is None else condition.melody.at(window.start / frame_rate),
    )
