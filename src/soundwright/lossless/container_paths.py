"""Where the output of one file goes, and what may not be overwritten; progress and Ctrl-C for one file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundwright.core.errors import UsageError, show_path
from soundwright.core.threads import usable_cores
from soundwright.lossless.container import Tell
from soundwright.runs.events import Ended, ItemDone, Started, emit
from soundwright.runs.interrupt import catch_interrupts
from soundwright.runs.options import RunOptions

#: Each block in hand takes some hundred megabytes.
_MOST_THREADS = 16
_OVERWRITE = "move it, or give --overwrite"


def output_for(input: Path, output: Path | None, default_name: str) -> Path:
    """The file to write: as given, in the folder given, or beside the input.

    Raises:
        UsageError: it is the input itself, or lies where no file can be.
    """
    if output is None:
        output = input.parent / default_name
    elif output.is_dir():
        output = output / default_name
    if output.exists() and os.path.samefile(input, output):
        raise UsageError("input and output are the same file", path=output, remedy="choose another --output")
    if output.is_dir():
        raise UsageError("expected a file to write; a folder stands there", path=output, remedy="move it")
    if output.exists() and not output.is_file():
        raise UsageError("expected a file to write; a device or pipe stands there", path=output, remedy="move it")
    for folder in output.absolute().parents:
        if folder.is_symlink() and not folder.exists():
            raise UsageError("expected a folder for the output; it is a link to nothing", path=folder)
        if folder.exists():
            if not folder.is_dir():
                raise UsageError("expected a folder for the output; it is a file", path=folder)
            break
    return output


def refuse_overwriting(output: Path) -> UsageError:
    """The error for a file that stands in the output's place."""
    return UsageError("exists already and was not made from this file", path=output, remedy=_OVERWRITE)


def output_folder(input: Path, output: Path | None) -> Path:
    """The output folder of a folder.

    Raises:
        UsageError: none is given, it is the input folder, or a file stands there.
    """
    if output is None:
        raise UsageError("a folder needs a folder for its outputs", path=input, remedy="give --output FOLDER")
    if output.exists() and not output.is_dir():
        raise UsageError("expected a folder for the output; it is a file", path=output, remedy="give a folder")
    if output.resolve() == input.resolve():
        raise UsageError("input and output are the same folder", path=output, remedy="choose another output folder")
    return output


def threads_for_one(options: RunOptions) -> int:
    """How many blocks of one file are done at a time.

    Raises:
        UsageError: a shard of one file was asked for.
    """
    if options.shard_count is not None:
        raise UsageError("--shard-count divides the files of a folder; this is one file", remedy="leave it out")
    return options.workers or min(usable_cores(), _MOST_THREADS)


def threads_in_folder(options: RunOptions, num_files: int) -> int:
    """How many blocks of each file are done at a time: what the files leave free of the cores."""
    if options.workers is not None:
        return 1
    return min(max(1, usable_cores() // max(1, num_files)), _MOST_THREADS)


@contextmanager
def block_progress(step: str, path: Path, total: int, threads: int) -> Iterator[Tell]:
    """Within the block, what is yielded tells that a block is done; after Ctrl-C it raises KeyboardInterrupt.

    One file is begun anew after that: what is done of it is not kept.
    """
    began = time.monotonic()
    name = show_path(path)
    with catch_interrupts("stopping after the block in hand; Ctrl-C again stops at once") as interrupt:
        emit(Started(step, total, 0, threads))

        def tell() -> None:
            if interrupt.requested:
                raise KeyboardInterrupt(f"stopped; nothing of {name} is written")
            emit(ItemDone(name))

        yield tell
    emit(Ended(step, "finished", time.monotonic() - began))
