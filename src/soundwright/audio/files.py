"""Audio files in and out, through libsndfile: the only module that names `soundfile`."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from soundwright.audio.containers import states_its_length, what_is_missing
from soundwright.audio.quiet import quiet
from soundwright.core.errors import BadInput
from soundwright.runs import atomic

#: Files are read in pieces of this many samples per channel, so memory does not follow their length.
_PIECE = 1 << 17
#: Bytes of sound data; a WAV file states its size with its header in 32 bits.
_LARGEST_WAV = (1 << 32) - 1024


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says.

    Attributes:
        sample_rate: Hz.
        channels: number of channels.
        num_samples: samples per channel.
        subtype: libsndfile's name of the sample format, e.g. `PCM_16`.
    """

    sample_rate: int
    channels: int
    num_samples: int
    subtype: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate


def probe(path: Path) -> AudioInfo:
    """Reads the header of an audio file.

    Raises:
        BadInput: the file is missing, or no format that libsndfile reads.
    """
    try:
        with _silence(path):
            info = soundfile.info(os.fsencode(path))
    except soundfile.LibsndfileError as error:
        raise _unreadable(path, error) from error
    return AudioInfo(info.samplerate, info.channels, info.frames, info.subtype)


def audio_extensions() -> tuple[str, ...]:
    """File endings of the formats that the installed libsndfile reads and that name themselves in their header."""
    known = {
        "wav",
        "flac",
        "ogg",
        "oga",
        "opus",
        "mp3",
        "aif",
        "aiff",
        "aifc",
        "au",
        "snd",
        "caf",
        "w64",
        "rf64",
    }
    available = {name.lower() for name in soundfile.available_formats()}
    return tuple(sorted(known - ({"mp3"} if "mp3" not in available else set())))


class AudioReader:
    """An open audio file, read in pieces.

    Attributes:
        path: the file.
        info: what its header says.
    """

    def __init__(self, path: Path, file: soundfile.SoundFile) -> None:
        self.path, self._file = path, file
        self.info = AudioInfo(file.samplerate, file.channels, file.frames, file.subtype)

    def pieces(self) -> Iterator[NDArray[np.float32]]:
        """Yields the samples as float32 `[n, C]`.

        Raises:
            BadInput: the file ends before its header says.
        """
        # libsndfile's own conversion of 16-bit samples to float costs eight times the reading of them.
        if self.info.subtype == "PCM_16":
            return map(_full_scale, self.stored_pieces())
        return self._read("float32")

    def exact_pieces(self) -> Iterator[NDArray[np.float64]]:
        """Yields the samples as float64 `[n, C]`, which holds integers of 32 bits exactly.

        Raises:
            BadInput: as `pieces`.
        """
        return self._read("float64")

    def stored_pieces(self) -> Iterator[NDArray[np.int16]]:
        """Yields the samples of a 16-bit file (`info.subtype` is `PCM_16`) as they are stored, int16 `[n, C]`.

        Raises:
            BadInput: as `pieces`.
        """
        return self._read("int16")

    def _read(self, dtype: str) -> Iterator[NDArray[Any]]:
        total = 0
        while True:
            with _silence(self.path):
                piece = self._file.read(_PIECE, dtype=dtype, always_2d=True)
            if not len(piece):
                break
            total += len(piece)
            yield piece
        # Elsewhere the header's count may be an estimate.
        if total < self.info.num_samples and states_its_length(self.path):
            raise _truncated(self.path, f"{total} of {self.info.num_samples} samples")


@contextmanager
def open_audio(path: Path) -> Iterator[AudioReader]:
    """Opens an audio file for reading.

    Raises:
        BadInput: the file is empty, unreadable, or its sound data are cut short.
    """
    try:
        # As bytes: soundfile refuses a name that is not UTF-8.
        with _silence(path):
            opened = soundfile.SoundFile(os.fsencode(path))
        with opened as file:
            _require_whole(path, file.frames)
            yield AudioReader(path, file)
    except soundfile.LibsndfileError as error:
        raise _unreadable(path, error) from error


def read_audio(path: Path, *, sample_rate: int | None = None, mono: bool = False) -> NDArray[np.float32]:
    """Reads a whole file.

    Args:
        path: any format that libsndfile reads.
        sample_rate: resample to this rate in Hz; by default the file's own.
        mono: mix the channels to their mean.

    Returns:
        Float32 `[N]` if `mono`, else `[C, N]`.

    Raises:
        BadInput: as `open_audio`, or a sample is NaN or infinite.
    """
    with open_audio(path) as reader:
        source_rate = reader.info.sample_rate
        pieces = [mix_to_mono(piece)[:, None] if mono else piece for piece in reader.pieces()]
    audio = np.concatenate(pieces)
    if not np.isfinite(audio).all():
        raise BadInput("has samples that are NaN or infinite", path=path, remedy="repair or leave out the file")
    if sample_rate is not None and sample_rate != source_rate:
        audio = soxr.resample(audio, source_rate, sample_rate)
    return np.ascontiguousarray(audio[:, 0] if mono else audio.T, dtype=np.float32)


def mix_to_mono(piece: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the channels of `[n, C]`, as `[n]`."""
    channels = piece.shape[1]
    if channels == 1:
        return piece[:, 0]
    # Column by column: `piece.mean(1)` reduces over a short last axis and costs three times the resampler.
    mixed = piece[:, 0] + piece[:, 1]
    for channel in range(2, channels):
        mixed += piece[:, channel]
    mixed *= np.float32(1.0 / channels)
    return mixed


def write_wav(path: Path, samples: NDArray[np.float32], sample_rate: int, *, subtype: str = "PCM_16") -> None:
    """Writes `[N]` or `[C, N]` as a WAV file, atomically; full scale is 1.0 and what exceeds it is clipped.

    Args:
        path: the file; its folder is made if missing.
        samples: float32.
        sample_rate: Hz.
        subtype: `PCM_16`, `PCM_24` or `FLOAT`.
    """
    data = sixteen_bit(samples.T) if subtype == "PCM_16" else samples.T
    # By way of memory: of a full disk libsndfile says no more than "System error".
    content = io.BytesIO()
    soundfile.write(content, data, sample_rate, subtype=subtype, format="WAV")
    with atomic.atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def write_wav_pieces(path: Path, pieces: Iterable[NDArray[np.float32]], sample_rate: int) -> int:
    """Writes mono pieces `[n]` as a 16-bit WAV file, atomically, in constant memory.

    Returns:
        The number of samples that exceeded full scale and were clipped.
    """
    clipped = 0

    def converted() -> Iterator[NDArray[np.int16]]:
        nonlocal clipped
        for piece in pieces:
            clipped += int(np.count_nonzero(np.abs(piece) > 1.0))
            yield sixteen_bit(piece)

    write_sixteen_bit(path, converted(), sample_rate)
    return clipped


def write_sixteen_bit(path: Path, pieces: Iterable[NDArray[np.int16]], sample_rate: int, *, channels: int = 1) -> int:
    """Writes int16 pieces `[n]` or `[n, C]` as they are to a WAV file, atomically, in constant memory.

    Returns:
        The number of samples per channel.

    Raises:
        BadInput: they are more than a WAV file holds.
    """
    num_samples = 0
    with atomic.atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setparams((channels, 2, sample_rate, 0, "NONE", ""))
        for piece in pieces:
            num_samples += len(piece)
            if num_samples * channels * 2 > _LARGEST_WAV:
                raise BadInput("would be more than 4 GB, which WAV cannot hold", path=path, remedy="cut the recording")
            file.writeframesraw(piece.tobytes())
    return num_samples


def sixteen_bit(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples of any shape, full scale 1.0, as 16-bit integers; what exceeds full scale is clipped, not wrapped."""
    scaled = samples * np.float32(32767.0)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -32768, 32767, out=scaled)
    return scaled.astype("<i2")


def _silence(path: Path) -> AbstractContextManager[None]:
    """Around each call of the decoder that talks."""
    return quiet() if path.suffix.lower() == ".mp3" else nullcontext()


def _full_scale(piece: NDArray[np.int16]) -> NDArray[np.float32]:
    scaled = piece.astype(np.float32)
    scaled *= np.float32(1.0 / 32768.0)
    return scaled


def _require_whole(path: Path, num_samples: int) -> None:
    missing = what_is_missing(path)
    if missing:
        raise _truncated(path, missing)
    if num_samples == 0:
        raise BadInput("holds no samples", path=path, remedy="leave out the file")


def _truncated(path: Path, found: str) -> BadInput:
    return BadInput(f"is cut short: {found}", path=path, remedy="get the whole file, or leave it out")


def _unreadable(path: Path, error: soundfile.LibsndfileError) -> BadInput:
    return BadInput(
        f"cannot be read as audio: {error.error_string.strip().rstrip('.')}",
        path=path,
        remedy="check that it is a whole audio file (libsndfile reads wav, flac, ogg, mp3, aiff ...)",
    )
