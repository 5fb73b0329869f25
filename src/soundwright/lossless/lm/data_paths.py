"""Which recordings are there, which of them train and which are held out. Headers are read, never whole files."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

from soundwright.audio.files import probe
from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.runs.discover import find_files

_LOG = logging.getLogger("soundwright.lossless.lm")
#: Fraction of the files that validate instead of training.
HELD_OUT = 0.1


def wav_files(audio_dir: str | Path) -> list[Path]:
    """All WAV files below a folder, nested ones too, sorted by their path in it; case does not matter in `.wav`.

    Raises:
        UsageError: the folder is missing, or holds none.
    """
    root = Path(audio_dir)
    if not root.exists():
        raise UsageError(f"Audio directory does not exist: {show_path(root)}")
    try:
        found = find_files(root, ["wav", "wave"])
    except UsageError as error:
        if not root.is_dir():
            raise
        raise UsageError(
            f"No WAV files found in directory: {show_path(root)}",
            remedy="check the folder; `soundwright corpus convert` makes WAV files of other recordings",
        ) from error
    for problem in found.problems:
        _LOG.warning("Could not look into %s", problem)
    if not found.items:
        raise found.problems[0]
    return [item.inputs[0] for item in found.items]


def get_train_paths(audio_dir: str | Path) -> list[str]:
    """The files that are trained on, about nine in ten.

    A file's side is a function of its path below `audio_dir`, so it does not change from call to call or machine to
    machine, and hardly ever when files are added. Of two files or more each side has at least one. A single file is
    on both sides: whoever trains on it holds out its end.

    Raises:
        UsageError: as `wav_files`.
    """
    return [str(path) for path in _split(audio_dir)[0]]


def get_valid_paths(audio_dir: str | Path) -> list[str]:
    """The files that are held out, about one in ten; see `get_train_paths`.

    Raises:
        UsageError: as `wav_files`.
    """
    return [str(path) for path in _split(audio_dir)[1]]


def detect_audio_format(audio_dir: str | Path) -> dict[str, Any]:
    """Which WAV files have one channel and which have more, by their headers.

    Returns:
        `has_stereo` and `has_mono` (bool), `stereo_files` and `mono_files` (lists of paths; stereo is two channels or
        more), `recommended_format` (`stereo`, `mono` or `mixed`), and `unreadable_files`, which are warned of.

    Raises:
        UsageError: as `wav_files`.
    """
    stereo_files: list[str] = []
    mono_files: list[str] = []
    unreadable: list[str] = []
    for path in wav_files(audio_dir):
        try:
            channels = probe(path).channels
        except BadInput as error:
            _LOG.warning("Could not read %s", error)
            unreadable.append(str(path))
            continue
        (mono_files if channels == 1 else stereo_files).append(str(path))
    if stereo_files and mono_files:
        recommended = "mixed"
    else:
        recommended = "stereo" if stereo_files else "mono"
    return {
        "has_stereo": bool(stereo_files),
        "has_mono": bool(mono_files),
        "stereo_files": stereo_files,
        "mono_files": mono_files,
        "recommended_format": recommended,
        "unreadable_files": unreadable,
    }


def check_some_readable(audio_dir: str | Path) -> None:
    """Looks for one WAV file that can be read, by its header.

    Raises:
        UsageError: as `wav_files`.
        BadInput: there is none.
    """
    problem: BadInput | None = None
    for path in wav_files(audio_dir):
        try:
            probe(path)
            return
        except BadInput as error:
            problem = problem or error
    if problem is not None:
        raise problem


def get_audio_files_with_format(audio_dir: str | Path) -> tuple[list[str], str]:
    """All WAV files that can be read, stereo ones first, and `mono`: files of several channels are mixed.

    Raises:
        UsageError: as `wav_files`.
    """
    found = detect_audio_format(audio_dir)
    return found["stereo_files"] + found["mono_files"], "mono"


def _split(audio_dir: str | Path) -> tuple[list[Path], list[Path]]:
    root = Path(audio_dir)
    paths = wav_files(root)
    if len(paths) == 1:
        return paths, paths

    def draw(path: Path) -> float:
        digest = hashlib.sha1(path.relative_to(root).as_posix().encode(errors="surrogateescape"), usedforsecurity=False)
        return int.from_bytes(digest.digest()[:4], "big") / 2**32

    by_draw = sorted(paths, key=lambda path: (draw(path), path))
    # The lowest draw is always held out and the highest always trains.
    held_out = {by_draw[0], *(path for path in by_draw[:-1] if draw(path) < HELD_OUT)}
    return [path for path in paths if path not in held_out], [path for path in paths if path in held_out]
