"""`soundwright corpus fma`: a number of sound tracks out of an archive that is far larger than they are."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Literal

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path
from soundwright.corpus.fma.archive import Archive, OpenArchive, checksums_of
from soundwright.corpus.fma.faults import Unreachable
from soundwright.corpus.fma.metadata import load, read_tracks, save
from soundwright.corpus.fma.selection import balanced, beginning
from soundwright.corpus.fma.sources import get_archive, is_remote, location_of, metadata_beside
from soundwright.corpus.fma.step import FmaTracks
from soundwright.corpus.fma.summary import FmaSummary
from soundwright.corpus.shuffle import shuffled
from soundwright.runs import atomic
from soundwright.runs.discover import Found
from soundwright.runs.engine import run_step
from soundwright.runs.events import Note, emit
from soundwright.runs.locks import lock
from soundwright.runs.options import RunOptions
from soundwright.runs.state import state_folder
from soundwright.runs.step import Item
from soundwright.runs.summary import RunSummary

#: So many tracks without use, and more than half of all, are no accident: what is asked for is not in this archive.
_MOST_UNUSABLE = 50
#: Connections at once where the user has not said: enough to fill a line, few enough not to be turned away.
_CONNECTIONS = 4


def fma(
    output: Path,
    *,
    source: str = "small",
    tracks: int | Literal["all"] = 100,
    seed: int = 42,
    balance_genres: bool = False,
    min_duration: float = 10.0,
    metadata: str | None = None,
    whole: bool = False,
    overwrite: bool = False,
    prune: bool = False,
    workers: int | None = None,
) -> FmaSummary:
    """Fetches some tracks of the Free Music Archive dataset, without fetching all of it.

    Only the parts of the archive that hold the chosen tracks are fetched: 100 tracks of `small` cost about 100 MB, not
    7.2 GB. Every track is checked by the archive's checksums and decoded to the end. Tracks that hold no sound or too
    little of it are listed in `excluded.csv`, and others take their place. `licenses.csv` has artist, title and
    licence of each track. The same command again goes on where it was stopped, and fetches nothing twice.

    Args:
        output: Folder for the tracks, `000002.mp3` and so on.
        source: One of the archives small, medium, large and full, the address of a mirror's or of any other zip archive
            of MP3 files, or the path of one.
        tracks: How many, or all. With a larger number later, those that are there stay.
        seed: Decides which tracks.
        balance_genres: Take as many tracks of each genre as of any other, as far as they go; tracks of which no genre
            is known are not taken.
        min_duration: Length in seconds that a track must have.
        metadata: Address or path of the metadata archive, or `none`. Default: `fma_metadata.zip` beside the source. It
            is read once, which costs some 50 MB.
        whole: Fetch the whole archive, and take the tracks from that.
        overwrite: Fetch everything anew, and replace files in OUTPUT that were not made by this command.
        prune: Remove tracks that this command fetched and that are not chosen any more.
        workers: Worker processes, each with its own connection. Default: up to 4.

    Returns:
        Counts, failures, exclusions with their reasons, and the number of bytes fetched.

    Raises:
        UsageError: SOURCE is none, a number is out of range, or another run works in OUTPUT.
        SoundwrightError: the archive could not be reached, is none, or has changed since the first run; or there is
            not the room for it.
    """
    location = location_of(source)
    if tracks != "all" and tracks < 1:
        raise UsageError(f"--tracks {tracks}", remedy="give at least 1, or all")
    if not 0 <= min_duration < math.inf:
        raise UsageError(f"--min-duration {min_duration:g}", remedy="give seconds, 0 or more")
    if whole and not is_remote(location):
        raise UsageError("--whole: the archive is on this machine already", path=location, remedy="leave --whole out")
    if balance_genres and metadata == "none":
        raise UsageError("--balance-genres needs the metadata", remedy="leave --metadata none out")
    options = RunOptions(workers=_CONNECTIONS if workers is None else workers)
    state = state_folder(output, FmaTracks.name)
    with ExitStack() as stack:
        try:
            stack.enter_context(lock(state / "lock-fetching"))
        except UsageError as error:
            remedy = "wait for it to end, or choose another output folder"
            raise UsageError(error.message, path=output, remedy=remedy) from error
        call = _Call(output, state, location, metadata, whole, overwrite, prune)
        return call.run(None if tracks == "all" else tracks, seed, balance_genres, min_duration, options)


class _Call:
    """One call of the verb, alone in its output folder."""

    def __init__(
        self,
        output: Path,
        state: Path,
        location: str,
        metadata: str | None,
        whole: bool,
        overwrite: bool,
        prune: bool,
    ) -> None:
        self.output, self.state, self.location, self.metadata = output, state, location, metadata
        self.whole, self.overwrite, self.prune = whole, overwrite, prune
        self.traffic = state / "traffic.txt"
        self.notes: list[str] = []

    def run(
        self, num_tracks: int | None, seed: int, balance: bool, min_duration: float, options: RunOptions
    ) -> FmaSummary:
        self.traffic.unlink(missing_ok=True)
        archive = self._archive(self.location, whole=self.whole)
        with closing(archive.open()) as opened:
            if not opened.tracks:
                raise BadInput(f"{self.location}: the archive holds no .mp3 files", remedy="check --source")
            checksums = self.state / f"checksums-{opened.digest}.txt"
            if self.overwrite:
                checksums.unlink(missing_ok=True)
            if not checksums_of(opened, checksums):
                self._note("the archive lists no checksums: its CRCs alone tell whether a track is whole")
            table = self._metadata(opened, required=balance or self.metadata is not None)
            order = self._by_genre(table, seed) if balance and table else shuffled(opened.tracks, seed)
            step = FmaTracks(self.output, archive, opened.digest, min_duration, checksums, table)
        wanted = len(order) if num_tracks is None else num_tracks
        summary = self._rounds(step, order, wanted, seed, options)
        summary.licenses_known = table is not None
        if summary.status == "finished":
            good = summary.done + summary.skipped
            if num_tracks is not None and summary.total == len(order) and good + len(summary.failures) < num_tracks:
                self._note(f"{num_tracks} tracks were asked for; the archive has {good} that can be used")
            self._tell_of_others(step)
        summary.notes += self.notes
        if self.traffic.exists():
            summary.bytes_fetched = sum(map(int, self.traffic.read_text(encoding="ascii").split()))
        record = self.state / "run.json"
        about = json.loads(record.read_text(encoding="utf-8"))
        atomic.write_json(record, {**about, **summary.facts(), "source": self.location})
        return summary

    def _note(self, text: str) -> None:
        self.notes.append(text)
        emit(Note(text))

    def _archive(self, location: str, *, whole: bool = False) -> Archive:
        return get_archive(location, self.state, self.traffic, self._note, whole=whole, anew=self.overwrite)

    def _metadata(self, opened: OpenArchive, *, required: bool) -> Path | None:
        """Where what is known of these tracks is kept; None, and a note, where it cannot be had and is not required."""
        if self.metadata == "none":
            return None
        beside = metadata_beside(self.location)
        location = beside if self.metadata is None else location_of(self.metadata)
        kept = self.state / f"tracks-{opened.digest}-{hashlib.sha256(location.encode()).hexdigest()[:8]}.json"
        if kept.exists() and not self.overwrite:
            return kept
        try:
            location_of(location)
            emit(Note(f"reading artists, titles and licences, once, from {show_path(location)}"))
            with closing(self._archive(location).open()) as metadata:
                tracks = read_tracks(metadata, opened.tracks)
        except SoundwrightError as error:
            if required:
                raise
            self._note(f"artists, titles and licences are not known: {error}")
            return None
        if unknown := len(opened.tracks) - len(tracks):
            self._note(f"the metadata say nothing of {unknown} of the archive's {len(opened.tracks)} tracks")
        save(tracks, kept)
        return kept

    def _by_genre(self, table: Path, seed: int) -> list[str]:
        order = balanced({key: track.genre for key, track in load(table).items()}, seed)
        if not order:
            raise BadInput(
                "--balance-genres: the metadata name no genre of any track in this archive",
                remedy="leave --balance-genres out, or give another --metadata",
            )
        return order

    def _rounds(self, step: FmaTracks, order: list[str], num_wanted: int, seed: int, options: RunOptions) -> FmaSummary:
        """Runs the step over a beginning of the order, until that has as many good tracks as are wanted.

        What is bad is remembered apart from the ledger, so that a rerun begins with the right beginning.
        """
        memory = self.state / f"unusable-{step.settings_digest()}.json"
        bad = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() and not self.overwrite else []
        summaries: list[RunSummary] = []
        seen: set[str] = set()
        while True:
            keys = beginning(order, num_wanted, bad)
            if self.overwrite:
                # Only what this run has not done yet; then all, of which nothing is left to do.
                fresh = [key for key in keys if key not in seen]
                summaries.append(_run(replace(step, anew=True), fresh, seed, options, overwrite=True))
                seen.update(fresh)
            if not self.overwrite or (summaries[-1].status == "finished" and not _lost(summaries[-1])):
                summaries.append(_run(step, keys, seed, options))
            last = summaries[-1]
            bad = sorted(key for key, _ in last.excluded)
            if len(bad) > max(_MOST_UNUSABLE, num_wanted) and 2 * len(bad) > len(keys):
                raise UsageError(
                    f"{self.location}: {len(bad)} of its first {len(keys)} tracks cannot be used; the last one "
                    f"{last.excluded[-1][1]}",
                    remedy="give a shorter --min-duration, or another --source",
                )
            if last.status == "finished":
                atomic.write_json(memory, bad)
            # Of a server that cannot be reached no more is asked; a damaged track stays a failure among the others.
            if last.status == "finished" and not _lost(last) and beginning(order, num_wanted, bad) != keys:
                continue
            if self.prune and last.status == "finished":
                summaries.append(_run(step, keys, seed, options, prune=True))
            return FmaSummary.of_rounds(summaries)

    def _tell_of_others(self, step: FmaTracks) -> None:
        """Says which tracks in the folder are not of this selection, such as those of another seed."""
        with open(self.output / "licenses.csv", encoding="utf-8", newline="") as file:
            chosen = {row["file"] for row in csv.DictReader(file)}
        others = sorted(path.name for path in self.output.glob("*.mp3") if path.name not in chosen)
        listing = self.state / "others.txt"
        atomic.write_text(listing, "".join(f"{show_path(name)}\n" for name in others))
        if others:
            self._note(
                f"{len(others)} other .mp3 files are in {show_path(self.output)}, of another seed or number of tracks; "
                f"licenses.csv leaves them out -> delete them if unwanted: {show_path(listing)}"
            )


def _run(
    step: FmaTracks,
    keys: list[str],
    seed: int,
    options: RunOptions,
    *,
    overwrite: bool = False,
    prune: bool = False,
) -> RunSummary:
    # `partial`: of the tracks of earlier rounds and selections the verb tells itself, in one line.
    found = Found([Item(key, ()) for key in keys], partial=not prune)
    seeds = {"selection": seed}
    return run_step(step, found, step.output, options, overwrite=overwrite, prune=prune, seeds=seeds)


def _lost(summary: RunSummary) -> bool:
    return any(isinstance(error, Unreachable) for _, error in summary.failures)
