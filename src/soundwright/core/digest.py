"""By what a file is known again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from soundwright.core.errors import BadInput


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy="check the path") from error
