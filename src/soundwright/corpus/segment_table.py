"""segments.csv: which recording each segment is from.

    "file","source","start_s","duration_s"
    "drums_kick_001.wav","drums/kick.wav",10.0,10.0

`file` is relative to the table's folder, `source` to the folder of the recordings; `duration_s` is the file's length,
silence that fills it up included.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from soundwright.core.errors import BadInput
from soundwright.runs import atomic

TABLE_NAME = "segments.csv"


@dataclass(frozen=True)
class SegmentRow:
    """A line of the table."""

    file: str
    source: str
    start_s: float
    duration_s: float


COLUMNS = [field.name for field in fields(SegmentRow)]


def write_segment_table(folder: Path, rows: Iterable[SegmentRow]) -> None:
    """Writes the table of a folder, atomically."""
    text = io.StringIO()
    # Every name in quotes: Python 3.11 forgets them around a carriage return.
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    writer.writerows(astuple(row) for row in rows)
    # File names need not be UTF-8.
    atomic.update_bytes(folder / TABLE_NAME, text.getvalue().encode("utf-8", "surrogateescape"))


def read_segment_table(folder: Path) -> list[SegmentRow]:
    """Reads the table of a folder.

    Raises:
        BadInput: it is no such table.
    """
    path = folder / TABLE_NAME
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header, *lines = list(reader) or [[]]
        if header[: len(COLUMNS)] != COLUMNS:
            raise ValueError(f"expected the columns {', '.join(COLUMNS)}, found {', '.join(header) or 'none'}")
        return [
            SegmentRow(file, source, float(start_s), float(duration_s))
            for file, source, start_s, duration_s, *_ in lines
        ]
    except (csv.Error, ValueError) as error:
        raise BadInput(
            f"is no table of segments: {error}", path=path, remedy="run `corpus segment` again, or remove it"
        ) from error
