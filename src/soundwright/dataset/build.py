"""Step 5 of document 002: token files and their sidecars -> one Hugging Face `DatasetDict` folder."""

from __future__ import annotations

import time
from pathlib import Path

from soundwright.core.errors import UsageError
from soundwright.dataset import layout
from soundwright.dataset.materialize import Materialize, TokenFormat
from soundwright.dataset.summary import BuildSummary
from soundwright.runs.discover import find_files
from soundwright.runs.events import Ended, emit
from soundwright.runs.interrupt import catch_interrupts
from soundwright.runs.locks import lock
from soundwright.runs.state import state_folder

STEP = "dataset-build"


def build(
    tokens: Path,
    output: Path,
    *,
    cond_root: Path | None = None,
    split: str = "train",
    tokens_subdir: str = "tokens",
    materialize: Materialize = "link",
    token_format: TokenFormat = "ecdc",
    suffix: str = ".ecdc",
    recursive: bool = True,
    verify: bool = False,
    max_files: int | None = None,
) -> BuildSummary:
    """Packs token files and their sidecars into a dataset folder that `datasets.load_from_disk` reads.

    The numbers themselves are inside the Arrow files, so the folder can be moved, copied and published. The column
    `audio` has the relative path of each token file, for loaders that open it. Other splits in OUTPUT are kept.
    Nothing is done again while files and settings stay the same; otherwise the split is packed anew, and the old
    one stays until the new one stands. Clips that cannot be packed are listed and left out, and the exit code is 1.

    Args:
        tokens: Folder of token files, searched with its subfolders.
        output: Folder of the dataset.
        cond_root: Folder of the sidecars. Default: the one that sidecar init and add recorded for these tokens.
        split: Name of the split: train, valid, test ...
        tokens_subdir: Folder in OUTPUT for the token files and sidecars.
        materialize: How the token files and sidecars get into OUTPUT: as hard links, which take no room and
            survive a move (link), as copies (copy), or not at all (none).
        token_format: Write token files as EnCodec's bit stream (ecdc), or as the older torch.save dict for loaders
            that expect it (torch).
        suffix: Ending of the token files.
        recursive: Accepted for compatibility; subfolders are always searched.
        verify: Afterwards open every row and every file and compare; a difference counts as failed.
        max_files: Take only so many files, the first in alphabetical order.

    Returns:
        Counts, failures, and what the split holds.

    Raises:
        UsageError: a folder is wrong, or the split does not go with those that are there.
        BadInput: the tokens are of different codecs or numbers of codebooks, or nothing can be packed.
        MissingExtra: pyarrow is not installed.
    """
    layout.check_split(split, tokens_subdir)
    if max_files is not None and max_files < 1:
        raise UsageError(f"--max-files {max_files}", remedy="give at least 1")
    if output.resolve() in (tokens.resolve(), None if cond_root is None else cond_root.resolve()):
        raise UsageError("the dataset needs a folder of its own", path=output, remedy="choose another one")
    began = time.monotonic()
    found = find_files(tokens, [suffix], exclude=[output])
    items = found.items[:max_files]
    state = state_folder(output, STEP)
    # Only here: the packing needs pyarrow, and the command line reads this module for its signature.
    from soundwright.dataset.packing import Packing, Stopped

    summary = BuildSummary(STEP, output, state / f"failures-{split}.jsonl", split=split, total=len(items))
    with lock(state / "lock"), catch_interrupts() as interrupt:
        packing = Packing(tokens, output, state, tokens_subdir, materialize, token_format, summary, interrupt)
        try:
            for problem in found.problems:
                packing.fail(str(problem.path), problem)
            for note in found.notes:
                packing.note(note)
            packing.run(items, cond_root)
            if verify:
                packing.verify()
            summary.status = "finished"
        except Stopped:
            summary.status = "interrupted"
        finally:
            packing.write_failures()
    summary.duration_s = time.monotonic() - began
    emit(Ended(STEP, summary.status, summary.duration_s))
    return summary
