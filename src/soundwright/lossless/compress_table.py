"""The table at the end of `compress`: what each file became, and what FLAC makes of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from soundwright.core.errors import show_path

#: A table of thousands of rows is read by nobody; the total counts all of them.
_MOST_ROWS = 30
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Row:
    """What one file became.

    Attributes:
        name: of the file.
        original: its bytes (of its WAV form, if it is FLAC).
        archive: bytes of the archive.
        flac: bytes of `flac -8`; None where that is not known.
        from_flac: whether it is a FLAC file.
    """

    name: str
    original: int
    archive: int
    flac: int | None = None
    from_flac: bool = False

    def facts(self) -> dict[str, Any]:
        """All but the name, as JSON values."""
        return {key: value for key, value in asdict(self).items() if key != "name"}


def flac_size(path: Path, *, from_flac: bool = False) -> int | None:
    """Bytes that `flac -8` makes of a file, without padding; None where there is no `flac`, or it cannot read it.

    Args:
        path: the file.
        from_flac: it is FLAC itself; then its tags and pictures, which an archive has not, do not count.
    """
    program = shutil.which("flac")
    if program is None:
        return None
    name = str(path.absolute())
    with ExitStack() as stack:

        def start(*arguments: str, source: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
            # A session of its own: Ctrl-C is for us to answer, once the file in hand is done.
            return stack.enter_context(
                subprocess.Popen(
                    [program, "--totally-silent", "--stdout", *arguments],
                    stdin=source or subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )

        if from_flac:
            decoding = start("--decode", "--", name)
            encoding = start("-8", "--no-padding", "-", source=decoding.stdout)
        else:
            encoding = start("-8", "--no-padding", "--", name)
        assert encoding.stdout is not None
        size = sum(len(piece) for piece in iter(partial(encoding.stdout.read, 1 << 20), b""))
        return size if encoding.wait() == 0 else None


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The table for a person; with one row there is no total."""
    with_flac = any(row.flac is not None for row in rows)
    width = max(len("all files"), *(len(_short(row.name)) for row in rows[:_MOST_ROWS]))
    head = f"{'':<{width}}  {'original':>15}  {'.swz':>15}  {'of it':>7}"
    yield head + (f"  {'flac -8':>15}  {'against it':>10}" if with_flac else "")
    for row in rows[:_MOST_ROWS]:
        yield _line(_short(row.name), width, row.original, row.archive) + _against(row.archive, row.flac)
    if len(rows) > _MOST_ROWS:
        yield f"and {len(rows) - _MOST_ROWS} more"
    if len(rows) > 1:
        total = _line("all files", width, sum(row.original for row in rows), sum(row.archive for row in rows))
        both = [(row.archive, row.flac) for row in rows if row.flac is not None]
        flac = sum(size for _, size in both) if both else None
        missing = len(rows) - len(both)
        note = f"  (flac: without {missing} that it could not read)" if both and missing else ""
        yield total + _against(sum(size for size, _ in both), flac) + note


def notes(rows: Iterable[Row]) -> Iterator[str]:
    """What a person should know about all of them."""
    count = sum(row.from_flac for row in rows)
    if count:
        what = "1 FLAC file comes" if count == 1 else f"{count} FLAC files come"
        yield f"note: {what} back as WAV with equal samples, not as FLAC; tags and pictures are not kept"


def _short(name: str) -> str:
    shown = show_path(name)
    return shown if len(shown) <= _LONGEST_NAME else "..." + shown[3 - _LONGEST_NAME :]


def _line(name: str, width: int, original: int, archive: int) -> str:
    share = f"{100 * archive / original:.2f} %" if original else "-"
    return f"{name:<{width}}  {original:>15,}  {archive:>15,}  {share:>7}"


def _against(archive: int, flac: int | None) -> str:
    return "" if not flac else f"  {flac:>15,}  {100 * (archive / flac - 1):>+8.2f} %"
