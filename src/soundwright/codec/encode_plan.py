"""What `codec encode` would find to do, without loading a codec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.formats.ecdc import TokenHeader
from soundwright.formats.tokens import read_token_header
from soundwright.runs.discover import Found
from soundwright.runs.options import RunOptions


def token_name(key: str, suffix: str) -> str:
    """The token file of a recording, relative to its tree.

    >>> token_name("birds/foo_amp_.75.wav", ".ecdc")
    'birds/foo_amp_.75.ecdc'
    """
    return str(PurePosixPath(key).with_suffix("")) + suffix


@dataclass(frozen=True)
class EncodePlan:
    """What is there and what is missing.

    Attributes:
        output: the folder of token files.
        present: recordings that have a token file.
        missing: recordings, as keys, that would be encoded.
        orphans: token files, relative to the folder, whose recording is gone.
        damaged: what is wrong with token files that cannot be read.
        problems: what could not be looked into.
    """

    output: Path
    present: int
    missing: tuple[str, ...]
    orphans: tuple[str, ...]
    damaged: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0: looking is no failure, unless a folder could not be read."""
        return 1 if self.problems else 0

    def lines(self) -> Iterator[str]:
        """The plan for a person."""
        for key in self.missing:
            yield f"missing: {show_path(key)}"
        for name in self.orphans:
            yield f"orphan: {show_path(self.output / name)}: its recording is gone -> delete it if unwanted"
        yield from (f"damaged: {text}" for text in self.damaged)
        yield from (f"problem: {text}" for text in self.problems)
        yield (
            f"encode: {len(self.missing)} to do, {self.present} there, {len(self.orphans)} orphans"
            f" -> {show_path(self.output)}"
        )


def make_plan(found: Found, output: Path, suffix: str, options: RunOptions, *, overwrite: bool) -> EncodePlan:
    """Compares recordings (those of this shard) with the token files below `output`.

    A token file counts as there when it is readable; whether it is up to date is for the run itself to say.
    """
    wanted = {token_name(item.key, suffix): item.key for item in found.items}
    standing, damaged = _headers(output, suffix)
    mine = {name: key for name, key in wanted.items() if options.in_shard(key)}
    missing = [key for name, key in mine.items() if overwrite or name not in standing]
    return EncodePlan(
        output,
        len(mine) - len(missing),
        tuple(missing),
        () if found.partial else tuple(sorted(({*standing, *damaged}) - wanted.keys())),
        tuple(str(error) for error in damaged.values()),
        tuple(str(error) for error in found.problems),
    )


def refuse_mixed_tree(output: Path, suffix: str, wanted: TokenHeader, replaced: set[str]) -> None:
    """Refuses to put tokens of one kind beside tokens of another.

    Nothing that reads a tree later can tell: a model trained on 8 of 16 codebooks gives no warning.

    Args:
        output: the folder of token files.
        suffix: their ending.
        wanted: header of the files to come.
        replaced: token files, relative to the folder, that will be made again.

    Raises:
        UsageError: another token file has another codec, other weights or another number of codebooks.
    """
    headers, _ = _headers(output, suffix)
    staying = [_kind(header) for name, header in headers.items() if name not in replaced]
    others = Counter(kind for kind in staying if kind != _kind(wanted))
    if others:
        texts = [f"{count} of {kind}" for kind, count in others.most_common(3)]
        remedy = "give --overwrite to make all of them again"
        if replaced:
            remedy = "delete those that this command does not make again"
        raise UsageError(
            f"holds other token files ({'; '.join(texts)}) than those of {_kind(wanted)} asked for",
            path=output,
            remedy=f"choose another output folder, or {remedy}",
        )


def _kind(header: TokenHeader) -> str:
    weights = f" with weights {header.revision}" if header.revision else ""
    return f"{header.codec}{weights} at {header.bandwidth_kbps:g} kbps"


def _headers(output: Path, suffix: str) -> tuple[dict[str, TokenHeader], dict[str, BadInput]]:
    """The headers of all token files below a folder by relative path, and what is wrong with the others."""
    headers: dict[str, TokenHeader] = {}
    damaged: dict[str, BadInput] = {}
    for path in sorted(output.rglob("*")):
        relative = path.relative_to(output)
        hidden = any(part.startswith(".") for part in relative.parts)  # temporary files, the engine's state
        if hidden or not path.name.endswith(suffix) or not path.is_file():
            continue
        name = str(PurePosixPath(relative))
        try:
            headers[name] = read_token_header(path)
        except BadInput as error:
            damaged[name] = error
    return headers, damaged
