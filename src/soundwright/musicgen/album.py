"""soundwright music album: stems and transitions of a set, made and joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import SoundwrightError, UsageError, show_path
from soundwright.musicgen.album_join import Joined, join_tracks
from soundwright.musicgen.album_plan import AlbumPlan, AlbumTrack, read_plan
from soundwright.musicgen.checkpoints import NAMES, find
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.making import Item
from soundwright.musicgen.options import MachineOptions, SamplingOptions
from soundwright.musicgen.outcome import Outcome, licence_line
from soundwright.musicgen.outputs import require_writable, seed_before, stands_already, unfinished_at
from soundwright.musicgen.record import Record, record_at
from soundwright.musicgen.session import engine_for, make_items, record_of, settle
from soundwright.musicgen.track_request import Defaults, draw_seed, one_request, safe_name
from soundwright.runs.events import ItemFailed, Note, emit
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
        return 1 if self.joined is None else 0

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
    wanted = read_plan(plan)
    folder = output or plan.with_suffix("")
    if folder.exists() and not folder.is_dir():
        raise UsageError("an album needs a folder; it is a file", path=folder, remedy="give another --output")
    require_writable(folder / "set.wav")
    paths = [folder / f"{i + 1:02d}-{safe_name(track.name)}.{wanted.format}" for i, track in enumerate(wanted.tracks)]
    outcomes: dict[int, Outcome] = {}
    licences: list[str] = []
    # One model after the other, each loaded once.
    for model in dict.fromkeys(track.chosen_model(_models(wanted)) for track in wanted.tracks):
        chosen = [i for i, track in enumerate(wanted.tracks) if track.chosen_model(_models(wanted)) == model]
        made, licence = _make_with(model, chosen, wanted, paths, style_folders, overwrite, sampling, machine)
        outcomes |= made
        licences.append(licence)
        if any(outcome.stopped for outcome in made.values()):
            break
    for i, path in enumerate(paths):
        outcomes.setdefault(i, Outcome(path, None, stopped=True))
    ordered = tuple(outcomes[i] for i in range(len(paths)))
    joined = None
    if not any(outcome.stopped or outcome.error for outcome in ordered):
        joined = join_tracks(wanted, paths, folder)
    return Album(ordered, joined, tuple(dict.fromkeys(licences)))


def _models(plan: AlbumPlan) -> dict[str, str]:
    return {str(kind): model for kind, model in plan.models.items()}


def _make_with(
    model: str,
    chosen: list[int],
    plan: AlbumPlan,
    paths: list[Path],
    style_folders: Sequence[Path],
    overwrite: bool,
    sampling: SamplingOptions,
    machine: MachineOptions,
) -> tuple[dict[int, Outcome], str]:
    """The tracks of one model."""
    checkpoint = find(model)
    setting = settle(checkpoint, machine)
    finish = FinishOptions(loudness=plan.loudness)
    outcomes: dict[int, Outcome] = {}
    items: dict[int, Item] = {}
    for i in chosen:
        try:
            request = one_request(plan.tracks[i].prompt, _defaults(plan.tracks[i], plan, i, model, style_folders))
            seed = request.seed if request.seed is not None else seed_before(paths[i], resume=True)
            seed = draw_seed() if seed is None else seed
            record = record_of(request, seed, setting, sampling, finish, plan.format)
            if stands_already(paths[i], record, overwrite=overwrite):
                outcomes[i] = Outcome(paths[i], record_at(paths[i]) or record, already=True)
            else:
                items[i] = Item(paths[i], record, resume=_resumes(paths[i], record))
        except SoundwrightError as error:
            emit(ItemFailed(paths[i].name, error))
            outcomes[i] = Outcome(paths[i], None, error=error)
    if items:
        emit(Note(f"{len(items)} tracks with {model}"))
        with engine_for(setting) as engine:
            made = make_items(engine, setting, list(items.values()), sampling, finish, goes_on=True)
        outcomes |= dict(zip(items, made, strict=True))
    return outcomes, licence_line(checkpoint.hub_id or show_path(checkpoint.folder), checkpoint.licence)


def _defaults(track: AlbumTrack, plan: AlbumPlan, index: int, model: str, style_folders: Sequence[Path]) -> Defaults:
    seed = track.seed if track.seed is not None else None if plan.seed is None else plan.seed + index
    size = model if model in NAMES else "medium"
    return Defaults(size, track.length_s(), track.negative_prompt, seed, track.style, tuple(style_folders))


def _resumes(path: Path, record: Record) -> bool:
    """Whether a track that was begun is the same one."""
    begun = unfinished_at(path)
    return begun is not None and not begun.differences(record)
