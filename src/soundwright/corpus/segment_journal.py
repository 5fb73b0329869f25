"""Which segments of a recording `corpus segment` has begun to write, however that ended.

The engine's ledger names what a finished item gave, and protects the first segment of any item. Between the two lie a
stranger's `take_003.wav`, which must stay, and the leftovers of a killed run, which must not: a journal tells which is
which.

    OUTPUT/.soundwright/segment/begun/<source id>.txt      file names, each ended by a zero byte
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from soundwright.core.errors import BadInput
from soundwright.runs import atomic
from soundwright.runs.state import STATE_FOLDER


class SegmentJournal:
    """The journal of one recording."""

    def __init__(self, output: Path, source_id: str, *, overwrite: bool) -> None:
        """Reads it, if there is one.

        Args:
            output: the folder of segments.
            source_id: what the names of the segments begin with.
            overwrite: files that are not in the journal may be replaced.
        """
        self._output, self._overwrite = output, overwrite
        self._path = output / STATE_FOLDER / "segment" / "begun" / f"{source_id}.txt"
        text = self._path.read_bytes().decode("utf-8", "surrogateescape") if self._path.exists() else ""
        self._names = [name for name in text.split("\0") if name]

    def begin(self, name: str) -> Path:
        """Notes that a segment is about to be written, and gives its path.

        Raises:
            BadInput: a file stands there that was not begun by this command.
        """
        path = self._output / name
        if name not in self._names:
            if path.exists() and not self._overwrite:
                raise BadInput(
                    "exists already and was not made from this file", path=path, remedy="move it, or give --overwrite"
                )
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._names.append(name)
            with open(self._path, "ab") as file:
                file.write(f"{name}\0".encode("utf-8", "surrogateescape"))
        return path

    def keep(self, names: Iterable[str]) -> None:
        """Removes all segments that were ever begun but these."""
        kept = list(names)
        surplus = [name for name in self._names if name not in set(kept)]
        for name in surplus:
            (self._output / name).unlink(missing_ok=True)
        if surplus:
            self._names = kept
            text = "".join(f"{name}\0" for name in kept)
            atomic.write_bytes(self._path, text.encode("utf-8", "surrogateescape"))
