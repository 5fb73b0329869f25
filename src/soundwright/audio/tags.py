"""Tags inside sound files: a WAV file's INFO list and an MP3 file's ID3v2.4 tag, made and read here.

libsndfile drops an INFO list of more than some hundred bytes and writes ID3 text in another encoding than it says;
the comments of FLAC and Ogg files it keeps whole.
"""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Tags:
    """What a sound file says about itself.

    Attributes:
        title: what it is.
        artist: who or what made it.
        copyright: whose it is, and under which licence.
        software: what wrote it.
        comment: anything.
    """

    title: str = ""
    artist: str = ""
    copyright: str = ""
    software: str = ""
    comment: str = ""

    def items(self) -> list[tuple[str, str]]:
        """Name and text of those that are not empty. NUL, which ends a text in these formats, is left out."""
        return [(name, str(text).replace("\0", "")) for name, text in asdict(self).items() if text]


_INFO = {"title": b"INAM", "artist": b"IART", "copyright": b"ICOP", "software": b"ISFT", "comment": b"ICMT"}
_ID3 = {"title": b"TIT2", "artist": b"TPE1", "copyright": b"TCOP", "software": b"TSSE", "comment": b"COMM"}


def info_chunk(tags: Tags) -> bytes:
    """The LIST chunk of a WAV file, UTF-8; empty where there are no tags."""
    parts = [b"INFO"]
    for name, text in tags.items():
        content = text.encode("utf-8", "replace") + b"\0"
        parts.append(_INFO[name] + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2))
    body = b"".join(parts)
    return b"LIST" + struct.pack("<I", len(body)) + body if len(parts) > 1 else b""


def read_info(path: Path) -> Tags:
    """The tags in the INFO list of a WAV file; none where it has no such list."""
    with open(path, "rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"LIST" and file.read(4) == b"INFO":
                return _info(file.read(size - 4))
            file.seek(size + size % 2 - (4 if name == b"LIST" else 0), 1)
    return Tags()


def _info(body: bytes) -> Tags:
    names = {code: name for name, code in _INFO.items()}
    found: dict[str, str] = {}
    start = 0
    while start + 8 <= len(body):
        code, size = struct.unpack("<4sI", body[start : start + 8])
        if code in names:
            found[names[code]] = body[start + 8 : start + 8 + size].rstrip(b"\0").decode("utf-8", "replace")
        start += 8 + size + size % 2
    return Tags(**found)


def id3_tag(tags: Tags) -> bytes:
    """An ID3v2.4 tag, UTF-8, to stand before an MP3 file's first frame; empty where there are no tags."""
    frames = []
    for name, text in tags.items():
        # Encoding 3 is UTF-8; a comment has a language and an empty description before its text.
        start = b"\3eng\0" if name == "comment" else b"\3"
        content = start + text.encode("utf-8", "replace")
        frames.append(_ID3[name] + _seven_bits(len(content)) + b"\0\0" + content)
    body = b"".join(frames)
    return b"ID3\4\0\0" + _seven_bits(len(body)) + body if body else b""


def read_id3(path: Path) -> Tags:
    """The tags in the ID3v2.4 tag of an MP3 file; none where it begins otherwise."""
    with open(path, "rb") as file:
        header = file.read(10)
        if header[:4] != b"ID3\4":
            return Tags()
        return _id3(file, _from_seven_bits(header[6:10]))


def _id3(file: IO[bytes], size: int) -> Tags:
    body = file.read(size)
    names = {code: name for name, code in _ID3.items()}
    found: dict[str, str] = {}
    start = 0
    while start + 10 <= len(body) and body[start]:
        code, length = body[start : start + 4], _from_seven_bits(body[start + 4 : start + 8])
        content = body[start + 10 : start + 10 + length]
        if code in names and content[:1] == b"\3":
            text = content[4:].partition(b"\0")[2] if code == b"COMM" else content[1:]
            found[names[code]] = text.rstrip(b"\0").decode("utf-8", "replace")
        start += 10 + length
    return Tags(**found)


def _seven_bits(number: int) -> bytes:
    return bytes((number >> shift) & 0x7F for shift in (21, 14, 7, 0))


def _from_seven_bits(data: bytes) -> int:
    return sum(byte << shift for byte, shift in zip(data, (21, 14, 7, 0), strict=True))
