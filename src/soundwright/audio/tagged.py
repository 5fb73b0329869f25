"""Sound files written in pieces, in constant memory, with tags inside: WAV, FLAC, Ogg Vorbis, MP3."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundwright.audio import tags as tagging
from soundwright.audio.files import sixteen_bit
from soundwright.audio.tags import Tags
from soundwright.core.errors import BadInput
from soundwright.runs import atomic

#: Formats and their sample formats in libsndfile. All four keep every tag whole.
FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}
#: Between 0 (largest file) and 1: Vorbis at quality 8 of 10, MP3 at about 200 kbps.
_COMPRESSION = 0.2
_LARGEST_WAV = (1 << 32) - (1 << 20)
#: Long single writes of Vorbis and FLAC crash older libsndfile.
_PIECE = 1 << 15


@dataclass(frozen=True)
class Written:
    """What became of the samples.

    Attributes:
        num_samples: per channel.
        clipped: samples of any channel that exceeded full scale.
    """

    num_samples: int
    clipped: int


def write_tagged(
    path: Path, pieces: Iterable[NDArray[np.float32]], sample_rate: int, channels: int, *, format: str, tags: Tags
) -> Written:
    """Writes pieces `[C, n]`, full scale 1.0, to a sound file, atomically.

    WAV and FLAC get 16 bits. A WAV or MP3 file of the same samples and tags has the same bytes; an Ogg stream has a
    number drawn by chance in its header.

    Args:
        path: the file.
        pieces: float32 `[C, n]`; what exceeds full scale is clipped and counted.
        sample_rate: Hz.
        channels: C.
        format: one of `FORMATS`.
        tags: to be kept inside.

    Raises:
        BadInput: the format cannot hold this rate, this many channels or this many samples.
        OSError: the disk is full, or the folder cannot be written.
    """
    if format != "wav" and not soundfile.check_format(format.upper(), FORMATS[format]):
        raise BadInput(f"the installed libsndfile writes no {format}", path=path, remedy="use --format wav")
    counter = _Counter(pieces)
    with atomic.atomic_path(path) as temporary, open(temporary, "wb") as file:
        if format == "wav":
            _write_wav(file, counter, sample_rate, channels, tags, path)
        else:
            if format == "mp3":
                file.write(tagging.id3_tag(tags))
            _write_by_library(file, counter, sample_rate, channels, format, tags, path)
    return Written(counter.num_samples, counter.clipped)


def read_tags(path: Path) -> Tags:
    """The tags of a file that `write_tagged` wrote; empty ones for any other.

    Raises:
        BadInput: the file is no sound file.
        OSError: it cannot be read.
    """
    with open(path, "rb") as opened:
        magic = opened.read(4)
    if magic == b"RIFF":
        return tagging.read_info(path)
    if magic[:3] == b"ID3":
        return tagging.read_id3(path)
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            software = file.software.partition(" (libsndfile")[0]
            return Tags(file.title, file.artist, file.copyright, software, file.comment)
    except soundfile.LibsndfileError as error:
        raise BadInput("cannot be read as audio", path=path, remedy="give a whole sound file") from error


class _Counter:
    """Pieces cut to a size that every library bears, counted as they pass."""

    def __init__(self, pieces: Iterable[NDArray[np.float32]]) -> None:
        self._pieces = pieces
        self.num_samples = self.clipped = 0

    def __iter__(self) -> Any:
        for piece in self._pieces:
            for start in range(0, piece.shape[1], _PIECE):
                part = piece[:, start : start + _PIECE]
                self.num_samples += part.shape[1]
                self.clipped += int(np.count_nonzero(np.abs(part) > 1.0))
                yield part.T


def _write_wav(file: IO[bytes], pieces: _Counter, sample_rate: int, channels: int, tags: Tags, path: Path) -> None:
    information = tagging.info_chunk(tags)
    width = 2 * channels
    form = struct.pack("<IHHIIHH", 16, 1, channels, sample_rate, sample_rate * width, width, 16)
    file.write(b"RIFF\0\0\0\0WAVEfmt " + form + information + b"data\0\0\0\0")
    start = file.tell()
    for piece in pieces:
        file.write(sixteen_bit(piece).tobytes())
        if file.tell() > _LARGEST_WAV:
            raise BadInput("would be more than 4 GB, which WAV cannot hold", path=path, remedy="use --format flac")
    end = file.tell()
    for place, size in ((4, end - 8), (start - 4, end - start)):
        file.seek(place)
        file.write(struct.pack("<I", size))


def _write_by_library(
    file: IO[bytes], pieces: _Counter, sample_rate: int, channels: int, format: str, tags: Tags, path: Path
) -> None:
    honest = _HonestFile(file)
    compression = None if format == "flac" else _COMPRESSION
    try:
        with soundfile.SoundFile(
            honest, "w", sample_rate, channels, FORMATS[format], format=format.upper(), compression_level=compression
        ) as sound:
            if format != "mp3":
                for name, text in tags.items():
                    setattr(sound, name, text)
            for piece in pieces:
                sound.write(sixteen_bit(piece) if format == "flac" else np.clip(piece, -1.0, 1.0))
                honest.complain()
    except soundfile.LibsndfileError as error:
        honest.complain()
        what = f"{format} cannot hold {channels} channels at {sample_rate} Hz ({error.error_string.strip()})"
        raise BadInput(what, path=path, remedy="use --format wav") from error
    honest.complain()


class _HonestFile:
    """A file for libsndfile that remembers why a write failed: the library says only "System error".

    Positions count from where the file stood when it was handed over.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell()
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self._error = error
            return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset + (self._start if whence == os.SEEK_SET else 0), whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def read(self, size: int = -1) -> bytes:
        return b""

    def flush(self) -> None:
        self._file.flush()

    def complain(self) -> None:
        if self._error is not None:
            raise self._error


def require_space(folder: Path, num_bytes: int) -> None:
    """Refuses work whose result will not fit on the disk.

    Raises:
        BadInput: less than `num_bytes` are free where `folder` lies.
    """
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise BadInput(
            f"needs {num_bytes / 1e6:.0f} MB of disk, {free / 1e6:.0f} MB are free",
            path=folder,
            remedy="free some space, or choose another --output",
        )
