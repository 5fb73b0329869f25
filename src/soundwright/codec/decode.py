"""Token files back to sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from soundwright.codec.contract import Codec
from soundwright.codec.encode_plan import token_name
from soundwright.codec.encode_step import load_once
from soundwright.core.errors import BadInput, UsageError
from soundwright.formats import ecdc, tokens
from soundwright.formats.ecdc import TokenHeader
from soundwright.runs.discover import Found, find_files
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Done, Item, OneByOne
from soundwright.runs.summary import RunSummary


def decode(
    input: Path,
    output: Path,
    *,
    codec: str | None = None,
    suffix: str = ".ecdc",
    recursive: bool = True,
    overwrite: bool = False,
    device: str = "auto",
    options: RunOptions = RunOptions(),
) -> RunSummary:
    """Decodes token files to 16-bit mono WAV files.

    Every token file below INPUT becomes a WAV file at the same relative path below OUTPUT, as long as the recording
    was. Files of any length stream through in constant memory.

    Args:
        input: Folder of token files, searched with its subfolders; or one token file.
        output: Folder for the WAV files.
        codec: Name or folder of the codec. Default: the one that the token files name.
        suffix: Ending of the token files.
        recursive: Accepted for the sake of old scripts; subfolders are always searched.
        overwrite: Do every file again, and replace files in OUTPUT that were not made by this command.
        device: auto, cpu or cuda.
        options: Workers and shards.

    Returns:
        Counts, warnings and failures.

    Raises:
        UsageError: INPUT holds no token file or files of several codecs, or the codec is not to be had.
    """
    if output.exists() and not output.is_dir():
        raise UsageError("expected a folder for the output; it is a file", path=output, remedy="give a folder")
    found = (
        Found([Item(input.name, (input,))], partial=True)
        if input.is_file()
        else find_files(input, [suffix], exclude=[output])
    )
    readable, header = _sort_out(found, input)
    if header is None:
        step = Decode(output, "", device, "", None)
        return run_step(step, readable, output, options, overwrite=overwrite)
    name = codec or header.codec
    info = load_once(name, device).info
    if info.name != header.codec or header.revision not in (None, info.revision):
        raise UsageError(
            f"tokens were made by codec {header.codec} with weights {header.revision}; "
            f"--codec {name} is {info.name} with weights {info.revision}",
            path=input,
            remedy=f"give --codec with the folder of the weights {header.revision}",
        )
    step = Decode(output, name, device, info.name, info.revision)
    return run_step(step, readable, output, options, overwrite=overwrite)


@dataclass(frozen=True)
class Decode(OneByOne[Codec]):
    """The folder step behind `decode`.

    Attributes:
        output: folder for the WAV files.
        codec: name or folder of the codec.
        device: to run on.
        codec_name: as token files name it.
        revision: of the codec's weights.
    """

    name: ClassVar[str] = "decode"
    worker_pays_after: ClassVar[int] = 60_000  # about a minute of audio

    output: Path
    codec: str
    device: str
    codec_name: str
    revision: str | None

    def settings(self) -> dict[str, Any]:
        """What decides the sound."""
        return {"codec": self.codec_name, "revision": self.revision}

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The same relative path, ending in `.wav`."""
        return (token_name(item.key, ".wav"),)

    def setup(self) -> Codec:
        """Loads the codec."""
        return load_once(self.codec, self.device)

    def run_one(self, state: Codec, item: Item) -> Done:
        """Streams one token file through the codec into a WAV file."""
        from soundwright.audio.files import write_wav_pieces

        (name,) = self.outputs(item)
        header, pieces = decode_file(state, item.inputs[0])
        clipped = write_wav_pieces(self.output / name, pieces, header.sample_rate)
        warnings = (f"{clipped} samples exceeded full scale and were clipped",) if clipped else ()
        return Done((name,), {"num_samples": header.num_samples}, warnings)


def decode_file(codec: Codec, path: Path) -> tuple[TokenHeader, Iterator[NDArray[np.float32]]]:
    """The header of a token file and its sound in pieces `[n]`, `num_samples` in all, in constant memory.

    Raises:
        BadInput: the file is no whole token file, or the codec has fewer codebooks.
    """
    archive = tokens.is_torch_archive(path)
    whole = tokens.read_tokens(path) if archive else None
    header = whole.header if whole else ecdc.read_header(path)
    if header.num_codebooks > codec.info.num_codebooks or header.hop != codec.info.hop:
        raise BadInput(
            f"expected at most {codec.info.num_codebooks} codebooks and a hop of {codec.info.hop}, "
            f"found {header.num_codebooks} and {header.hop}",
            path=path,
            remedy="give --codec with the codec that made it",
        )
    frames = codec.piece // codec.info.hop
    pieces = iter([whole.codes]) if whole else ecdc.read_frames(path, frames)
    return header, _sound(codec, pieces, header.num_samples)


def _sound(codec: Codec, pieces: Iterator[NDArray[np.uint16]], num_samples: int) -> Iterator[NDArray[np.float32]]:
    decoder = codec.decoder()
    left = num_samples
    for codes in pieces:
        samples = decoder.push(codes)[:left]
        left -= len(samples)
        yield samples
    yield decoder.finish()[:left]


def _sort_out(found: Found, root: Path) -> tuple[Found, TokenHeader | None]:
    """Takes damaged token files out, as problems; a header of the others, which must be of one codec.

    Raises:
        UsageError: there are tokens of several codecs, or of several weights of one.
    """
    kinds: dict[tuple[str, str], tuple[Item, TokenHeader]] = {}
    readable = Found([], list(found.problems), list(found.notes), found.partial)
    for item in found.items:
        try:
            header = tokens.read_token_header(item.inputs[0])
        except BadInput as error:
            readable.problems.append(error)
            continue
        readable.items.append(item)
        kinds.setdefault((header.codec, header.revision or ""), (item, header))
    named = {kind: value for kind, value in kinds.items() if kind[1]} or kinds
    if len({kind[0] for kind in kinds}) > 1 or len(named) > 1:
        examples = "; ".join(
            f"{item.key} by {header.codec} with weights {header.revision}" for item, header in kinds.values()
        )
        raise UsageError(
            f"holds tokens of several codecs: {examples}", path=root, remedy="decode them from folders of their own"
        )
    return readable, next(iter(named.values()))[1] if named else None
