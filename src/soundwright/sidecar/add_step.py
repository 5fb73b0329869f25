"""The folder step behind `sidecar add`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.formats import conditions, sidecar
from soundwright.formats.features import Dtype, SidecarFeature
from soundwright.formats.sidecar import Sidecar
from soundwright.runs.step import Done, Finished, Item, OneByOne
from soundwright.sidecar import tree
from soundwright.sidecar.guard import guarded
from soundwright.sidecar.plan import Mode, Plan
from soundwright.sidecar.producers.contract import Clip, NoValues, Producer, Value
from soundwright.sidecar.producers.options import Chosen
from soundwright.sidecar.producers.sound import SoundSource
from soundwright.sidecar.values import as_column, store

Producers = dict[str, Producer]


@dataclass(frozen=True)
class Add(OneByOne[Producers]):
    """Brings one clip after another to what the plan says."""

    name: ClassVar[str] = "sidecar-add"
    replaces: ClassVar[bool] = True
    batch_size: ClassVar[int] = 64  # most clips take a millisecond; a worker process takes a second to start

    root: Path
    suffix: str
    dtype: Dtype
    mode: Mode
    create_missing: bool
    chosen: tuple[Chosen, ...]
    plan: Plan
    keys: tuple[str, ...]
    sound: SoundSource
    changed: set[str] = field(default_factory=set, compare=False)

    def settings(self) -> dict[str, Any]:
        """Producers with their options and code, the columns of the tree and what they mean."""
        return {
            "suffix": self.suffix,
            "dtype": self.dtype,
            "mode": self.mode,
            "producers": [one.settings() for one in self.chosen],
            "columns": list(self.plan.columns),
            "features": {name: feature.model_dump(mode="json") for name, feature in self.plan.features.items()},
            "fill": self.plan.fill,
            "codec": self.sound.codec,
        }

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The .npy and the .json."""
        return sidecar.paths(item.key, self.suffix)

    def setup(self) -> Producers:
        """Loads the producers: a user's own file cannot be sent from process to process."""
        return {one.source.name: one.load() for one in self.chosen}

    def run_one(self, state: Producers, item: Item) -> Done:
        """Computes one clip's columns and writes its sidecar if anything is different."""
        if error := self.plan.refused.get(item.key):
            raise error
        clip = Clip(item.key, item.inputs[0], self.sound)
        num_frames = clip.num_frames
        names = self.outputs(item)
        npy_path = self.root / names[0]
        sidecar.mend(npy_path)
        before = self._before(npy_path, num_frames)
        kept = before if self.mode == "append" else None
        produced = _produce(state, clip)
        columns: list[NDArray[np.floating]] = []
        features: dict[str, SidecarFeature] = {}
        for name in self.plan.columns:
            value, filled = self._value(name, produced, kept, clip)
            meaning = self.plan.features[name]
            column = as_column(name, value, num_frames, meaning, clip.path)
            columns.append(store(name, column, self.dtype, meaning, clip.path))
            features[name] = SidecarFeature.from_feature(meaning, filled=filled)
        values = np.stack(columns, axis=1) if columns else np.zeros((num_frames, 0), self.dtype)
        changed = before is None or not _same(before, values, self.plan.columns, clip.fps, features)
        if changed:
            sidecar.write(npy_path, values, self.plan.columns, fps=clip.fps, features=features)
        info = {"changed": changed, "num_frames": num_frames, "num_features": len(columns)}
        return Done(names, info, tuple(clip.warnings))

    def reduce(self, finished: Iterable[Finished]) -> None:
        """Writes `conditions.json` over the clips of all shards."""
        self.changed.update(clip.key for clip in finished if clip.info["changed"])
        with tree.writing_conditions(self.root):
            known = conditions.read(self.root)
            headers = tree.survey(self.root, self.keys, self.suffix, verify=True)
            described = tree.describe(
                headers,
                known,
                known.declared if known else {},
                self.dtype,
                self.suffix,
                wanted=self.plan.columns,
                features=self.plan.features,
            )
            if described:
                conditions.write(self.root, described)

    def _before(self, npy_path: Path, num_frames: int) -> Sidecar | None:
        """The sidecar that is there; None where all of it is to be made."""
        try:
            before = sidecar.read(npy_path)
        except sidecar.MissingSidecar as error:
            if not self.create_missing:
                raise BadInput(error.message, path=npy_path, remedy="run sidecar init, or --create-missing") from error
            return None
        except BadInput:
            if self.mode == "append":
                raise
            return None  # nothing of it would be kept
        if before.num_frames != num_frames and self.mode == "append":
            raise BadInput(
                f"has {before.num_frames} frames, its token file {num_frames}",
                path=npy_path,
                remedy="the tokens have changed: make it again with all its producers and --mode overwrite",
            )
        return before

    def _value(self, name: str, produced: dict[str, Value], kept: Sidecar | None, clip: Clip) -> tuple[Value, bool]:
        """The value of a column, and whether it is a fill value."""
        if name in produced:
            return produced[name], False
        if kept is not None and name in kept.names:
            filled = kept.features[name].filled
            if not (filled and name in self.plan.fill):
                return kept.column(name), filled
        if name in self.plan.fill:
            return self.plan.fill[name], True
        raise BadInput(f"has no {name} any more", path=clip.path, remedy="run the command again")


class AddSlowly(Add):
    """The same with a producer that takes its time: clips are spread one by one over the workers."""

    batch_size: ClassVar[int] = 1
    worker_pays_after: ClassVar[int] = 200_000  # four minutes of tokens, or some seconds of recordings


def _produce(producers: Producers, clip: Clip) -> dict[str, Value]:
    produced: dict[str, Value] = {}
    for producer, instance in producers.items():
        try:
            with guarded(producer, clip.path):
                values = dict(instance.produce(clip))
        except NoValues:
            continue  # the plan has seen this, and has fill values
        with guarded(producer, clip.path):
            # Who does not announce is run for the announcement, and not once more.
            announces = type(instance).features is not Producer.features
            announced = set(instance.features(clip)) if announces else set(values)
        if set(values) != announced:
            raise BadInput(
                f"producer {producer} gives {sorted(values)} and announces {sorted(announced)}",
                path=clip.path,
                remedy="mend its features()",
            )
        produced.update(values)
    return produced


def _same(
    before: Sidecar,
    values: NDArray[np.floating],
    names: tuple[str, ...],
    fps: float,
    features: dict[str, SidecarFeature],
) -> bool:
    return (
        before.header.is_ours
        and before.names == names
        and before.fps == fps
        and before.values.dtype == values.dtype
        and before.values.tobytes() == values.tobytes()
        and before.features == features
    )
