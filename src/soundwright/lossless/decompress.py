"""Archives into the files they were made from."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.formats.swz_read import read_footer
from soundwright.lossless.container_paths import (
    block_progress,
    output_folder,
    output_for,
    refuse_overwriting,
    threads_for_one,
    threads_in_folder,
)
from soundwright.lossless.container_read import num_steps, restore_file
from soundwright.runs.discover import find_files
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Done, Item, OneByOne
from soundwright.runs.summary import RunSummary


def decompress(
    input: Path,
    output: Path | None = None,
    *,
    model: Path | None = None,
    overwrite: bool = False,
    prune: bool = False,
    options: RunOptions = RunOptions(),
) -> DecompressedFile | RunSummary:
    """Gives back the files that `compress` made archives of, byte for byte.

    Every block is checked against its checksums and the whole file against the digest of the original: what is
    written is the original, or nothing. For one archive, --workers is how many of its blocks are done at a time, 16 at
    most unless you say more.

    Args:
        input: An archive, or a folder of archives, searched with its subfolders.
        output: The file, or the folder for files. Default: the archive's name with the original's ending, beside the
            archive; a folder of archives needs it.
        model: The weights file that the archive was made with, if it was made with one; `compress --info` tells.
        overwrite: Do every archive again, and replace files in OUTPUT that were not made by this command.
        prune: In a folder, remove files of this command whose archive is gone, and that nobody changed since.
        options: Workers and shards.

    Returns:
        What was written, and for a folder counts, warnings and failures.

    Raises:
        UsageError: INPUT is missing or holds no archives; OUTPUT is INPUT or exists already.
        BadInput: the archive is none, is damaged, or cannot be decoded here.
    """
    if not input.is_dir():
        return _decompress_file(input, output, model, overwrite, options)
    folder = output_folder(input, output)
    found = find_files(input, ["swz"], exclude=[folder], remedy="check the folder; archives end in .swz")
    step = Decompress(folder, model, threads_in_folder(options, len(found.items)))
    return run_step(step, found, folder, options, overwrite=overwrite, prune=prune)


@dataclass(frozen=True)
class DecompressedFile:
    """What an archive gave.

    Attributes:
        output: the file.
        num_bytes: its size.
        from_flac: whether it is the WAV form of a FLAC file.
        duration_s: wall time.
        sound_s: length of the sound in seconds, if it is known.
        already: whether the file was there, and nothing was done.
    """

    output: Path
    num_bytes: int
    from_flac: bool
    duration_s: float
    sound_s: float | None
    already: bool = False

    @property
    def exit_code(self) -> int:
        """0."""
        return 0

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        if self.from_flac:
            yield "note: the original is a FLAC file; this is its WAV form, with equal samples"
        done = "there already" if self.already else f"in {self.duration_s:.1f} s"
        if self.sound_s and self.duration_s and not self.already:
            done += f" ({self.sound_s / self.duration_s:.1f} times real time)"
        yield f"decompress: {self.num_bytes:,} bytes, the original by its digest, {done} -> {show_path(self.output)}"


@dataclass(frozen=True)
class Decompress(OneByOne[None]):
    """The folder step behind `decompress`.

    Attributes:
        output: folder for the files.
        model: file of the model, for archives that need one.
        threads: blocks at a time.
    """

    name: ClassVar[str] = "decompress"
    worker_pays_after: ClassVar[int] = 2_000_000  # some seconds of work

    output: Path
    model: Path | None
    threads: int

    def settings(self) -> dict[str, Any]:
        """None: an archive gives one file."""
        return {}

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The same relative path with the ending that the archive remembers."""
        try:
            suffix = read_footer(item.inputs[0]).suffix
        except (BadInput, OSError):
            suffix = ".wav"  # it will fail in its turn, and be reported then
        return (original_name(item.key, suffix),)

    def setup(self) -> None:
        """Nothing to load."""

    def run_one(self, state: None, item: Item) -> Done:
        """Decompresses one archive."""
        (name,) = self.outputs(item)
        footer = restore_file(item.inputs[0], self.output / name, model=self.model, threads=self.threads)
        return Done((name,), {"num_bytes": footer.length, "from_flac": footer.from_flac})


def original_name(name: str, suffix: str) -> str:
    """The name of an original; an archive that has none of the usual endings keeps its whole name.

    >>> original_name("birds/foo_amp_.75.swz", ".wav"), original_name("download", ".wav")
    ('birds/foo_amp_.75.wav', 'download.wav')
    """
    path = PurePosixPath(name)
    stem = str(path.with_suffix("")) if path.suffix.lower() == ".swz" else str(path)
    return stem + suffix


def _decompress_file(
    input: Path, output: Path | None, model: Path | None, overwrite: bool, options: RunOptions
) -> DecompressedFile:
    threads = threads_for_one(options)
    if not input.is_file():
        what = "is no regular file" if input.exists() else "does not exist"
        raise UsageError(f"expected an archive or a folder; it {what}", path=input, remedy="give a .swz file")
    footer = read_footer(input)
    target = output_for(input, output, original_name(input.name, footer.suffix))
    began = time.monotonic()
    already = target.exists() and not overwrite
    if already:
        if target.stat().st_size != footer.length or _sha256_of(target) != footer.sha256:
            raise refuse_overwriting(target)
    else:
        with block_progress("decompress", input, num_steps(footer), threads) as tell:
            restore_file(input, target, model=model, threads=threads, tell=tell)
    layout = footer.sound.layout if footer.sound else None
    sound_s = layout.num_samples / layout.sample_rate if layout and layout.sample_rate else None
    return DecompressedFile(target, footer.length, footer.from_flac, time.monotonic() - began, sound_s, already)


def _sha256_of(path: Path) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
