"""What can go wrong between us and a web server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError, URLError

from soundwright.core.errors import SoundwrightError

#: Answers that may be others a moment later. 404 is not among them: it nearly always is a mistyped address.
_ASK_AGAIN = (403, 408, 425, 429, 500, 502, 503, 504)


class Unreachable(SoundwrightError):
    """The server did not give what was asked for, after all patience. The rerun goes on from there."""


class ArchiveChanged(SoundwrightError):
    """The file on the server is not the one that was looked at before."""


class NoRanges(SoundwrightError):
    """The server gives whole files only."""


class OutOfRange(Exception):
    """The server says that the file does not reach that far (416)."""


class Fault(Exception):
    """One attempt failed; `final` when asking again is of no use."""

    def __init__(self, text: str, *, final: bool = False, asked_s: float | None = None) -> None:
        super().__init__(text)
        self.text, self.final, self.asked_s = text, final, asked_s


@contextmanager
def network_faults() -> Iterator[None]:
    """Turns all that the network can do to us into `Fault`. Only network calls may stand inside: no writing."""
    try:
        yield
    except HTTPError as error:
        with error:
            if error.code == 416:
                raise OutOfRange from error
            asked_s = retry_after_s(error.headers.get("Retry-After"))
            final = error.code not in _ASK_AGAIN
            raise Fault(f"{error.code} {error.reason}", final=final, asked_s=asked_s) from error
    except URLError as error:
        raise Fault(_said(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise Fault(_said(error)) from error


def _said(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return " ".join(str(text).split())


def retry_after_s(value: str | None) -> float | None:
    """The header `Retry-After`: seconds, or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None  # a server's nonsense: our own interval holds
