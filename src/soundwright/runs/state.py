"""Where steps keep what they remember: `.soundwright/<step>/` inside the folder that they write to."""

from __future__ import annotations

from pathlib import Path

from soundwright.core.errors import UsageError

#: Hidden, so that no search for input looks into it.
STATE_FOLDER = ".soundwright"


def state_folder(output: Path, step: str) -> Path:
    """The state folder of a step, made if missing, and with it the output folder.

    Raises:
        UsageError: the output folder cannot be made or written.
    """
    folder = output / STATE_FOLDER / step
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}", path=output, remedy="choose another output folder"
        ) from error
    return folder
