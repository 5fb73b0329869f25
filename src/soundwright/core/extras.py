"""Optional dependencies: the one place that turns a failed import into the line to type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from soundwright.core.errors import MissingExtra


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Wraps the imports of an optional dependency.

    Args:
        extra: the name of the extra in `pip install 'soundwright[extra]'`.
        purpose: what cannot be done without it, as the subject of a sentence: "building a dataset".

    Raises:
        MissingExtra: a module inside the block is not installed.

    >>> with needs_extra("pack", "building a dataset"):
    ...     import a_module_that_is_not_there
    Traceback (most recent call last):
    ...
    soundwright.core.errors.MissingExtra: building a dataset needs the module a_module_that_is_not_there, \
which is not installed -> pip install 'soundwright[pack]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{purpose} needs the module {error.name}, which is not installed",
            remedy=f"pip install 'soundwright[{extra}]'",
        ) from error
