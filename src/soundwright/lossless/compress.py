"""Recordings into archives that give them back byte for byte."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.formats.swz import Kind
from soundwright.formats.swz_read import read_footer
from soundwright.lossless.blocks import Codec, codec_with
from soundwright.lossless.compress_step import Compress, archive_name, remarks, verify_archives
from soundwright.lossless.compress_table import Row, flac_size, notes, table
from soundwright.lossless.container import plan_archive, write_archive
from soundwright.lossless.container_paths import (
    block_progress,
    output_folder,
    output_for,
    refuse_overwriting,
    threads_for_one,
    threads_in_folder,
)
from soundwright.lossless.container_read import check_archive, num_steps
from soundwright.lossless.info import ArchiveInfo, archive_info
from soundwright.lossless.pcm_source import Source, digest_of, open_source
from soundwright.runs.atomic import remove_leftovers
from soundwright.runs.discover import CHECK_EXTENSIONS, find_files
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.summary import RunSummary

EXTENSIONS = ("wav", "wave", "bwf", "rf64", "w64", "aif", "aiff", "aifc", "flac")


def compress(
    input: Path,
    output: Path | None = None,
    *,
    model: Path | None = None,
    info: bool = False,
    verify: bool = False,
    compare: Literal["flac", "none"] = "flac",
    extensions: Sequence[str] | None = None,
    overwrite: bool = False,
    prune: bool = False,
    options: RunOptions = RunOptions(),
) -> CompressedFile | CompressedFolder | ArchiveInfo:
    """Compresses recordings without loss, into archives that give every byte back.

    A WAV or AIFF file comes back byte for byte, with its header and all its chunks, whatever state they are in. A FLAC
    file comes back as a WAV file with equal samples. Any other file is kept as it is, and told so. 8 to 32-bit integer
    samples of 1 to 8 channels are predicted; floating-point samples are only packed. No archive is larger than its
    original by more than 64 bytes.

    Each block is decoded again before it is written. The date and the permissions of a file are not kept. For one file,
    --workers is how many of its blocks are done at a time, 16 at most unless you say more.

    Args:
        input: A recording, or a folder of recordings, searched with its subfolders; with --info, an archive.
        output: The archive, or the folder for archives. Default: the same name ending in .swz, beside the recording;
            a folder of recordings needs it.
        model: A weights file of `lm train`, for recordings of its bit depth. It is slow: with
            one of the default size about 1,800 samples per second and core, 3,500 for `decompress`; and only the same
            version of torch on the same kind of processor gives the recording back.
        info: Only show what an archive says about itself.
        verify: Afterwards, decode every archive from disk and compare it with its recording, byte for byte.
        compare: Show the size that `flac -8` gives, where flac is installed, or not.
        extensions: File endings to look for in a folder, upper or lower case. Default: wav, wave, bwf, rf64, w64, aif,
            aiff, aifc, flac.
        overwrite: Do every file again, and replace files in OUTPUT that were not made by this command.
        prune: In a folder, remove archives of this command whose recording is gone, and that nobody changed since.
        options: Workers and shards.

    Returns:
        Sizes, and for a folder counts, warnings and failures; with --info, what the archive says.

    Raises:
        UsageError: INPUT is missing, is an archive, or holds no recordings; OUTPUT is INPUT or exists already; the
            model is for another bit depth.
        BadInput: the file cannot be read, or changes while it is read; the model is none.
    """
    if info:
        return archive_info(input)
    if not input.is_dir():
        return _compress_file(input, output, model, verify, compare == "flac", overwrite, options)
    folder = output_folder(input, output)
    found = find_files(input, extensions or EXTENSIONS, exclude=[folder], remedy=CHECK_EXTENSIONS)
    codec = codec_with(model)
    threads = threads_in_folder(options, len(found.items))
    step = Compress(folder, codec.id, codec.revision, model, codec.model_digest.hex(), compare == "flac", threads)
    summary = run_step(step, found, folder, options, overwrite=overwrite, prune=prune)
    if verify and summary.status == "finished":
        verify_archives(step, found, summary, options)
    return CompressedFolder(summary, tuple(step.rows))


@dataclass(frozen=True)
class CompressedFile:
    """What became of one file.

    Attributes:
        archive: its archive.
        row: sizes.
        warnings: what the user should know although the archive is whole.
        duration_s: wall time.
        sound_s: length of the sound in seconds, if it is known.
        verified: whether the archive was decoded from disk and compared.
        already: whether the archive was there, and nothing was done.
    """

    archive: Path
    row: Row
    warnings: tuple[str, ...]
    duration_s: float
    sound_s: float | None
    verified: bool
    already: bool = False

    @property
    def exit_code(self) -> int:
        """0."""
        return 0

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        yield from table([self.row])
        yield from (f"warning: {warning}" for warning in self.warnings)
        yield from notes([self.row])
        if self.verified:
            yield "verify: decoded from disk and compared, no difference"
        done = "there already" if self.already else f"in {self.duration_s:.1f} s"
        if self.sound_s and self.duration_s and not self.already:
            done += f" ({self.sound_s / self.duration_s:.1f} times real time)"
        yield f"compress: {done} -> {show_path(self.archive)}"


@dataclass(frozen=True)
class CompressedFolder:
    """What became of a folder.

    Attributes:
        summary: counts and messages.
        rows: sizes, of the files done earlier too; none where the run was stopped.
    """

    summary: RunSummary
    rows: tuple[Row, ...]

    @property
    def exit_code(self) -> int:
        """That of the summary."""
        return self.summary.exit_code

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        if self.rows:
            yield from table(self.rows)
            yield from notes(self.rows)
        yield from self.summary.lines()


def _compress_file(
    input: Path,
    output: Path | None,
    model: Path | None,
    verify: bool,
    compare: bool,
    overwrite: bool,
    options: RunOptions,
) -> CompressedFile:
    threads = threads_for_one(options)
    source = open_source(input)
    archive = output_for(input, output, archive_name(input.name))
    codec = codec_with(model)
    began = time.monotonic()
    remove_leftovers(archive.parent, nested=False)
    already = archive.exists() and not overwrite
    warnings: tuple[str, ...] = ()
    if already:
        if not _is_archive_of(archive, source):
            raise refuse_overwriting(archive)
        _require_codec(archive, codec)
        # A file that was kept as it is does not say what was tried on it: another codec may do better.
        already = source.found.layout is None or read_footer(archive).kind is not Kind.STORED
    if not already:
        plan = plan_archive(source, lambda: codec)
        with block_progress("compress", input, plan.num_blocks(), threads) as tell:
            warnings = remarks(source, write_archive(plan, archive, threads=threads, tell=tell))
    duration_s = time.monotonic() - began
    if verify:
        with block_progress("verify", archive, num_steps(read_footer(archive)), threads) as tell:
            check_archive(archive, source, model=model, threads=threads, tell=tell)
    flac = flac_size(input, from_flac=source.from_flac) if compare else None
    row = Row(input.name, source.length, archive.stat().st_size, flac, source.from_flac)
    layout = source.found.layout
    sound_s = layout.num_samples / layout.sample_rate if layout and layout.sample_rate else None
    return CompressedFile(archive, row, warnings, duration_s, sound_s, verify, already)


def _is_archive_of(archive: Path, source: Source) -> bool:
    """Whether what stands there is an archive of this very content."""
    try:
        footer = read_footer(archive)
    except BadInput:
        return False
    return footer.length == source.length and footer.sha256 == digest_of(source)


def _require_codec(archive: Path, codec: Codec) -> None:
    """Refuses to take an archive of the same content for one that another codec or model would make."""
    sound = read_footer(archive).sound
    if sound and sound.codec and (sound.codec, sound.model_digest) != (codec.id, codec.model_digest):
        found = f"the model {sound.model_digest.hex()[:16]}" if sound.model_digest else "no model"
        raise UsageError(f"exists already and was made with {found}", path=archive, remedy="move it, or --overwrite")
