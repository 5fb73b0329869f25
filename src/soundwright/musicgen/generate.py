"""soundwright music generate: words to music."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from soundwright.core.errors import SoundwrightError, UsageError
from soundwright.musicgen.checkpoints import NAMES, find
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.making import Item
from soundwright.musicgen.options import MachineOptions, SamplingOptions, check_duration, check_seed
from soundwright.musicgen.outcome import Generated, Outcome
from soundwright.musicgen.outputs import (
    format_of,
    require_same_track,
    require_writable,
    seed_before,
    stands_already,
    unfinished_at,
)
from soundwright.musicgen.record import Record
from soundwright.musicgen.session import Setting, agree, engine_for, make_items, record_of, settle
from soundwright.musicgen.track_request import Defaults, TrackRequest, draw_seed, one_request, requests_from_file
from soundwright.runs.events import ItemFailed, Note, emit


def generate(
    *,
    model: str = "small",
    prompt: str | None = None,
    duration: float | None = None,
    output: Path | None = None,
    prompts: Path | None = None,
    negative_prompt: str = "",
    style: str | None = None,
    style_folders: Sequence[Path] = (),
    exclusions: Literal["words", "negative"] = "words",
    seed: int | None = None,
    continue_from: Path | None = None,
    melody: Path | None = None,
    format: Literal["wav", "flac", "ogg", "mp3"] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    sampling: SamplingOptions = SamplingOptions(),
    finish: FinishOptions = FinishOptions(),
    machine: MachineOptions = MachineOptions(),
) -> Generated:
    """Makes music from words with MusicGen, of any length up to an hour, the same for the same seed.

    A track longer than 30 s is made in windows that overlap; after each its tokens are saved, and --resume goes on from
    there. Memory depends on the model, not on the duration; a plan of it is shown before the work. Beside the track
    stands its record, `track.json` for `track.wav`, which is in the file's tags too; `music replay` makes the track
    again from it. A track that stands there already with the same settings is left as it is.

    Args:
        model: small, medium, large (experimental), melody, melody-large, stereo-small, stereo-medium, ...; or a folder
            with a model as transformers saves it; or a repository OWNER/NAME of the hub.
        prompt: What the music is to be: genre, tempo, instruments, mix, what is not to be in it. With --style, words
            that are added to the style's.
        duration: Length in seconds, at most 3600. Default: 60 for small models, 30 for others.
        output: The track, in the format of its ending; with --prompts, a folder. Default: track.wav, or tracks.
        prompts: A file with a prompt on every line, or a .jsonl file whose lines have prompt, negative_prompt, name,
            seed, style, duration.
        negative_prompt: What the music is to be led away from.
        style: Name of a style that the prompt is composed from; `music styles list` shows them.
        style_folders: Folders with styles of your own.
        exclusions: Whether what a style excludes stands in words in the prompt, or in the negative prompt.
        seed: A number that decides the music with everything else. Default: drawn once, shown, and kept in the record.
            The tracks of --prompts get this one, the next one, and so on.
        continue_from: A recording to go on from; it becomes the beginning of the track, and counts in its duration.
        melody: A recording whose melody is to be followed, by a melody model.
        format: wav, flac, ogg or mp3. Default: from the ending of OUTPUT; wav in a folder.
        resume: Go on with a track that was stopped.
        overwrite: Replace what stands at OUTPUT.
        sampling: How tokens are drawn.
        finish: Level and fades.
        machine: Where and how the work is done.

    Returns:
        What was made, and of what weights.

    Raises:
        UsageError: options that do not go together or mean nothing; what stands at OUTPUT is something else; the plan
            does not fit into the memory; the model or the style is unknown.
        BadInput: weights are not whole; a sound that goes in cannot be read; memory ran out.
    """
    finish.check()
    machine.check()
    _require_one_source(prompt, prompts, style)
    if duration is not None:
        check_duration(duration)
    if seed is not None:
        check_seed(seed)
    known = NAMES.get(model)
    length_s = duration if duration is not None else known.duration_s if known else NAMES["medium"].duration_s
    defaults = Defaults(_size(model), length_s, negative_prompt, seed, style, tuple(style_folders), exclusions)
    bad: list[SoundwrightError] = []
    if prompts is None:
        requests = [one_request(prompt, defaults)]
    else:
        requests, bad = requests_from_file(prompts, defaults)
        for problem in bad:
            emit(ItemFailed(str(prompts), problem))
    outputs = _outputs(requests, output, format, batch=prompts is not None)
    for path in outputs:
        require_writable(path)
    checkpoint = find(model)
    if melody is not None and not checkpoint.takes_melody:
        raise UsageError(
            f"--model {model} takes no melody", path=melody, remedy="use --model melody, or leave out --melody"
        )
    if known is not None and known.experimental:
        emit(Note(f"{model} is experimental: it is slow, needs a large GPU, and is not better at every kind of music"))
    setting = settle(checkpoint, machine)
    sources = {"continue_from": continue_from, "melody": melody}
    with engine_for(setting) as engine:
        drawn = agree(engine, [draw_seed() for _ in requests])
        items: list[Item] = []
        outcomes: dict[Path, Outcome] = {}
        for request, path, chance in zip(requests, outputs, drawn, strict=True):
            try:
                record = _record(request, path, chance, setting, sampling, finish, format, resume, sources)
                if stands_already(path, record, overwrite=overwrite):
                    outcomes[path] = Outcome(path, _with_sound(record, path), already=True)
                    continue
                items.append(Item(path, record, resume=_can_resume(path, record, resume)))
            except SoundwrightError as error:
                if prompts is None:
                    raise
                emit(ItemFailed(path.name, error))
                outcomes[path] = Outcome(path, None, error=error)
        agree(engine, [0])  # nobody writes before all have looked
        for item in items if engine.place.rank == 0 else []:
            emit(Note(f"{item.output.name}: seed {item.record.seed}, {item.record.duration_s:g} s"))
        made = make_items(
            engine,
            setting,
            items,
            sampling,
            finish,
            continue_from=continue_from,
            melody=melody,
            goes_on=prompts is not None,
        )
        if engine.place.rank:
            return Generated((), checkpoint.name, checkpoint.licence)  # the first process tells for all
    outcomes |= {outcome.output: outcome for outcome in made}
    name = checkpoint.hub_id or str(checkpoint.folder)
    return Generated(tuple(outcomes[path] for path in outputs), name, checkpoint.licence, len(bad))


def _require_one_source(prompt: str | None, prompts: Path | None, style: str | None) -> None:
    if prompt is not None and prompts is not None:
        raise UsageError("--prompt and --prompts both say what to make", remedy="give one of them")
    if prompt is None and prompts is None and style is None:
        raise UsageError("there is nothing to make", remedy="give --prompt, --style or --prompts")


def _size(model: str) -> str:
    """What a style is composed for; a model of one's own is taken for a medium one."""
    return model if model in NAMES else "medium"


def _outputs(requests: list[TrackRequest], output: Path | None, format: str | None, *, batch: bool) -> list[Path]:
    if not batch:
        path = output or Path(f"track.{format or 'wav'}")
        format_of(path, format)
        return [path]
    folder = output or Path("tracks")
    if folder.exists() and not folder.is_dir():
        raise UsageError("--prompts needs a folder for its tracks; it is a file", path=folder, remedy="give a folder")
    return [folder / f"{request.name}.{format or 'wav'}" for request in requests]


def _record(
    request: TrackRequest,
    path: Path,
    chance: int,
    setting: Setting,
    sampling: SamplingOptions,
    finish: FinishOptions,
    format: str | None,
    resume: bool,
    sources: dict[str, Path | None],
) -> Record:
    """The record of a request; a seed that was drawn for the same file before is not drawn again."""
    seed = request.seed
    if seed is None:
        before = seed_before(path, resume=resume)
        seed = chance if before is None else before
    return record_of(request, seed, setting, sampling, finish, format_of(path, format), **sources)


def _with_sound(record: Record, path: Path) -> Record:
    from soundwright.musicgen.record import record_at

    return record_at(path) or record


def _can_resume(path: Path, record: Record, resume: bool) -> bool:
    if resume:
        if require_same_track(path, record):
            return True
        emit(Note(f"{path.name}: there is nothing to go on from; it is made from its beginning"))
    elif unfinished_at(path) is not None:
        emit(Note(f"{path.name}: a track that was stopped is begun anew; --resume would go on with it"))
    return False
