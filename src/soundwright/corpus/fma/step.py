"""The folder step: one item is one track, taken out of the archive, checked, and decoded to see whether it is sound."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from zipfile import ZipInfo

from soundwright.core.errors import BadInput, SoundwrightError
from soundwright.core.units import amplitude_from_db
from soundwright.corpus.fma.archive import Archive, OpenArchive, checksums_of
from soundwright.corpus.fma.faults import ArchiveChanged, NoRanges
from soundwright.corpus.fma.metadata import Track, load, track_id
from soundwright.runs import atomic
from soundwright.runs.step import Done, Finished, Item, OneByOne, Outcome

#: A track that nowhere exceeds this holds nothing but silence: at 16 bit, little but rounding noise.
_SILENT_DB = -80.0


class _Unusable(Exception):
    """A track that came whole, and of which no use can be made."""


@dataclass(frozen=True)
class Fetching:
    """What a worker holds: the open archive, and the SHA-1 of its tracks."""

    archive: OpenArchive
    sha1: dict[str, str]


@dataclass(frozen=True)
class FmaTracks(OneByOne[Fetching]):
    """The folder step behind `fma`.

    Attributes:
        output: the folder for the tracks.
        archive: where they come from.
        digest: of the archive's directory: the same on every mirror, so that a run may go on with another one.
        min_duration: seconds.
        checksums: where the archive's list of SHA-1s is kept.
        metadata: where the table of artists and licences is kept; None when it could not be had.
        anew: fetch also what is there already.
    """

    name: ClassVar[str] = "fma"

    output: Path
    archive: Archive
    digest: str
    min_duration: float
    checksums: Path
    metadata: Path | None
    anew: bool = False

    def settings(self) -> dict[str, Any]:
        """What decides content and choice of the tracks."""
        return {"archive": self.digest, "min_duration": self.min_duration}

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The file name alone: whatever folders a member's path names, nothing is written elsewhere."""
        return (f"{track_id(item.key)}.mp3",)

    def setup(self) -> Fetching:
        """Opens the archive by its kept directory."""
        archive = self.archive.open()
        return Fetching(archive, checksums_of(archive, self.checksums))

    def run(self, state: Fetching, items: Sequence[Item]) -> Sequence[Outcome]:
        """Does the items in turn. What the server changes for all of them ends the run."""
        outcomes = super().run(state, items)
        for outcome in outcomes:
            if isinstance(outcome, ArchiveChanged | NoRanges):
                raise outcome
        return outcomes

    def run_one(self, state: Fetching, item: Item) -> Done:
        """Fetches, checks and decodes one track."""
        member = state.archive.tracks[item.key]
        (name,) = self.outputs(item)
        target = self.output / name
        try:
            if not self.anew and _is_member(target, member):
                return Done((name,), self._facts(target))  # done before, with other settings
            with atomic.atomic_path(target) as temporary:
                state.archive.extract(member, temporary, state.sha1.get(item.key))
                facts = self._facts(temporary)
        except _Unusable as reason:
            return Done(excluded=str(reason))
        except SoundwrightError as error:
            error.path = item.path
            raise
        return Done((name,), facts)

    def _facts(self, path: Path) -> dict[str, Any]:
        """Length and rate, measured by decoding all of it.

        Raises:
            _Unusable: it is no sound, silent, or too short.
        """
        from soundwright.audio.files import open_audio, probe

        num_samples, peak = 0, 0.0
        try:
            probe(path)
        except BadInput as error:
            # Of what is no MP3 at all libsndfile says that there is no such file.
            raise _Unusable("holds no audio") from error
        try:
            with open_audio(path) as reader:
                for piece in reader.pieces():
                    num_samples += len(piece)
                    peak = max(peak, float(piece.max()), -float(piece.min()))
        except BadInput as error:
            raise _Unusable(error.message) from error
        duration_s = num_samples / reader.info.sample_rate
        if duration_s < self.min_duration:
            raise _Unusable(f"is too short: {duration_s:.4g} s, at least {self.min_duration:g} s are asked for")
        if peak < amplitude_from_db(_SILENT_DB):
            raise _Unusable("holds nothing but silence")
        return {"duration_s": round(duration_s, 3), "sample_rate": reader.info.sample_rate}

    def reduce(self, finished: Iterable[Finished]) -> None:
        """Writes `licenses.csv` and `excluded.csv`."""
        known = load(self.metadata) if self.metadata else {}
        good: list[list[str]] = []
        bad: list[list[str]] = []
        for item in sorted(finished, key=lambda item: track_id(item.key)):
            number = track_id(item.key)
            if item.excluded:
                bad.append([number, item.excluded])
            else:
                track = known.get(item.key, Track())
                good.append([number, item.outputs[0], track.artist, track.title, track.license, track.genre])
        _write_table(self.output / "licenses.csv", ["track_id", "file", "artist", "title", "license", "genre"], good)
        _write_table(self.output / "excluded.csv", ["track_id", "reason"], bad)


def _is_member(path: Path, member: ZipInfo) -> bool:
    """Whether a file has a member's size and CRC."""
    if not path.is_file() or path.stat().st_size != member.file_size:
        return False
    crc = 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            crc = zlib.crc32(piece, crc)
    return crc == member.CRC


def _write_table(path: Path, head: list[str], rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    atomic.update_bytes(path, text.getvalue().encode("utf-8"))
