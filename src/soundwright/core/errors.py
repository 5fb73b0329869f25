"""One tree of errors, each of which carries its evidence and the next step.

A user reads the message and nothing else: no traceback is shown for a `SoundwrightError`. So the message says what
was expected and what was found, `path` says where, and `remedy` says what to type or change.
"""

from __future__ import annotations

from pathlib import Path


class SoundwrightError(Exception):
    """Anything that a user can mend.

    Args:
        message: what was expected and what was found, in one line, without the path.
        path: the file or folder concerned.
        remedy: what to do about it, in the imperative.
    """

    def __init__(self, message: str, *, path: Path | str | None = None, remedy: str | None = None) -> None:
        super().__init__(message, path, remedy)
        self.message = message
        self.path = None if path is None else Path(path)
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive pickling by themselves, and workers send errors home.
        return _rebuild, (type(self), self.message, self.path, self.remedy), self.__dict__

    def __str__(self) -> str:
        where = "" if self.path is None else f"{show_path(self.path)}: "
        then = "" if self.remedy is None else f" -> {self.remedy}"
        return f"{where}{self.message}{then}"


class UsageError(SoundwrightError):
    """The command was given options or folders that do not go together. Exit code 2."""


class BadInput(SoundwrightError):
    """One input file cannot be used. The rest of the batch goes on. Exit code 1 at the end."""


class MissingExtra(UsageError):
    """An optional dependency is not installed; the remedy names the `pip install` line."""


def _rebuild(kind: type[SoundwrightError], message: str, path: Path | None, remedy: str | None) -> SoundwrightError:
    return kind(message, path=path, remedy=remedy)


def show_path(path: Path | str) -> str:
    r"""A path as one printable line: control characters and undecodable bytes are escaped, the rest stays readable.

    >>> show_path("a\nb.wav")
    'a\\nb.wav'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(path))
