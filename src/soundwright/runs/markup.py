"""Text, numbers and files as they may stand in HTML: the only place where values become markup."""

from __future__ import annotations

import base64
import html
from pathlib import PurePath
from urllib.parse import quote

#: The content of a file, or its path relative to the page.
Media = bytes | str | PurePath

_MAGIC = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "audio/wav",
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
}


def escape(text: str) -> str:
    """Text as markup, safe inside and outside of attributes; a file name that is no UTF-8 stays readable.

    >>> escape("<b>R&B</b>")
    '&lt;b&gt;R&amp;B&lt;/b&gt;'
    """
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"), quote=True)


def number(value: str | int | float) -> str:
    """A number as read by a person: thousands apart, four significant digits; text as it is.

    >>> number(240017), number(0.123456), number(12.0)
    ('240,017', '0.1235', '12')
    """
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def source(media: Media) -> str:
    """What goes into `src` or `href`: a data URI for bytes, a quoted relative address for a path.

    Raises:
        ValueError: bytes of an unknown kind, or a path that is not relative.

    >>> source("clips/a b#1.wav")
    'clips/a%20b%231.wav'
    """
    if isinstance(media, bytes):
        kind = next((kind for magic, kind in _MAGIC.items() if media.startswith(magic)), None)
        if kind is None:
            raise ValueError(f"neither a picture nor a sound that browsers know: begins with {media[:4]!r}")
        return f"data:{kind};base64,{base64.b64encode(media).decode('ascii')}"
    path = PurePath(media)
    if path.is_absolute():
        raise ValueError(f"{media}: a page names files by paths relative to itself")
    return quote(path.as_posix().encode("utf-8", "surrogateescape"))
