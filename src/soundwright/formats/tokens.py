"""Reads token files of either kind; their first bytes tell them apart."""

from __future__ import annotations

from pathlib import Path

from soundwright.core.errors import BadInput
from soundwright.formats import ecdc, torch_tokens
from soundwright.formats.ecdc import TokenFile, TokenHeader


def read_tokens(path: Path | str) -> TokenFile:
    """Reads a token file, EnCodec's bit stream or the older torch archive.

    Raises:
        BadInput: the file cannot be read, or is neither.
        MissingExtra: it is a torch archive, and torch is not installed.
    """
    return torch_tokens.read(path) if is_torch_archive(path) else ecdc.read(path)


def read_token_header(path: Path | str) -> TokenHeader:
    """Reads what a token file says about its tokens; for the bit stream without decoding them.

    Raises:
        BadInput: as `read_tokens`.
        MissingExtra: as `read_tokens`.
    """
    return torch_tokens.read(path).header if is_torch_archive(path) else ecdc.read_header(path)


def is_torch_archive(path: Path | str) -> bool:
    """Whether a file is the older kind; a file that is neither is not.

    Raises:
        BadInput: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(len(torch_tokens.MAGIC)) == torch_tokens.MAGIC
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy="check the path") from error
