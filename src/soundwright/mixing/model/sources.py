"""Loads base models by hub name or folder, with one clear line where that fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path


def load_base(what: str, source: str, load: Callable[[str], Any]) -> Any:
    """Calls `load(source)`.

    Args:
        what: what it is, for the message: "text encoder".
        source: hub name or folder.
        load: such as `AutoModel.from_pretrained`.

    Raises:
        BadInput: the folder lacks a file, or is of something else.
        UsageError: there is no such folder, and the hub does not give it.
    """
    is_folder = os.path.isdir(source)
    try:
        with _quiet():
            return load(source)
    except SoundwrightError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, AttributeError) as error:
        # transformers raises all of these for damaged or incomplete folders, in paragraphs.
        first = str(error).strip().split("\n")[0][:200] or type(error).__name__
        if is_folder:
            raise BadInput(
                f"cannot be loaded as the {what}: {first}", path=source, remedy="save it again with save_pretrained"
            ) from error
        raise UsageError(
            f"the {what} {show_path(source)!r} is no folder, and the hub does not give it: {first}",
            remedy="download it on a machine with access, and give the folder",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no reports of unused weights while a base model loads."""
    import transformers

    logging: Any = transformers.utils.logging

    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
