"""Before anything is written: which columns will all clips have, in which order, and which clips cannot have them.

A sidecar's columns are told apart by name, yet whoever stacks clips stacks columns: they must be the same in every
file. So all clips are looked at first (their JSON, and what the producers announce), the columns are settled, and a
clip that lacks one is refused (or gets an explicit fill value) instead of being written differently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path
from soundwright.formats.conditions import Conditions
from soundwright.formats.features import Feature
from soundwright.formats.sidecar import MissingSidecar
from soundwright.formats.sidecar_json import Header
from soundwright.sidecar.guard import guarded
from soundwright.sidecar.producers.contract import Clip, NoValues, Producer
from soundwright.sidecar.tree import Headers, order_columns
from soundwright.sidecar.values import check_name

Mode = Literal["append", "overwrite"]


@dataclass(frozen=True)
class Plan:
    """What every clip's sidecar is to look like.

    Attributes:
        columns: names in their order.
        features: what each column means.
        fill: values for clips that lack a parameter.
        refused: why a clip cannot have these columns, by key.
    """

    columns: tuple[str, ...]
    features: dict[str, Feature]
    fill: dict[str, float | str]
    refused: dict[str, SoundwrightError] = field(default_factory=dict)


def make_plan(
    clips: Sequence[Clip],
    headers: Headers,
    producers: Mapping[str, Producer],
    known: Conditions | None,
    *,
    mode: Mode,
    fill: dict[str, float | str],
    create_missing: bool,
) -> Plan:
    """Settles the columns of a tree.

    A parameter that the tree has already is one of its columns. A new one becomes a column if at least half of the
    clips have it, or a fill value is given: one file with an odd name must not refuse all others. A clip that a
    producer knows nothing of (`NoValues`) is refused with that producer's words, unless fill values cover it.

    Args:
        clips: all clips, of all shards.
        headers: of their sidecars.
        producers: by name.
        known: the tree's `conditions.json`.
        mode: keep existing features, or not.
        fill: values for clips that lack a parameter.
        create_missing: clips without sidecar get one.

    Raises:
        UsageError: two producers give the same parameter, or a fill value is for a parameter that no clip has.
    """
    refused: dict[str, SoundwrightError] = {}
    kept: dict[str, tuple[str, ...]] = {}
    given: dict[str, dict[str, Feature]] = {}
    silent: dict[str, NoValues] = {}
    for clip in clips:
        try:
            kept[clip.key] = _kept(headers[clip.key], mode, create_missing)
            given[clip.key], nothing = _given(clip, producers)
            silent.update({clip.key: nothing} if nothing else {})
        except UsageError:
            raise
        except SoundwrightError as error:
            refused[clip.key] = error
    has = {key: {*kept[key], *given[key]} for key in given}
    asked = len(has) - len(silent)  # what a producer knows nothing of is no vote against its parameters
    counts = Counter(name for key, names in has.items() if key not in silent for name in names)
    if unknown := [name for name in fill if name not in counts]:
        raise UsageError(
            f"--fill {unknown[0]}: no clip has this parameter",
            remedy=f"there are {', '.join(sorted(counts)) or 'none'}; a value for all clips is --producer const",
        )
    settled = set(fill) | (set(known.columns) & set(counts) if known and mode == "append" else set())
    columns = settled | {name for name, count in counts.items() if 2 * count >= asked}
    for clip in clips:
        if clip.key in has:
            odd: SoundwrightError | None = _odd_one_out(clip, has[clip.key], columns, fill, counts, asked)
            if clip.key in silent and (odd or not fill):
                odd = silent[clip.key]
            refused.update({clip.key: odd} if odd else {})
    existing: Headers = headers if mode == "append" else {}
    order = order_columns(existing, known, (name for features in given.values() for name in features))
    names = tuple(name for name in order if name in columns)
    features = {name: _feature(name, given, existing, known, mode) for name in names}
    for clip in clips:
        header = existing.get(clip.key)
        if clip.key not in refused and isinstance(header, Header):
            unchanged = [name for name in header.names if name not in given[clip.key]]
            other = _other_classes(clip, header, unchanged, features)
            refused.update({clip.key: other} if other else {})
    return Plan(names, features, fill, refused)


def _kept(header: Header | SoundwrightError, mode: Mode, create_missing: bool) -> tuple[str, ...]:
    if isinstance(header, Header):
        return header.names if mode == "append" else ()
    if isinstance(header, MissingSidecar):
        if not create_missing:
            raise MissingSidecar(header.message, path=header.path, remedy="run sidecar init, or give --create-missing")
    elif mode == "append":
        raise header
    return ()


def _given(clip: Clip, producers: Mapping[str, Producer]) -> tuple[dict[str, Feature], NoValues | None]:
    """What the producers announce for a clip, and the complaint of one that knows nothing of it."""
    nothing: NoValues | None = None
    found: dict[str, Feature] = {}
    makers: dict[str, str] = {}
    for producer, instance in producers.items():
        announced: dict[str, Feature] = {}
        try:
            with guarded(producer, clip.path):
                announced = dict(instance.features(clip))
        except NoValues as error:
            nothing = error
        for name, feature in announced.items():
            check_name(name, clip.path, producer)
            if name in found:
                raise UsageError(
                    f"the producers {makers[name]} and {producer} both give {name} (for {show_path(clip.key)})",
                    remedy="give it another name in one of them",
                )
            found[name], makers[name] = feature, producer
    return found, nothing


def _odd_one_out(
    clip: Clip, has: set[str], columns: set[str], fill: Mapping[str, object], counts: Counter[str], total: int
) -> BadInput | None:
    lacking = sorted(columns - has - set(fill))
    if lacking:
        name = lacking[0]
        return BadInput(
            f"has no {', '.join(lacking)}; {counts[name]} of {total} clips have it",
            path=clip.path,
            remedy=f"give it one, or a fill value: --fill {name}=VALUE",
        )
    extra = sorted(has - columns)
    if extra:
        return BadInput(
            f"has {', '.join(extra)}, as only {counts[extra[0]]} of {total} clips have",
            path=clip.path,
            remedy="rename the file, choose parameters (--filename-names, --table-columns), or --fill them",
        )
    return None


def _feature(
    name: str, given: Mapping[str, Mapping[str, Feature]], existing: Headers, known: Conditions | None, mode: Mode
) -> Feature:
    """What a column means: as declared; else as its producer says; else as it was."""
    if known and name in known.declared:
        return known.declared[name].plain()
    before: Feature | None = None
    if mode == "append":
        if known and name in known.columns:
            before = known.parameters[name]
        else:
            headers = (header for header in existing.values() if isinstance(header, Header))
            before = next((header.features[name] for header in headers if name in header.features), None)
    produced = next((features[name] for features in given.values() if name in features), None)
    if produced is None:
        return (before or Feature()).plain()
    if before and before.classes and produced.type == "class":
        # Indices that are in files keep their meaning: new classes go to the end.
        classes = tuple(dict.fromkeys([*before.classes, *(produced.classes or ())]))
        return produced.model_copy(update={"classes": classes}).plain()
    return produced.plain()


def _other_classes(clip: Clip, header: Header, kept: Sequence[str], features: Mapping[str, Feature]) -> BadInput | None:
    for name in kept:
        before = header.features[name].classes if name in header.features else None
        now = features[name].classes or ()
        if before is not None and now[: len(before)] != before:
            return BadInput(
                f"its {name} has the classes {', '.join(before)}, the tree has {', '.join(now) or 'none'}",
                path=clip.path,
                remedy="run the producer that gives it, with all clips, or --mode overwrite",
            )
    return None
