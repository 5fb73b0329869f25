"""Does a packed split hold what its files hold? Every row and every file is opened."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from soundwright.core.errors import BadInput, SoundwrightError
from soundwright.dataset.read import Clip, PackedSplit
from soundwright.dataset.schema import Sidecars
from soundwright.formats import sidecar
from soundwright.formats.tokens import read_tokens


def has_datasets() -> bool:
    """Whether the library `datasets` is installed; packing needs pyarrow alone."""
    return find_spec("datasets") is not None


def differences(
    folder: Path, split: str, subdir: str, root: Path, sidecars: Sidecars | None
) -> Iterator[tuple[str, SoundwrightError]]:
    """Compares each row with its files, and the number of rows with what `datasets` loads, where it is installed.

    Args:
        folder: the pack.
        split: its split.
        subdir: folder of the token files in the pack.
        root: the pack, or the tree of the original token files where none were placed in the pack.
        sidecars: the original sidecars; None for a pack without.

    Yields:
        The path of each row that differs, and why.

    Raises:
        BadInput: `datasets` loads another number of rows than are there.
    """
    packed = PackedSplit(folder, split)
    if has_datasets():
        from datasets import load_from_disk

        loaded = load_from_disk(str(folder))[split]
        if len(loaded) != len(packed):
            raise BadInput(f"datasets loads {len(loaded)} of {len(packed)} rows", path=folder, remedy="build it again")
    inside = root == folder
    for clip in packed:
        key = clip.audio.removeprefix(f"{subdir}/")
        npy = None
        if sidecars and inside:
            npy = folder / sidecar.paths(clip.audio, sidecars.conditions.suffix)[0]
        elif sidecars:
            npy = sidecars.of(key)
        try:
            _compare(clip, packed, root / (clip.audio if inside else key), npy)
        except SoundwrightError as error:
            yield key, error


def _compare(clip: Clip, packed: PackedSplit, tokens: Path, npy: Path | None) -> None:
    file = read_tokens(tokens)
    if not np.array_equal(file.codes, clip.codes):
        raise BadInput("its codes are not those of the row", path=tokens, remedy="build the dataset again")
    if int(clip.codes.max(initial=0)) >= packed.meaning.bins:
        raise BadInput(f"has codes above {packed.meaning.bins - 1}", path=tokens, remedy="encode it again")
    if npy is None:
        return
    values = sidecar.read(npy).values
    if values.dtype != clip.cond.dtype or not np.array_equal(values, clip.cond):
        raise BadInput("its values are not those of the row", path=npy, remedy="build the dataset again")
