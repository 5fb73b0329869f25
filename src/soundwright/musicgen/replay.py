"""soundwright music replay: a track again, from its record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

from soundwright.audio.tagged import FORMATS
from soundwright.core.digest import file_digest
from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.musicgen.checkpoints import Checkpoint, find
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.job import Job, Setting, model_facts, settle
from soundwright.musicgen.looking import item_or_done
from soundwright.musicgen.options import MachineOptions, SamplingOptions, check_duration, check_seed
from soundwright.musicgen.outcome import Generated, Outcome
from soundwright.musicgen.output_lock import track_lock
from soundwright.musicgen.outputs import format_of, require_writable
from soundwright.musicgen.precision import ARITHMETIC
from soundwright.musicgen.record import InputFacts, Record, read_record, record_at
from soundwright.musicgen.session import engine_for, make_items
from soundwright.runs.events import Note, emit

#: --dtype for each precision of a record.
_DTYPES = {"float16-packed": "float16"}


@dataclass(frozen=True)
class Replayed:
    """What became of it.

    Attributes:
        generated: the track.
        comparison: how it compares with what the record tells of, for a person; empty where it was stopped.
        same: whether the sound is the same, bit for bit.
    """

    generated: Generated
    comparison: str
    same: bool

    @property
    def exit_code(self) -> int:
        """That of the track: another sound on another machine is no failure."""
        return self.generated.exit_code

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        yield from self.generated.lines()
        if self.comparison:
            yield self.comparison


def replay(
    record: Path,
    *,
    output: Path | None = None,
    model: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    machine: MachineOptions = MachineOptions(),
) -> Replayed:
    """Makes a track again from its record.

    On the same machine, with the same versions and the same kind of device, the sound has the same bytes. Where
    something differs, that is said before, and afterwards whether tokens and sound are the same nevertheless. Prompt,
    seed, sampling, level and arithmetic are those of the record.

    Args:
        record: The `track.json` beside a track, or the track itself, whose tags hold it too.
        output: The new track. Default: beside the record, with `-replay` after its name.
        model: The same weights in another place, e.g. a folder. Default: as the record says.
        resume: Say so if there is nothing to go on from. A replay that was stopped is gone on with anyway.
        overwrite: Replace what stands at OUTPUT, and begin anew with what was stopped.
        machine: Where and how the work is done; --dtype is the record's.

    Returns:
        What was made, and whether it is the same.

    Raises:
        BadInput: the record is none, or was edited to what no track can have; a sound that went in is not there any
            more, or is another.
        UsageError: the weights are others than the record's, or not there; --dtype is another; OUTPUT is something
            else.
    """
    told = _read(record)
    sampling, finish = _checked_options(told, record)
    dtype = _DTYPES.get(told.precision, told.precision)
    if machine.dtype not in ("auto", dtype):
        raise UsageError(
            f"--dtype {machine.dtype} would make other music than {told.precision}, the record's",
            path=record,
            remedy="leave out --dtype, or use `music generate`",
        )
    target = output or record.with_name(f"{record.stem}-replay.{told.format}")
    format = format_of(target, None)
    machine = replace(machine, dtype=dtype)  # type: ignore[arg-type]
    machine.check()
    sources = {name: _source(facts, record) for name, facts in _inputs(told).items()}
    checkpoint = _weights(told, model, record)
    job = Job(settle(checkpoint, machine), sampling, finish, sources["continue_from"], sources["melody"])
    try:
        job.check()
    except UsageError as error:
        raise _told_nonsense(error, record) from error
    wanted = told.model_copy(
        deep=True,
        update={"engine": {}, "sound": {}, "run": {}, "format": format, "device": job.setting.device.partition(":")[0]},
    )
    wanted.precision, wanted.model = job.setting.precision, model_facts(checkpoint)
    require_writable(target)
    with track_lock(target), engine_for(job.setting) as engine:
        _tell_differences(told, job.setting, engine.describe())
        found = item_or_done(target, wanted, resume=resume, overwrite=overwrite)
        outcome = found if isinstance(found, Outcome) else make_items(engine, job, [found])[0]
    generated = Generated((outcome,), checkpoint.hub_id or str(checkpoint.folder), checkpoint.licence)
    if outcome.stopped or outcome.record is None:
        return Replayed(generated, "", False)
    return Replayed(generated, *_compared(told, outcome.record))


def _read(path: Path) -> Record:
    """A record; if it is a sound file's, with the places that only the `track.json` beside it tells."""
    told = read_record(path)
    beside = record_at(path)
    return beside if beside is not None and beside.in_file() == told.in_file() else told


def _checked_options(told: Record, record: Path) -> tuple[SamplingOptions, FinishOptions]:
    """The record's options, under the same checks as those of `music generate`: anybody may have edited it.

    Raises:
        BadInput: one of them means nothing.
    """
    sampling = SamplingOptions(**{f.name: getattr(told.sampling, f.name) for f in fields(SamplingOptions)})
    finish = FinishOptions(**{f.name: getattr(told.finish, f.name) for f in fields(FinishOptions)})
    try:
        check_duration(told.duration_s, where="duration_s")
        check_seed(told.seed, where="seed")
        finish.check()
        finish.require_shorter(told.duration_s)
        for name, value, known in (("format", told.format, FORMATS), ("precision", told.precision, ARITHMETIC)):
            if value not in known:
                raise UsageError(f"{name} {value!r} is none of {', '.join(known)}")
        if not told.prompt.strip():
            raise UsageError("the prompt is empty")
    except UsageError as error:
        raise _told_nonsense(error, record) from error
    return sampling, finish


def _told_nonsense(error: UsageError, record: Path) -> BadInput:
    return BadInput(f"tells of no track: {error.message}", path=record, remedy="mend the record")


def _weights(told: Record, model: str | None, record: Path) -> Checkpoint:
    """The weights that the record names, where they were or beside the record.

    Raises:
        UsageError: they are others, or not there.
    """
    named = model or (told.model.name if told.model.hub_id else None)
    if named is None:
        places = [Path(place) for place in (told.model.folder, told.model.name) if place]
        places += [record.parent / places[0].name]
        named = next((str(place.absolute()) for place in places if place.is_dir()), None)
        if named is None:
            raise UsageError(
                f"was made with the model in {show_path(places[0])}, which is not there",
                path=record,
                remedy="give --model with the folder where it lies now",
            )
    checkpoint = find(named, None if model else told.model.revision or None)
    if checkpoint.digest() != told.model.digest:
        raise UsageError(
            f"was made with weights {told.model.digest[:16]}, and {show_path(checkpoint.folder)} holds "
            f"{checkpoint.digest()[:16]}",
            path=record,
            remedy="give --model with a folder that holds the same weights",
        )
    return checkpoint


def _inputs(told: Record) -> dict[str, InputFacts | None]:
    return {"continue_from": told.continue_from, "melody": told.melody}


def _source(facts: InputFacts | None, record: Path) -> Path | None:
    """A sound that went in, where it was, or beside the record.

    Raises:
        BadInput: it is not there, or is another.
    """
    if facts is None:
        return None
    path = Path(facts.path)
    path = path if path.exists() else record.parent / path.name
    if not path.is_file():
        raise BadInput(
            "went into the track and is not there", path=facts.path, remedy="put it there or beside the record"
        )
    if file_digest(path) != facts.sha256:
        raise BadInput("is another file than the one that went into the track", path=path, remedy="put that one back")
    return path


def _tell_differences(told: Record, setting: Setting, here: dict[str, object]) -> None:
    """Says what is not as it was: the record itself, or of the machine."""
    if told.edited:
        emit(Note("the record was edited after its track was made; the new track is made as it says now"))
    for name in ("device_name", "precision", "threads", "processes", "torch"):
        before, now = told.engine.get(name), here.get(name)
        if before is not None and before != now:
            emit(Note(f"the track was made with {name.replace('_', ' ')} {before}, here it is {now}: it may differ"))


def _compared(told: Record, made: Record) -> tuple[str, bool]:
    """In words, and whether the sound is the same."""
    if not told.sound:
        return "the record does not say what the sound was", False
    if told.sound.get("sha256_float32") == made.sound.get("sha256_float32"):
        return "the same sound as the record's, bit for bit", True
    same_tokens = told.sound.get("sha256_tokens") == made.sound.get("sha256_tokens")
    if told.edited:
        tokens = "the same tokens" if same_tokens else "other tokens"
        return f"another sound than the record's, of {tokens}: the record was edited after its track was made", False
    if same_tokens:
        return "the same tokens as the record's; the sound differs by rounding", False
    return "other tokens than the record's: it is another performance of the same settings", False
