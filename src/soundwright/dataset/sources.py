"""The clips of a split: token files of one kind, each with its sidecar."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from soundwright.core.errors import BadInput, SoundwrightError, show_path
from soundwright.dataset.layout import Meaning
from soundwright.dataset.schema import Sidecars
from soundwright.dataset.shards import PackedClip
from soundwright.formats import sidecar
from soundwright.formats.bits import BITS
from soundwright.formats.conditions import Conditions
from soundwright.formats.ecdc import TokenHeader
from soundwright.formats.tokens import read_token_header, read_tokens
from soundwright.runs.step import Item

#: How many files an error names.
NAMED = 5


def survey(
    items: Sequence[Item], sidecars: Sidecars | None, root: Path
) -> tuple[Meaning, list[Item], list[tuple[Item, SoundwrightError]]]:
    """Reads the headers of all token files, before anything is written.

    Args:
        items: the token files.
        sidecars: the sidecars, if any.
        root: for messages.

    Returns:
        What the tokens mean, the items that can be read, and those that cannot.

    Raises:
        BadInput: none can be read, or they were made by different codecs or with different numbers of codebooks.
    """
    kinds: dict[TokenKind, list[Item]] = defaultdict(list)
    bad: list[tuple[Item, SoundwrightError]] = []
    for item in items:
        try:
            kinds[TokenKind.of(read_token_header(item.inputs[0]))].append(item)
        except SoundwrightError as error:
            bad.append((item, error))
    if not kinds:
        raise BadInput("none of the token files can be read", path=root, remedy=str(bad[0][1]))
    if len(kinds) > 1:
        groups = sorted(kinds.items(), key=lambda pair: -len(pair[1]))
        told = "; ".join(f"{kind}: {name_some(item.key for item in members)}" for kind, members in groups)
        raise BadInput(
            f"one split needs one codec and one number of codebooks; found {told}",
            path=root,
            remedy="encode the smaller group again (codec encode --overwrite), or move it to a folder of its own",
        )
    (kind,) = kinds
    good = [item for members in kinds.values() for item in members]
    return kind.meaning(sidecars.conditions if sidecars else None), good, bad


@dataclass(frozen=True)
class TokenKind:
    """What must be the same in all token files of a split."""

    codec: str
    codec_revision: str | None
    sample_rate: int
    frame_rate: float
    num_codebooks: int
    bins: int

    @classmethod
    def of(cls, header: TokenHeader) -> TokenKind:
        """The kind of one file."""
        return cls(
            header.codec, header.revision, header.sample_rate, header.frame_rate, header.num_codebooks, 1 << BITS
        )

    def meaning(self, conditions: Conditions | None) -> Meaning:
        """The record of a split of this kind."""
        return Meaning(**asdict(self), conditions=conditions)

    def __str__(self) -> str:
        revision = f" {self.codec_revision}" if self.codec_revision else ""
        return f"{self.codec}{revision} with {self.num_codebooks} codebooks"


def read_clip(item: Item, audio: str, meaning: Meaning, sidecars: Sidecars | None) -> PackedClip:
    """Reads a token file and its sidecar, and checks that they go together.

    Raises:
        BadInput: the reason why this clip cannot be packed.
    """
    path = item.inputs[0]
    codes = read_tokens(path).codes
    num_frames = codes.shape[1]
    try:
        audio.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInput("its name is not UTF-8, which datasets require", path=path, remedy="rename it") from error
    if sidecars is None:
        return PackedClip(audio, codes, np.zeros((num_frames, 0), np.float16))
    npy = sidecars.of(item.key)
    found = sidecar.read(npy)
    expected = sidecars.conditions
    again = "make it again: sidecar init --overwrite, then sidecar add"
    if found.num_frames != num_frames:
        raise BadInput(f"has {found.num_frames} frames, its tokens {num_frames}", path=npy, remedy=again)
    if found.names != expected.columns:
        raise BadInput(
            f"has the columns {list(found.names)}, the schema {list(expected.columns)}",
            path=npy,
            remedy="run sidecar add with the producers that give the missing ones, on all clips",
        )
    if abs(found.fps - meaning.frame_rate) > 0.01:
        raise BadInput(f"has {found.fps:g} frames/s, its tokens {meaning.frame_rate:g}", path=npy, remedy=again)
    if str(found.values.dtype) != expected.dtype:
        raise BadInput(f"is {found.values.dtype}, the schema says {expected.dtype}", path=npy, remedy=again)
    if not np.isfinite(found.values).all():
        raise BadInput("has values that are NaN or infinite", path=npy, remedy=again)
    return PackedClip(audio, codes, found.values)


def digest_of(items: Iterable[Item], sidecars: Sidecars | None, meaning: Meaning, subdir: str) -> str:
    """Identifies what a split would be made of: names, sizes and dates of all files, and what they mean."""
    total = hashlib.sha256(f"{subdir}\n{meaning.model_dump_json()}".encode())
    for item in items:
        files = [item.inputs[0]]
        if sidecars:
            npy = sidecars.of(item.key)
            files += [npy, Path(sidecar.json_of(str(npy)))]
        for file in files:
            try:
                status = os.stat(file)
            except OSError:
                total.update(b"missing")
                continue
            total.update(f"{item.key}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def name_some(keys: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    named = [show_path(key) for key in keys]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return ", ".join(named[:NAMED]) + more
