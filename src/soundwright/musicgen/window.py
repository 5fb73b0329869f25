"""One window of some tracks: the columns that are known in one go, then one column after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundwright.musicgen import delay, sampling
from soundwright.musicgen.decoder import Decoder
from soundwright.musicgen.graph import stepper
from soundwright.musicgen.sampling import SamplingSettings
from soundwright.musicgen.windows import Window

#: A code that is not known yet.
_UNKNOWN = -1


@dataclass
class WindowInput:
    """What one track brings to a window.

    Args:
        text: text encoder states `[L, text_dim]` of the prompt, or None.
        negative: those of the negative prompt, or None.
        known: int16 `[K, P]`, the frames that the window begins with.
        noise: of this track and window.
        chroma: `[C, num_chroma]` of a melody, or None.
    """

    text: Tensor | None
    negative: Tensor | None
    known: NDArray[np.int16]
    noise: torch.Generator
    chroma: NDArray[np.float32] | None = None


@dataclass
class _Row:
    """A row of the decoder's batch: a track with its prompt, or (for guidance) without."""

    item: int
    prompted: bool
    text: Tensor | None


class Rows:
    """The rows of some tracks, those with a text first: the others skip cross-attention.

    Args:
        items: the tracks.
        guided: whether each has a second row, for guidance.
    """

    def __init__(self, items: list[WindowInput], *, guided: bool) -> None:
        rows = [_Row(i, True, item.text) for i, item in enumerate(items)]
        if guided:
            rows += [_Row(i, False, item.negative) for i, item in enumerate(items)]
        self.rows = sorted(rows, key=lambda row: row.text is None)
        self.items = [row.item for row in self.rows]  # R: whose row it is
        where = {(row.item, row.prompted): index for index, row in enumerate(self.rows)}
        self.prompted = [where[i, True] for i in range(len(items))]  # B
        self.unprompted = [where[i, False] for i in range(len(items))] if guided else []  # B

    def texts(self, device: str) -> list[Tensor]:
        """Of the first rows, `[L, text_dim]` each."""
        return [row.text.to(device) for row in self.rows if row.text is not None]

    def chroma(self, items: list[WindowInput], silent: NDArray[np.float32], device: str) -> Tensor:
        """`[R, C, num_chroma]`: a track's own in its prompted row, silence elsewhere."""
        found = [items[row.item].chroma if row.prompted else None for row in self.rows]
        return torch.from_numpy(np.stack([silent if own is None else own for own in found])).to(device)


def sample_window(
    decoder: Decoder,
    window: Window,
    items: list[WindowInput],
    settings: SamplingSettings,
    heard: Callable[[int], None],
) -> NDArray[np.int16]:
    """Samples the frames of a window that are not known: int16 `[B, K, window.sampled]`.

    Args:
        decoder: the network.
        window: its prompt and length hold for all items.
        items: B tracks.
        settings: how codes are drawn.
        heard: told before every column how many frames are sampled; what it raises ends the window.

    Raises:
        BadInput: the decoder's numbers are not finite.
    """
    late = delay.delays(decoder.config.num_codebooks, decoder.config.audio_channels)
    padding = decoder.config.pad_token_id
    forced = np.stack([delay.apply(_padded(item.known, window.length), late, padding) for item in items])  # [B, K, c]
    device = decoder.device
    # With a coefficient of 1 guidance gives the prompted logits back: half the work.
    rows = Rows(items, guided=settings.cfg_coef != 1.0)
    generators = [item.noise for item in items]
    with torch.inference_mode():
        columns = torch.from_numpy(forced).to(device)  # [B, K, c]
        known = columns != _UNKNOWN  # [B, K, c]
        of_row = torch.tensor(rows.items, device=device)  # [R]
        texts = rows.texts(device)
        cache = decoder.start(len(rows.items), columns.shape[2], texts)
        first = window.prompt + 1
        logits = decoder(
            columns[of_row, :, :first],
            cache,
            texts,
            None if decoder.silent_chroma is None else rows.chroma(items, decoder.silent_chroma, device),
        )  # [R, K, V]
        step = stepper(decoder, cache)
        finite = torch.ones((), dtype=torch.bool, device=device)
        for c in range(first, columns.shape[2]):
            heard(max(c - first - max(late), 0))
            if settings.cfg_coef == 1.0:
                guided = logits[rows.prompted]  # [B, K, V]
            else:
                guided = sampling.guide(logits[rows.prompted], logits[rows.unprompted], settings.cfg_coef)
            finite &= guided.isfinite().all()
            if c == first or device == "cpu":
                # A GPU is asked only where weights may be damaged and at the end: it would have to be waited for.
                sampling.require_finite(finite, decoder.precision)
            drawn = sampling.draw(guided, settings, generators)  # [B, K]
            columns[..., c] = torch.where(known[..., c], columns[..., c], drawn)
            if c + 1 < columns.shape[2]:
                logits = step(columns[of_row, :, c : c + 1])  # [R, K, V]
        sampling.require_finite(finite, decoder.precision)
    found = np.stack([delay.undo(item, late) for item in columns.cpu().numpy()])  # [B, K, length]
    return found[..., window.prompt :].astype(np.int16)


def _padded(known: NDArray[np.int16], length: int) -> NDArray[np.int64]:
    codes = np.full((known.shape[0], length), _UNKNOWN, dtype=np.int64)
    codes[:, : known.shape[1]] = known
    return codes
