"""Many channels become one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.core.units import amplitude_from_db

#: Channels cancel when their mix lies this far below the louder of them.
CANCEL_DB = -40.0

Mono = Literal["mix", "left", "right"]


def column_of(mono: Mono, channels: int) -> int:
    """The channel that `left` or `right` means: of one channel both mean that one."""
    return min(int(mono == "right"), channels - 1)


def to_mono(piece: NDArray[np.float32], mono: Mono) -> NDArray[np.float32]:
    """One channel `[n]` from `[n, C]`."""
    from soundwright.audio.files import mix_to_mono

    return mix_to_mono(piece) if mono == "mix" else piece[:, column_of(mono, piece.shape[1])]


def read_mono(path: Path, sample_rate: int, mono: Mono) -> NDArray[np.float32]:
    """Reads a file piece by piece into mono `[N]` at another rate; only the result is held in memory."""
    from soundwright.audio.files import open_audio
    from soundwright.audio.resample import resample_pieces

    with open_audio(path) as reader:
        pieces = (to_mono(piece, mono) for piece in reader.pieces())
        return np.concatenate(list(resample_pieces(pieces, reader.info.sample_rate, sample_rate)))


def channels_cancel(path: Path, rms: float) -> bool:
    """Whether a channel is far louder than `rms`, that of the mix. Reads the file again, if that is possible at all."""
    from soundwright.audio.files import open_audio

    limit = rms / amplitude_from_db(CANCEL_DB)
    if limit >= 1.0:
        return False
    with open_audio(path) as reader:
        energies = [np.square(piece, dtype=np.float64).mean(axis=0).max() for piece in reader.pieces()]
    return bool(max(energies) > limit**2)


class ChannelsCancel(BadInput):
    """A mix to mono would be next to silence, though the channels are not."""


def cancelled(path: Path) -> ChannelsCancel:
    """What to say of a file whose channels cancel."""
    return ChannelsCancel("its channels cancel when mixed (anti-phase)", path=path, remedy="give --mono left")
