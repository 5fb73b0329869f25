"""Step 2 of document 002: recordings to token files, `a/b.wav` to `a/b.ecdc`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soundwright.codec.encode_plan import EncodePlan, make_plan, refuse_mixed_tree, token_name
from soundwright.codec.encode_step import Encode, header_template, load_once
from soundwright.core.errors import UsageError
from soundwright.formats.bits import BITS
from soundwright.runs.discover import CHECK_EXTENSIONS, Found, find_files
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Item
from soundwright.runs.summary import RunSummary


def encode(
    input: Path,
    output: Path,
    *,
    codec: str = "encodec_24khz",
    bandwidth: float = 6.0,
    suffix: str = ".ecdc",
    extensions: Sequence[str] | None = None,
    recursive: bool = True,
    overwrite: bool = False,
    verify: bool = False,
    verify_samples: int = 20,
    list_missing: bool = False,
    dry_run: bool = False,
    device: str = "auto",
    options: RunOptions = RunOptions(),
) -> RunSummary | EncodePlan:
    """Encodes recordings to tokens of a neural codec.

    Every file below INPUT becomes a token file at the same relative path below OUTPUT, in EnCodec's own format. Files
    of any length stream through in constant memory, and the tokens are those of a whole-file pass. Recordings at
    another sample rate or with several channels are resampled and mixed, with a warning: normalise them first
    (`soundwright corpus normalize`) if they should also be equally loud.

    One output tree holds tokens of one codec, one set of weights and one bandwidth: anything else is an error, unless
    --overwrite makes all of it again.

    Args:
        input: Folder of recordings, searched with its subfolders; or one file.
        output: Folder for the token files.
        codec: encodec_24khz, pocket (small, comes with soundwright), or a folder with a codec's config.json.
        bandwidth: Kilobits per second. EnCodec has 1.5, 3, 6, 12 and 24 kbps, which are 2, 4, 8, 16 and 32 codebooks.
        suffix: Ending of the token files.
        extensions: File endings to look for, upper or lower case. Default: all that libsndfile reads.
        recursive: Accepted for the sake of old scripts; subfolders are always searched.
        overwrite: Do every file again, and replace files in OUTPUT that were not made by this command.
        verify: Afterwards, read every token file again, encode some of the recordings again and compare. A difference
            is a failure.
        verify_samples: How many recordings are encoded again.
        list_missing: Only list recordings that have no token file yet, and token files whose recording is gone.
        dry_run: Only say what would be done.
        device: auto, cpu or cuda. The CPU's tokens are the reference; a GPU may round a few of them otherwise.
        options: Workers and shards.

    Returns:
        Counts, warnings and failures; with --list-missing or --dry-run, the plan.

    Raises:
        UsageError: INPUT holds no such file, OUTPUT is INPUT, the codec or the bandwidth is unknown, the weights are
            not to be had, or OUTPUT holds other tokens.
    """
    found = find_input(input, output, extensions)
    if not suffix.startswith(".") or "/" in suffix or suffix == ".":
        raise UsageError(f"--suffix {suffix!r}", remedy="give an ending such as .ecdc")
    if verify_samples < 0:
        raise UsageError(f"--verify-samples {verify_samples}", remedy="give 0 or more")
    if list_missing or dry_run:
        return make_plan(found, output, suffix, options, overwrite=overwrite and not list_missing)
    loaded = load_once(codec, device)
    num_codebooks = loaded.info.codebooks_for(bandwidth)
    if loaded.info.bits_per_code != BITS:
        raise UsageError(
            f"codec {loaded.info.name} has codes of {loaded.info.bits_per_code} bits, token files of {BITS}"
        )
    template = header_template(loaded, num_codebooks)
    replaced = {token_name(item.key, suffix) for item in found.items} if overwrite else set()
    refuse_mixed_tree(output, suffix, template, replaced)
    step = Encode(output, codec, device, suffix, template)
    summary = run_step(step, found, output, options, overwrite=overwrite)
    if verify and summary.status == "finished":
        from soundwright.codec.encode_verify import verify_tree

        verify_tree(step, found, summary, options, verify_samples)
    return summary


def find_input(input: Path, output: Path, extensions: Sequence[str] | None) -> Found:
    """The recordings below a folder, or the one file given.

    Raises:
        UsageError: there are none, or the output would lie in the input's place.
    """
    from soundwright.audio.files import audio_extensions

    if output.exists() and not output.is_dir():
        raise UsageError("expected a folder for the output; it is a file", path=output, remedy="give a folder")
    if input.is_file():
        return Found([Item(input.name, (input,))], partial=True)
    if output.resolve() == input.resolve():
        raise UsageError("input and output are the same folder", path=output, remedy="choose another output folder")
    return find_files(input, extensions or audio_extensions(), exclude=[output], remedy=CHECK_EXTENSIONS)
