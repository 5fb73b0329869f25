"""What the searches for samples share: how a layout is made, and what says that there is none."""

from __future__ import annotations

from soundwright.formats.swz import ENCODINGS, MAX_CHANNELS, Encoding, Layout

#: A file of ten thousand chunks without samples is no recording, and each costs a seek.
MAX_CHUNKS = 10_000


class NotSound(Exception):
    """The file's samples cannot be predicted; the message says why, as the end of "stored as it is: ..."."""


def layout_between(start: int, end: int, channels: int, sample_rate: int, width: int, order: str, type: str) -> Layout:
    """The layout of what lies between two offsets; a last sample that is cut short stays outside.

    Raises:
        NotSound: too many channels, or an encoding without a number.
    """
    if not 1 <= channels <= MAX_CHANNELS:
        raise NotSound(f"it has {channels} channels, not 1 to {MAX_CHANNELS}")
    encoding = _encoding(width, order, type)
    return Layout(start, max(0, end - start) // (channels * width), channels, sample_rate, encoding)


def _encoding(width: int, order: str, type: str) -> Encoding:
    for encoding in ENCODINGS:
        if (encoding.width, encoding.type) == (width, type) and (width == 1 or encoding.order == order):
            return encoding
    kind = {"i": "integers", "u": "unsigned integers", "f": "floating-point numbers"}[type]
    raise NotSound(f"its samples are {kind} of {8 * width} bits")
