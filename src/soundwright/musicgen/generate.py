"""soundwright music generate: words to music."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from soundwright.core.errors import SoundwrightError, UsageError
from soundwright.musicgen.checkpoints import NAMES, find
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.job import Job, settle
from soundwright.musicgen.looking import Wanted, look_at, look_at_all
from soundwright.musicgen.making import Item
from soundwright.musicgen.options import MachineOptions, SamplingOptions, check_duration, check_seed
from soundwright.musicgen.outcome import Generated, Outcome
from soundwright.musicgen.output_lock import folder_lock, track_lock
from soundwright.musicgen.outputs import format_of, require_writable
from soundwright.musicgen.session import agree, engine_for, make_items
from soundwright.musicgen.track_request import Defaults, TrackRequest, one_request, requests_from_file
from soundwright.runs.events import Note, emit


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

    A track longer than 30 s is made in windows that overlap; after each its tokens are saved, and the same command goes
    on with a track that was stopped. Memory depends on the model, not on the duration; a plan of it is shown before the
    work. Beside the track stands its record, `track.json` for `track.wav`, which is in the file's tags too; `music
    replay` makes the track again from it. A track that stands there already with the same settings is left as it is.

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
        resume: Say so if there is nothing to go on from. A track that was stopped is gone on with anyway.
        overwrite: Replace what stands at OUTPUT, and begin anew with what was stopped; without --seed with another.
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
    wanted = _files(requests, output, format, batch=prompts is not None)
    checkpoint = find(model)
    if known is not None and known.experimental:
        emit(Note(f"{model} is experimental: it is slow, needs a large GPU, and is not better at every kind of music"))
    job = Job(settle(checkpoint, machine), sampling, finish, continue_from, melody)
    job.check()
    with ExitStack() as stack:
        engine = stack.enter_context(engine_for(job.setting))
        found: list[Item | Outcome] = []
        if engine.place.rank == 0:  # under torchrun the first process looks, and writes, for all
            if prompts is None:
                found = [_look_at_one(wanted[0], job, stack, resume=resume, overwrite=overwrite)]
            else:
                stack.enter_context(folder_lock(wanted[0][1].parent if wanted else output or Path("tracks")))
                tracks = [(each, job) for each in wanted]
                found = look_at_all("prompts", tracks, resume=resume, overwrite=overwrite, bad=bad)
        found = agree(engine, found)
        if prompts is None and isinstance(found[0], Outcome) and found[0].error:
            raise found[0].error
        items = [item for item in found if isinstance(item, Item)]
        made = iter(make_items(engine, job, items, goes_on=prompts is not None))
        outcomes = tuple(next(made) if isinstance(each, Item) else each for each in found)
        tells = engine.place.rank == 0
    name = checkpoint.hub_id or str(checkpoint.folder)
    return Generated(outcomes if tells else (), name, checkpoint.licence, len(bad) if tells else 0)


def _require_one_source(prompt: str | None, prompts: Path | None, style: str | None) -> None:
    if prompt is not None and prompts is not None:
        raise UsageError("--prompt and --prompts both say what to make", remedy="give one of them")
    if prompt is None and prompts is None and style is None:
        raise UsageError("there is nothing to make", remedy="give --prompt, --style or --prompts")


def _size(model: str) -> str:
    """What a style is composed for; a model of one's own is taken for a medium one."""
    return model if model in NAMES else "medium"


def _files(requests: list[TrackRequest], output: Path | None, format: str | None, *, batch: bool) -> list[Wanted]:
    """Each track with its file and its format."""
    if not batch:
        path = output or Path(f"track.{format or 'wav'}")
        return [(requests[0], path, format_of(path, format))]
    folder = output or Path("tracks")
    if folder.exists() and not folder.is_dir():
        raise UsageError("--prompts needs a folder for its tracks; it is a file", path=folder, remedy="give a folder")
    ending = format or "wav"
    return [(request, folder / f"{request.name}.{ending}", ending) for request in requests]


def _look_at_one(wanted: Wanted, job: Job, stack: ExitStack, *, resume: bool, overwrite: bool) -> Item | Outcome:
    try:
        require_writable(wanted[1])
        stack.enter_context(track_lock(wanted[1]))
    except UsageError as error:
        return Outcome(wanted[1], None, error=error)
    return look_at(wanted, job, resume=resume, overwrite=overwrite)
