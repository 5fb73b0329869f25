"""The saved state of a track: its tokens so far, and of which settings they are. 72 KB for three minutes."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, UsageError
from soundwright.runs.atomic import atomic_path

_VERSION = 1
_REMEDY = "remove it, or run without --resume, to begin again"


@dataclass(frozen=True)
class TokenState:
    """What is needed to go on with a track.

    Args:
        codes: int16 `[K, T]`, un-delayed, all frames of the windows that are done.
        num_frames: frames of the whole track as it was planned.
        settings: digest of everything else that decides about the tokens.
    """

    codes: NDArray[np.int16]
    num_frames: int
    settings: str


def save(path: Path, state: TokenState) -> None:
    """Writes a state atomically (`.npz`, plain arrays)."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            version=np.int64(_VERSION),
            codes=state.codes.astype(np.int16),
            num_frames=np.int64(state.num_frames),
            settings=np.array(state.settings),
        )


def load(path: Path, settings: str, num_codebooks: int) -> TokenState:
    """Reads a state that was made with the same settings.

    Raises:
        BadInput: the file is no state, or is damaged.
        UsageError: the tokens are of other settings, another prompt or other weights.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            version, codes = int(arrays["version"]), arrays["codes"]
            state = TokenState(codes, int(arrays["num_frames"]), str(arrays["settings"]))
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise BadInput("holds no saved tokens, or is damaged", path=path, remedy=_REMEDY) from error
    if version != _VERSION or codes.dtype != np.int16 or codes.ndim != 2 or codes.shape[0] != num_codebooks:
        raise BadInput(
            f"expected int16 [{num_codebooks}, T] of version {_VERSION}, found {codes.dtype} {list(codes.shape)} "
            f"of version {version}",
            path=path,
            remedy=_REMEDY,
        )
    if state.settings != settings:
        raise UsageError("the saved tokens are of another prompt, seed, model or setting", path=path, remedy=_REMEDY)
    return state
