"""The sound of a clip: its recording where that is at hand, else what its tokens decode to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, SoundwrightError
from soundwright.runs.discover import find_files

if TYPE_CHECKING:
    from soundwright.codec.contract import Codec
    from soundwright.formats.ecdc import TokenHeader


@dataclass(frozen=True)
class SoundSource:
    """Where the sound of clips comes from.

    Attributes:
        recordings: files by relative path without ending (see `find_recordings`); None to decode.
        codec: name or folder of the codec that decodes; by default the one that the token file names.
        device: to decode on.
    """

    recordings: Mapping[str, tuple[Path, ...]] | None = None
    codec: str | None = None
    device: str = "auto"

    def recordings_of(self, key: str) -> tuple[Path, ...]:
        """The recordings with the relative path of a token file, whatever their ending."""
        return (self.recordings or {}).get(key.rpartition(".")[0], ())


def find_recordings(audio_files: Path) -> dict[str, tuple[Path, ...]]:
    """All recordings below a folder, by relative path without ending.

    Raises:
        UsageError: there are none.
    """
    from soundwright.audio.files import audio_extensions

    recordings: dict[str, tuple[Path, ...]] = {}
    for item in find_files(audio_files, audio_extensions()).items:
        name = item.key.rpartition(".")[0]
        recordings[name] = (*recordings.get(name, ()), *item.inputs)
    return recordings


def sound_of(key: str, path: Path, header: TokenHeader, source: SoundSource) -> tuple[NDArray[np.float32], str | None]:
    """The sound of a token file, as long as its frames.

    Args:
        key: path of the token file relative to its root.
        path: the token file.
        header: of the token file.
        source: where recordings are, or what decodes.

    Returns:
        Mono `[T * hop]` at the codec's sample rate, and a warning if the sound is not what the user may think.

    Raises:
        BadInput: there are several recordings, or it is unreadable or of another length, or the tokens cannot be
            decoded.
    """
    found = source.recordings_of(key)
    if len(found) > 1:
        names = ", ".join(recording.name for recording in found)
        raise BadInput(f"several recordings have its name: {names}", path=path, remedy="keep one of them")
    if found:
        return _recorded(found[0], header)
    warning = "no recording of this name below --audio-files; measured on the decoded tokens"
    return _decoded(path, header, source), None if source.recordings is None else warning


def _recorded(recording: Path, header: TokenHeader) -> tuple[NDArray[np.float32], str | None]:
    from soundwright.audio.files import read_audio

    samples = read_audio(recording, sample_rate=header.sample_rate, mono=True)
    # Resampling may differ by a sample or two from one tool to the next; a whole frame is another recording.
    if abs(len(samples) - header.num_samples) > header.hop:
        raise BadInput(
            f"has {len(samples)} samples at {header.sample_rate} Hz, its token file {header.num_samples}",
            path=recording,
            remedy="give --audio-files with the folder that was encoded",
        )
    whole = np.zeros(header.num_frames * header.hop, np.float32)
    whole[: len(samples)] = samples[: len(whole)]
    if header.source is not None:
        with open(recording, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != header.source:
                return whole, "its recording below --audio-files is not the file that was encoded"
    return whole, None


def _decoded(path: Path, header: TokenHeader, source: SoundSource) -> NDArray[np.float32]:
    from soundwright.formats.tokens import read_tokens

    codec = _codec(source.codec or header.codec, source.device)
    if isinstance(codec, SoundwrightError):
        raise codec
    if (codec.info.sample_rate, codec.info.hop) != (header.sample_rate, header.hop) or (
        header.revision is not None and codec.info.revision != header.revision
    ):
        raise BadInput(
            f"was made by codec {header.codec} with the weights {header.revision}; "
            f"codec {codec.info.name} here has {codec.info.revision}",
            path=path,
            remedy="give --audio-codec with the folder of that codec, or --audio-files with the recordings",
        )
    return codec.decode(read_tokens(path).codes)


@lru_cache(maxsize=2)
def _codec(name_or_folder: str, device: str) -> Codec | SoundwrightError:
    """The codec, or why it cannot be had: that is remembered too, and not found out anew for every clip."""
    from soundwright.codec.registry import load_codec

    try:
        return load_codec(name_or_folder, device=device)
    except SoundwrightError as error:
        return error
