"""What the files of a sidecar are called."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath

from soundwright.core.errors import UsageError

SUFFIX = ".cond.npy"


def check_suffix(suffix: str) -> None:
    """Checks an ending for sidecars.

    Raises:
        UsageError: it does not end in `.npy`, is nothing but that, or holds a folder.
    """
    if not suffix.endswith(".npy") or "/" in suffix or suffix == ".npy":
        raise UsageError(f"--suffix {suffix!r}", remedy=f"give an ending such as {SUFFIX}")


def paths(key: str, suffix: str = SUFFIX) -> tuple[str, str]:
    """The two files of a token file's sidecar, relative to the sidecar root.

    >>> paths("birds/foo_amp_.75.ecdc")
    ('birds/foo_amp_.75.cond.npy', 'birds/foo_amp_.75.cond.json')
    """
    name = PurePosixPath(key).name
    npy = key[: len(key) - len(name)] + name.rpartition(".")[0] + suffix
    return npy, json_of(npy)


def json_of(npy: str) -> str:
    """The JSON file of a .npy file. Not `with_suffix(".cond.json")`, which would give `x.cond.cond.json`."""
    return npy.removesuffix(".npy") + ".json"


def pending_of(npy_path: Path) -> Path:
    """Where a new JSON waits while its .npy file is replaced.

    Hidden, so that no search for input finds it; the same in every process, so that the next one finds it; and short,
    since a file name that is as long as the file system allows leaves no room for a longer one.
    """
    digest = hashlib.sha256(os.fsencode(npy_path.name)).hexdigest()
    return npy_path.with_name(f".{digest[:16]}.pending")
