"""Is an audio file whole? libsndfile reads what is left of a truncated file without a word; this looks.

- RIFF (WAV), RF64, FORM (AIFF) and W64 are sequences of chunks, each with its name and size; AU has one size in its
  header. Programs that write to a pipe leave the size of the sound data at zero or at its maximum; such a file ends
  where it ends and is whole.
- The last page of an Ogg stream is marked as such (RFC 3533).
- An MP3 file says how many frames it has if it begins with a Xing or Info frame; whoever decodes it can count them.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO

_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000)
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
#: The longest possible Ogg page: 27 bytes, 255 lengths, 255 segments of 255.
_LONGEST_PAGE = 27 + 255 + 255 * 255


def what_is_missing(path: Path) -> str | None:
    """What a file lacks of what its header promises; None for whole files and for formats that promise nothing."""
    file_size = os.path.getsize(path)
    with open(path, "rb") as file:
        magic = file.read(4)
        file.seek(0)
        match magic:
            case b"RIFF" | b"RF64":
                missing = _missing_chunk_bytes(file, "<", file_size)
            case b"FORM":
                missing = _missing_chunk_bytes(file, ">", file_size)
            case b"riff":
                missing = _missing_w64_bytes(file, file_size)
            case b".snd":
                _, offset, size = struct.unpack(">4sII", file.read(12).ljust(12, b"\0"))
                missing = 0 if size in _UNKNOWN_SIZES else offset + size - file_size
            case b"OggS":
                return None if _has_last_ogg_page(file, file_size) else "the last page of its stream is missing"
            case _:
                return None
    return f"{missing} bytes of its sound data are missing" if missing > 0 else None


def states_its_length(path: Path) -> bool:
    """Whether the number of samples in the header is exact: FLAC, and MP3 with a Xing or Info frame."""
    with open(path, "rb") as file:
        start = file.read(10)
        if start[:4] == b"fLaC":
            return True
        if start[:3] == b"ID3":
            # The size of the tag: four bytes of seven bits.
            size = sum(byte << shift for byte, shift in zip(start[6:10], (21, 14, 7, 0), strict=True))
            file.seek(10 + size)
        else:
            file.seek(0)
        first_frame = file.read(256)
    return b"Xing" in first_frame or b"Info" in first_frame


def _missing_chunk_bytes(file: IO[bytes], order: str, file_size: int) -> int:
    file.seek(12)
    long_size = 0
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack(order + "4sI", header)
        if name == b"ds64":
            # RF64 keeps the true size of `data` here.
            long_size = struct.unpack("<Q", file.read(28)[8:16].ljust(8, b"\0"))[0]
            size = max(size, 28) - 28
        elif name in (b"data", b"SSND"):
            if size == 0xFFFFFFFF and long_size:
                size = long_size
            elif size in _UNKNOWN_SIZES:
                return 0
            return int(file.tell() + size - file_size)
        file.seek(size + size % 2, os.SEEK_CUR)
    return 0


def _missing_w64_bytes(file: IO[bytes], file_size: int) -> int:
    file.seek(40)  # id and size of the file, id of the form
    while len(header := file.read(24)) == 24:
        name, size = struct.unpack("<16sQ", header)
        if name == _W64_DATA:
            return int(file.tell() - 24 + size - file_size)
        file.seek(max(0, (size + 7) // 8 * 8 - 24), os.SEEK_CUR)
    return 0


def _has_last_ogg_page(file: IO[bytes], file_size: int) -> bool:
    file.seek(max(0, file_size - _LONGEST_PAGE))
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return False
    last_of_stream = tail[at + 5] & 4
    lengths = tail[at + 27 : at + 27 + tail[at + 26]]
    return bool(last_of_stream) and len(tail) >= at + 27 + len(lengths) + sum(lengths)
