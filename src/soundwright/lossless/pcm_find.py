"""Where in a file the samples are: a guess that can cost size, never a byte.

Whatever lies before and after the samples is kept as it is, so nothing here need be strict: broken sizes, chunks in an
odd order, and headers of programs that wrote to a pipe all come back as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO

from soundwright.formats.swz import Layout
from soundwright.lossless.pcm_aiff import find_in_aiff
from soundwright.lossless.pcm_layout import NotSound
from soundwright.lossless.pcm_wav import W64_START, find_in_w64, find_in_wav


@dataclass(frozen=True)
class Found:
    """What a file is.

    Attributes:
        container: its kind, e.g. `WAV`; `file` where it is none of those known here.
        layout: where its samples are, if they can be predicted.
        reason: why they cannot.
    """

    container: str
    layout: Layout | None = None
    reason: str = ""


def find_samples(file: IO[bytes], size: int) -> Found:
    """Looks for the samples of a WAV, RF64, W64 or AIFF file.

    Args:
        file: the file, able to seek.
        size: its length in bytes.
    """
    file.seek(0)
    start = file.read(12)
    container, find = _finder(start)
    if find is None:
        return Found(container, None, "it is no WAV, RF64, W64 or AIFF file" if size else "it is empty")
    try:
        return Found(container, find(file, size))
    except NotSound as error:
        return Found(container, None, str(error))


def _finder(start: bytes) -> tuple[str, Callable[[IO[bytes], int], Layout] | None]:
    """The kind of a file by its first 12 bytes, and what finds the samples in that kind."""
    match start[:4], start[8:]:
        case b"RIFF", b"WAVE":
            return "WAV", partial(find_in_wav, order="<")
        case b"RIFX", b"WAVE":
            return "RIFX WAV", partial(find_in_wav, order=">")
        case ((b"RF64" | b"BW64"), b"WAVE"):
            return "RF64", partial(find_in_wav, order="<")
        case b"FORM", b"AIFF":
            return "AIFF", partial(find_in_aiff, compressed=False)
        case b"FORM", b"AIFC":
            return "AIFC", partial(find_in_aiff, compressed=True)
    return ("W64", find_in_w64) if start == W64_START else ("file", None)
