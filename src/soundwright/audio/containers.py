"""Is an audio file whole? libsndfile reads what is left of a truncated WAV or AIFF without a word; this looks.

Both formats are a sequence of chunks, each a four-letter name and a 32-bit size (RIFF little-endian, FORM big-endian;
RF64 keeps the true size of `data` in its `ds64` chunk). Programs that write to a pipe leave the size of the sound
data at zero or at its maximum; such a file ends where it ends and is whole.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_ORDER = {b"RIFF": "<", b"RF64": "<", b"FORM": ">"}
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000)


def missing_bytes(path: Path) -> int:
    """How many bytes of sound data the header promises and the file lacks; 0 for other formats and whole files."""
    file_size = os.path.getsize(path)
    with open(path, "rb") as file:
        magic = file.read(12)[:4]
        order = _ORDER.get(magic)
        if order is None:
            return 0
        long_size = 0
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack(order + "4sI", header)
            if name == b"ds64":
                long_size = struct.unpack("<Q", file.read(28)[8:16].ljust(8, b"\0"))[0]
                size = max(size, 28) - 28
            elif name in (b"data", b"SSND"):
                if size == 0xFFFFFFFF and long_size:
                    size = long_size
                elif size in _UNKNOWN_SIZES:
                    return 0
                return max(0, int(file.tell() + size - file_size))
            file.seek(size + size % 2, os.SEEK_CUR)
    return 0
