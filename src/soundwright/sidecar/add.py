"""Step 4 of document 002: producers fill the sidecars with conditioning features, frame by frame."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from soundwright.core.errors import SoundwrightError, UsageError
from soundwright.formats import sidecar
from soundwright.formats.features import Dtype
from soundwright.runs.discover import Found, find_files
from soundwright.runs.engine import run_step
from soundwright.runs.events import Event, ItemDone, listening
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Item
from soundwright.runs.summary import RunSummary
from soundwright.sidecar import tree
from soundwright.sidecar.add_step import Add, AddSlowly
from soundwright.sidecar.guard import guarded
from soundwright.sidecar.plan import Mode, Plan, make_plan
from soundwright.sidecar.producers import catalog
from soundwright.sidecar.producers.contract import Clip, Producer
from soundwright.sidecar.producers.options import choose, command_help, help_text, summary_line
from soundwright.sidecar.producers.pairs import number_or_class, split_pairs
from soundwright.sidecar.producers.sound import SoundSource, find_recordings


@dataclass(frozen=True)
class Answer:
    """A text that was asked for instead of work."""

    text: str
    exit_code: int = 0

    def lines(self) -> list[str]:
        """The text, as the command line prints it."""
        return self.text.split("\n")


def add(
    *producer_options: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    audio_root: Path | None = None,
    cond_root: Path | None = None,
    producer: Sequence[str] = (),
    producers_dir: Path | None = None,
    mode: Mode = "append",
    create_missing: bool = False,
    fill: Sequence[str] = (),
    audio_files: Path | None = None,
    audio_codec: str | None = None,
    audio_device: str = "auto",
    suffix: str = sidecar.SUFFIX,
    dtype: Dtype | None = None,
    skip_errors: bool = False,
    list_producers: bool = False,
    show_producer: Sequence[str] = (),
    help: Annotated[bool, Parameter(name=("--help", "-h"))] = False,
    options: RunOptions = RunOptions(),
) -> RunSummary | Answer:
    """Fills sidecars with features: constants, ramps, file names, spreadsheets, the sound itself.

    All clips get the same columns in the same order. A clip that lacks a parameter which the others have is reported
    and left as it was, unless --fill has a value for it. What the columns mean, and their statistics over all clips,
    is written to conditions.json.

    Each producer has options of its own: see --list-producers, and --producer NAME --help.

    Args:
        producer_options: The options of the chosen producers, e.g. "--const", "scene_id=7".
        audio_root: Folder of token files (.ecdc), searched with its subfolders.
        cond_root: Folder of the sidecars. Default: as the token folder remembers it.
        producer: Name, file or module of a producer; may be repeated.
        producers_dir: Folder with files of producers of your own.
        mode: Keep existing features (append), or replace all of them (overwrite).
        create_missing: Make sidecars that are missing.
        fill: NAME=VALUE for clips that have no value of a parameter which others have; may be repeated.
        audio_files: Folder of the recordings, with the same relative paths as the token files. Default: producers that
            measure sound decode the tokens.
        audio_codec: Name or folder of the codec that decodes. Default: the one that the token file names.
        audio_device: Where tokens are decoded: auto, cpu or cuda.
        suffix: Ending of the sidecar files.
        dtype: How values are stored; existing ones are converted. Default: as in this folder already, else float16.
        skip_errors: Clips that cannot be done are listed and do not make the exit code 1.
        list_producers: Say which producers there are, and do nothing.
        show_producer: Say what this producer does and which options it has, and do nothing; may be repeated.
        help: Show this page, with the options of the chosen producers.
        options: Workers and shards.

    Returns:
        Counts and failures; notes say how many sidecars changed. Or the text that was asked for.

    Raises:
        UsageError: a producer or an option is unknown, options do not go together, two producers give the same
            parameter, or AUDIO-ROOT holds no token file.
    """
    if list_producers:
        sources = list(catalog.available(producers_dir))
        width = max((len(source.name) for source in sources), default=0)
        return Answer("\n".join(summary_line(source, width) for source in sources))
    sources = [catalog.find(name, producers_dir) for name in (*producer, *show_producer)]
    if help or show_producer:
        pages = [help_text(source) for source in sources]
        return Answer("\n\n".join([command_help(add), *pages] if help else pages))
    if audio_root is None or not producer:
        missing = "--audio-root" if audio_root is None else "--producer"
        raise UsageError(f"{missing} is missing", remedy="e.g. --audio-root ./ecdc --producer const --const scene_id=7")
    if doubled := next((name for name in producer if list(producer).count(name) > 1), None):
        raise UsageError(f"--producer {doubled} is given twice", remedy="give it once, with all its options")
    chosen = choose(sources, producer_options, reserved=_own_flags())
    fills = {name: number_or_class(text) for name, text in split_pairs(fill, "--fill").items()}
    sidecar.check_suffix(suffix)
    root = tree.find_cond_root(audio_root, cond_root)
    found = find_files(audio_root, ["ecdc"], exclude=[root] if root != audio_root else [])
    if audio_files is not None and not audio_files.is_dir():
        raise UsageError("is no folder", path=audio_files, remedy="check --audio-files")
    sound = SoundSource(find_recordings(audio_files) if audio_files else None, audio_codec, audio_device)
    with tree.editing(audio_root, root, options) as notes:
        known = tree.read_known(root, suffix)
        producers = {one.source.name: one.load() for one in chosen}
        headers = tree.survey(root, (item.key for item in found.items), suffix)
        clips = [Clip(item.key, item.inputs[0], sound) for item in found.items]
        plan = make_plan(clips, headers, producers, known, mode=mode, fill=fills, create_missing=create_missing)
        found = _with_inputs(found, clips, producers, plan, sound)
        kind = AddSlowly if any(one.slow for one in producers.values()) else Add
        step = kind(
            root,
            suffix=suffix,
            dtype=dtype or tree.dtype_of(known, headers),
            mode=mode,
            create_missing=create_missing,
            chosen=tuple(chosen),
            plan=plan,
            keys=tuple(clip.key for clip in clips),
            sound=sound,
        )
        done: list[str] = []

        def hear(event: Event) -> None:
            if isinstance(event, ItemDone):
                done.append(event.key)

        with listening(hear):
            summary = run_step(step, found, root, options, tolerate_failures=skip_errors)
        tree.tell(summary, [*notes, *_notes(producers, clips, done, step)])
    return summary


def _own_flags() -> set[str]:
    """Flags of this verb, which no producer would ever get to see."""
    return {*inspect.signature(add).parameters, *RunOptions.__dataclass_fields__}


def _with_inputs(
    found: Found, clips: Sequence[Clip], producers: Mapping[str, Producer], plan: Plan, sound: SoundSource
) -> Found:
    """Adds to each item what its values come from besides the tokens, so that a change there is noticed."""
    items = []
    for item, clip in zip(found.items, clips, strict=True):
        paths = [*item.inputs, *sound.recordings_of(item.key)]
        try:
            for name, producer in producers.items():
                with guarded(name, clip.path):
                    paths.extend(producer.inputs(clip))
        except SoundwrightError as error:
            plan.refused[item.key] = error
        items.append(Item(item.key, tuple(paths)))
    return Found(items, found.problems, found.notes)


def _notes(producers: dict[str, Producer], clips: Sequence[Clip], done: list[str], step: Add) -> list[str]:
    keys = [clip.key for clip in clips]
    notes = [note for producer in producers.values() for note in producer.notes(keys)]
    if done:
        changed = len(step.changed.intersection(done))
        notes.append(f"{changed} sidecars changed, {len(done) - changed} held these values already")
    return notes
