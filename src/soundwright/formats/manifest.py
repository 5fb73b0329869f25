"""The manifest: a CSV table of token files and their sidecars.

rel_ecdc,rel_cond,frames,D,fps,codebooks
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import BadInput
from soundwright.runs import atomic

COLUMNS = ("rel_ecdc", "rel_cond", "frames", "D", "fps", "codebooks")


@dataclass(frozen=True)
class Row:
    """One clip.

    Attributes:
        rel_ecdc: token file, relative to the token root.
        rel_cond: .npy file of the sidecar, relative to the sidecar root.
        num_frames: T.
        num_features: D.
        fps: frames per second.
        num_codebooks: K.
    """

    rel_ecdc: str
    rel_cond: str
    num_frames: int
    num_features: int
    fps: float
    num_codebooks: int


def write(path: Path, rows: Iterable[Row]) -> None:
    """Writes a whole manifest, atomically. File names of any characters survive."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            [
                row.rel_ecdc,
                row.rel_cond,
                row.num_frames,
                row.num_features,
                f"{row.fps:.10g}",
                row.num_codebooks,
            ]
        )
    atomic.write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))


def read(path: Path) -> list[Row]:
    """Reads a manifest.

    Raises:
        BadInput: it is no such table.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = csv.DictReader(file)
            if tuple(lines.fieldnames or ()) != COLUMNS:
                raise ValueError(f"expected the columns {','.join(COLUMNS)}, found {lines.fieldnames}")
            return [
                Row(
                    line["rel_ecdc"],
                    line["rel_cond"],
                    int(line["frames"]),
                    int(line["D"]),
                    float(line["fps"]),
                    int(line["codebooks"]),
                )
                for line in lines
            ]
    except (ValueError, TypeError, csv.Error) as error:
        raise BadInput(
            f"is no manifest: {error}", path=path, remedy="write it again: sidecar init --manifest-csv"
        ) from error
