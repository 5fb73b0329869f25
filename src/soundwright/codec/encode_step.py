"""The folder step behind `codec encode`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from soundwright.codec.contract import Codec
from soundwright.codec.encode_plan import token_name
from soundwright.core.errors import BadInput
from soundwright.formats import ecdc
from soundwright.formats.ecdc import TokenHeader
from soundwright.runs.atomic import atomic_path
from soundwright.runs.step import Done, Item, OneByOne


@dataclass(frozen=True)
class Encode(OneByOne[Codec]):
    """Streams recordings through a codec into token files.

    Attributes:
        output: folder for the token files.
        codec: name or folder, as the user gave it.
        device: to run on.
        suffix: ending of the token files.
        template: header of all files but for the number of samples and the source.
    """

    name: ClassVar[str] = "encode"
    worker_pays_after: ClassVar[int] = 4_000_000  # a minute and a half of audio; loading a codec takes seconds
    when_settings_differ = "error"

    output: Path
    codec: str
    device: str
    suffix: str
    template: TokenHeader

    def settings(self) -> dict[str, Any]:
        """What decides the tokens: the weights, not the name or folder they were loaded from."""
        return {
            "codec": self.template.codec,
            "revision": self.template.revision,
            "bandwidth_kbps": self.template.bandwidth_kbps,
        }

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The same relative path with another ending."""
        return (token_name(item.key, self.suffix),)

    def setup(self) -> Codec:
        """Loads the codec."""
        return load_once(self.codec, self.device)

    def run_one(self, state: Codec, item: Item) -> Done:
        """Streams one file through the codec into its token file."""
        path = item.inputs[0]
        (name,) = self.outputs(item)
        with open(path, "rb") as file:
            source = hashlib.file_digest(file, "sha256").hexdigest()
        with atomic_path(self.output / name) as temporary, open(temporary, "w+b") as file:
            header, warnings = encode_file(state, path, file, self.header_for(source))
        return Done((name,), {"num_samples": header.num_samples, "num_frames": header.num_frames}, warnings)

    def header_for(self, source: str) -> TokenHeader:
        """The header of a file with this digest; its number of samples is still to come."""
        return TokenHeader(**{**vars(self.template), "source": source})


def encode_file(codec: Codec, path: Path, file: Any, header: TokenHeader) -> tuple[TokenHeader, tuple[str, ...]]:
    """Encodes one recording into an open binary file, in constant memory.

    Args:
        codec: the codec.
        path: the recording.
        file: open for writing, able to seek.
        header: of the token file, without its number of samples.

    Returns:
        The header as written, and warnings.

    Raises:
        BadInput: the recording is unreadable, cut short, empty, or has samples that are NaN or infinite.
    """
    from soundwright.audio.files import mix_to_mono, open_audio
    from soundwright.audio.resample import resample_pieces

    encoder = codec.encoder(header.num_codebooks)
    writer = ecdc.Writer(file, header)
    num_samples = 0
    with open_audio(path) as reader:
        mono = map(mix_to_mono, reader.pieces())
        for samples in resample_pieces(mono, reader.info.sample_rate, codec.info.sample_rate):
            if not np.isfinite(samples).all():
                raise BadInput("has samples that are NaN or infinite", path=path, remedy="repair or leave out the file")
            num_samples += len(samples)
            writer.write(encoder.push(samples))
        info = reader.info
    writer.write(encoder.finish())
    if num_samples == 0:
        raise BadInput("holds no samples", path=path, remedy="leave out the file")
    changes = []
    if info.sample_rate != codec.info.sample_rate:
        changes.append(f"resampled from {info.sample_rate} to {codec.info.sample_rate} Hz")
    if info.channels > 1:
        changes.append(f"{info.channels} channels mixed to one")
    return writer.finish(num_samples), (", ".join(changes),) if changes else ()


def header_template(codec: Codec, num_codebooks: int) -> TokenHeader:
    """What all token files of a codec have in common."""
    info = codec.info
    return TokenHeader(info.name, 0, num_codebooks, info.revision, sample_rate=info.sample_rate, hop=info.hop)


@lru_cache(maxsize=1)
def load_once(name_or_folder: str, device: str) -> Codec:
    """A codec, loaded once in a process."""
    from soundwright.codec.registry import load_codec

    return load_codec(name_or_folder, device=device)
