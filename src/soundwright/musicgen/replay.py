"""soundwright music replay: a track again, from its record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.musicgen.checkpoints import Checkpoint, find
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.making import Item
from soundwright.musicgen.options import MachineOptions, SamplingOptions
from soundwright.musicgen.outcome import Generated, Outcome
from soundwright.musicgen.outputs import file_digest, format_of, require_writable, stands_already
from soundwright.musicgen.record import InputFacts, Record, read_record
from soundwright.musicgen.session import Setting, engine_for, make_items, settle
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
        resume: Go on with a replay that was stopped.
        overwrite: Replace what stands at OUTPUT.
        machine: Where and how the work is done; --dtype is the record's.

    Returns:
        What was made, and whether it is the same.

    Raises:
        BadInput: the record is none; a sound that went in is not there any more, or is another.
        UsageError: the weights are others than the record's; --dtype is another; OUTPUT is something else.
    """
    told = read_record(record)
    if machine.dtype != "auto" and machine.dtype != _DTYPES.get(told.precision, told.precision):
        raise UsageError(
            f"--dtype {machine.dtype} would make other music than {told.precision}, the record's",
            path=record,
            remedy="leave out --dtype, or use `music generate`",
        )
    target = output or record.with_name(f"{record.stem}-replay.{told.format}")
    format = format_of(target, None)
    require_writable(target)
    sources = {name: _source(facts, record) for name, facts in _inputs(told).items()}
    checkpoint = find(model or told.model.name, told.model.revision or None)
    _require_same_weights(checkpoint, told, record)
    dtype = _DTYPES.get(told.precision, told.precision)
    setting = settle(checkpoint, replace(machine, dtype=dtype))  # type: ignore[arg-type]
    wanted = told.model_copy(
        deep=True,
        update={"engine": {}, "sound": {}, "run": {}, "format": format, "device": setting.device.partition(":")[0]},
    )
    wanted.precision = setting.precision
    finish = FinishOptions(told.finish.loudness, told.finish.peak, told.finish.fade_in, told.finish.fade_out)
    chosen = told.sampling
    sampling = SamplingOptions(chosen.temperature, chosen.top_k, chosen.top_p, chosen.cfg_coef, chosen.extend_stride)
    with engine_for(setting) as engine:
        _tell_differences(told, setting, engine.describe())
        if stands_already(target, wanted, overwrite=overwrite):
            outcome = Outcome(target, read_record(target.with_suffix(".json")), already=True)
        else:
            items = [Item(target, wanted, resume=resume)]
            (outcome,) = make_items(
                engine,
                setting,
                items,
                sampling,
                finish,
                continue_from=sources["continue_from"],
                melody=sources["melody"],
            )
    generated = Generated((outcome,), checkpoint.hub_id or str(checkpoint.folder), checkpoint.licence)
    if outcome.stopped or outcome.record is None:
        return Replayed(generated, "", False)
    return Replayed(generated, *_compared(told, outcome.record))


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
        raise BadInput("went into the track and is not there", path=facts.path, remedy="put it back")
    if file_digest(path) != facts.sha256:
        raise BadInput("is another file than the one that went into the track", path=path, remedy="put that one back")
    return path


def _require_same_weights(checkpoint: Checkpoint, told: Record, record: Path) -> None:
    if checkpoint.digest() != told.model.digest:
        raise UsageError(
            f"was made with weights {told.model.digest[:16]}, and {show_path(checkpoint.folder)} holds "
            f"{checkpoint.digest()[:16]}",
            path=record,
            remedy="give --model with a folder that holds the same weights",
        )


def _tell_differences(told: Record, setting: Setting, here: dict[str, object]) -> None:
    """Says what of the machine is not as it was."""
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
    if told.sound.get("sha256_tokens") == made.sound.get("sha256_tokens"):
        return "the same tokens as the record's; the sound differs by rounding", False
    return "other tokens than the record's: it is another performance of the same settings", False
