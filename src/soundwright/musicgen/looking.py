"""Which of the tracks that are asked for have to be made: a look at what stands there, before anything is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from soundwright.core.errors import SoundwrightError
from soundwright.musicgen.job import Job, record_of
from soundwright.musicgen.making import Item
from soundwright.musicgen.outcome import Outcome
from soundwright.musicgen.outputs import Standing, as_fault, look, require_writable, seed_before
from soundwright.musicgen.record import Record, record_at
from soundwright.musicgen.track_request import TrackRequest, draw_seed
from soundwright.runs.events import Ended, ItemDone, ItemFailed, Note, Started, emit

#: A track, its file, and its format.
Wanted = tuple[TrackRequest, Path, str]


def look_at(wanted: Wanted, job: Job, *, resume: bool = False, overwrite: bool = False) -> Item | Outcome:
    """A track to make; or, where there is nothing to make, what became of it: it stands there, or cannot be."""
    request, output, format = wanted
    try:
        job.finish.require_shorter(request.duration_s)
        require_writable(output)
        seed = request.seed
        if seed is None:
            seed = seed_before(output, resume=resume, overwrite=overwrite)
        record = record_of(request, draw_seed() if seed is None else seed, job, format)
        return item_or_done(output, record, resume=resume, overwrite=overwrite)
    except (SoundwrightError, OSError) as error:
        return Outcome(output, None, error=as_fault(error, output))


def look_at_all(
    step: str,
    wanted: Sequence[tuple[Wanted, Job]],
    *,
    resume: bool = False,
    overwrite: bool = False,
    bad: Sequence[SoundwrightError] = (),
) -> list[Item | Outcome]:
    """What is to be made of many tracks; what is wrong with some is told, and the others are made.

    Args:
        step: its name. It is a step of its own, so that failures are counted before the others are made.
        wanted: the tracks.
        resume: as in `look_at`.
        overwrite: as in `look_at`.
        bad: what failed before it was a track.
    """
    began = time.monotonic()
    emit(Started(step, len(wanted) + len(bad), 0, 1))
    for problem in bad:
        emit(ItemFailed(step, problem))
    found: list[Item | Outcome] = []
    for each, job in wanted:
        result = look_at(each, job, resume=resume, overwrite=overwrite)
        found.append(result)
        error = result.error if isinstance(result, Outcome) else None
        emit(ItemFailed(each[1].name, error) if error else ItemDone(each[1].name))
    emit(Ended(step, "finished", time.monotonic() - began))
    return found


def item_or_done(output: Path, record: Record, *, resume: bool, overwrite: bool) -> Item | Outcome:
    """A track to make, from where it stands, or one that is there already.

    Raises:
        UsageError: something else stands there, or was begun there.
    """
    standing = look(output, record, resume=resume, overwrite=overwrite)
    if standing is Standing.DONE:
        return Outcome(output, record_at(output) or record, already=True)
    begun = standing is Standing.UNFINISHED
    how = "; going on with what was begun and saved" if begun else ""
    how += "" if overwrite or not begun else " (--overwrite begins anew)"
    emit(Note(f"{output.name}: seed {record.seed}, {record.duration_s:g} s{how}"))
    record.run = {"overwrite": overwrite}  # until it is finished: the same command is to go on with it
    return Item(output, record, resume=begun)
