"""soundwright music album: stems and transitions of a set, made and joined."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import UsageError, show_path
from soundwright.musicgen.album_join import Joined, join_tracks, target_of
from soundwright.musicgen.album_plan import AlbumPlan, AlbumTrack, read_plan
from soundwright.musicgen.album_record import require_own_files
from soundwright.musicgen.checkpoints import NAMES, find
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.job import Job, settle
from soundwright.musicgen.looking import look_at_all
from soundwright.musicgen.making import Item
from soundwright.musicgen.options import MachineOptions, SamplingOptions
from soundwright.musicgen.outcome import Outcome, licence_line
from soundwright.musicgen.output_lock import folder_lock
from soundwright.musicgen.outputs import require_writable
from soundwright.musicgen.plan import Plan
from soundwright.musicgen.session import agree, engine_for, make_items, plan_for
from soundwright.musicgen.track_request import Defaults, one_request, safe_name
from soundwright.runs.events import Note, emit
from soundwright.runs.summary import INTERRUPTED


@dataclass(frozen=True)
class Album:
    """What became of a set.

    Attributes:
        outcomes: of each track.
        joined: the whole; None where a track is missing.
        licences: of the weights, for a person.
    """

    outcomes: tuple[Outcome, ...]
    joined: Joined | None
    licences: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 all good, 1 a track failed, 130 stopped before the end."""
        if any(outcome.stopped for outcome in self.outcomes):
            return INTERRUPTED
        return 1 if self.outcomes and self.joined is None else 0

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        for outcome in self.outcomes:
            yield from outcome.lines()
        if self.joined:
            yield from self.joined.lines()
        yield from self.licences


def album(
    plan: Path,
    *,
    output: Path | None = None,
    style_folders: Sequence[Path] = (),
    overwrite: bool = False,
    sampling: SamplingOptions = SamplingOptions(),
    machine: MachineOptions = MachineOptions(),
) -> Album:
    """Makes the stems and transitions of a set, and joins them with crossfades.

    All tracks are brought to one loudness. Neighbours are faded over with equal power, wherever their beats are. The
    same command makes only what is not there yet, and goes on with a track that was stopped. Beside the tracks come the
    joined set, a cue sheet and a list of tracks with their times.

    Args:
        plan: A YAML file: title, crossfade, loudness, seed, format, and tracks, each with name, kind (stem: 60 s of the
            small model; transition: 30 s of the medium one), prompt or style, and if wanted model, duration, seed.
        output: Folder for it all. Default: the plan's name without its ending.
        style_folders: Folders with styles of your own.
        overwrite: Make every track again, and replace what stands in OUTPUT.
        sampling: How tokens are drawn.
        machine: Where and how the work is done.

    Returns:
        The tracks and the whole.

    Raises:
        BadInput: the plan is not as expected, or weights are not whole.
        UsageError: a model or style is unknown; what stands in OUTPUT is something else; a plan of the memory does not
            fit.
    """
    machine.check()
    wanted = read_plan(plan)
    folder = output or plan.with_suffix("")
    if folder.exists() and not folder.is_dir():
        raise UsageError("an album needs a folder; it is a file", path=folder, remedy="give another --output")
    models = [track.chosen_model(_models(wanted)) for track in wanted.tracks]
    requests = [
        one_request(track.prompt, _defaults(track, wanted, i, models[i], style_folders))
        for i, track in enumerate(wanted.tracks)
    ]
    paths = [folder / f"{i + 1:02d}-{safe_name(track.name)}.{wanted.format}" for i, track in enumerate(wanted.tracks)]
    target = target_of(wanted, folder)
    _require_other_name(target, paths, plan)
    jobs = _jobs(models, wanted, sampling, machine, plan)
    licences = [
        licence_line(job.setting.checkpoint.hub_id or show_path(job.setting.checkpoint.folder), licence)
        for job in jobs.values()
        for licence in [job.setting.checkpoint.licence]
    ]
    with ExitStack() as stack:
        found: list[Item | Outcome] = []
        # Under torchrun the first process looks, writes, joins and tells for all.
        leads = not machine.fsdp or os.environ.get("RANK", "0") == "0"
        planned: dict[str, tuple[Plan, int | None]] = {}
        if leads:
            require_writable(target)
            stack.enter_context(folder_lock(folder))
            require_own_files(target, overwrite=overwrite)
            tracks = zip(requests, paths, models, strict=True)
            files = [((request, path, wanted.format), jobs[model]) for request, path, model in tracks]
            found = look_at_all("tracks", files, overwrite=overwrite)
            for model, items in _by_model(models, found).items():
                emit(Note(f"{len(items)} {'track' if len(items) == 1 else 'tracks'} with {model}"))
                planned[model] = plan_for(jobs[model], [item.record for item in items.values()])
        outcomes = {i: each for i, each in enumerate(found) if isinstance(each, Outcome)}
        # One model after the other, each loaded once.
        for model, job in jobs.items():
            items = _by_model(models, found).get(model, {})
            if items or machine.fsdp:
                made = _make(items, job, planned.get(model))
                outcomes |= made
                if any(outcome.stopped for outcome in made.values()):
                    break
        if not leads:
            return Album((), None, ())
        ordered = tuple(outcomes.get(i) or Outcome(path, None, stopped=True) for i, path in enumerate(paths))
        joined = None
        if not any(outcome.stopped or outcome.error for outcome in ordered):
            records = [outcome.record for outcome in ordered if outcome.record]
            joined = join_tracks(wanted, paths, records, target)
    return Album(ordered, joined, tuple(dict.fromkeys(licences)))


def _models(plan: AlbumPlan) -> dict[str, str]:
    return {str(kind): model for kind, model in plan.models.items()}


def _require_other_name(target: Path, paths: list[Path], plan: Path) -> None:
    """Refuses a title that is the name of a track's file, whatever the case: some disks do not tell them apart."""
    same = next((path for path in paths if path.stem.lower() == target.stem.lower()), None)
    if same is not None:
        raise UsageError(f"the set and its track {same.name} have one name", path=plan, remedy="give another title")


def _jobs(
    models: list[str], plan: AlbumPlan, sampling: SamplingOptions, machine: MachineOptions, where: Path
) -> dict[str, Job]:
    """Each model of a set with its settings; all are found before the first of them works for hours."""
    jobs = {}
    for model in dict.fromkeys(models):
        jobs[model] = Job(settle(find(model), machine), sampling, FinishOptions(loudness=plan.loudness))
        jobs[model].check()
    rates = {int(job.setting.checkpoint.config["audio_encoder"]["sampling_rate"]) for job in jobs.values()}
    if len(rates) > 1:
        told = " and ".join(f"{rate} Hz" for rate in sorted(rates))
        raise UsageError(f"its models are at {told}", path=where, remedy="use models of one sample rate")
    return jobs


def _by_model(models: list[str], found: list[Item | Outcome]) -> dict[str, dict[int, Item]]:
    """The tracks to make, by their number, of each model that has some."""
    items: dict[str, dict[int, Item]] = {}
    for i, each in enumerate(found):
        if isinstance(each, Item):
            items.setdefault(models[i], {})[i] = each
    return items


def _make(items: dict[int, Item], job: Job, planned: tuple[Plan, int | None] | None) -> dict[int, Outcome]:
    """The tracks of one model."""
    with engine_for(job.setting) as engine:
        (items,) = agree(engine, [items])
        made = make_items(engine, job, list(items.values()), planned=planned, goes_on=True)
    return dict(zip(items, made, strict=True))


def _defaults(track: AlbumTrack, plan: AlbumPlan, index: int, model: str, style_folders: Sequence[Path]) -> Defaults:
    seed = track.seed if track.seed is not None else None if plan.seed is None else plan.seed + index
    size = model if model in NAMES else "medium"
    return Defaults(size, track.length_s(), track.negative_prompt, seed, track.style, tuple(style_folders))
