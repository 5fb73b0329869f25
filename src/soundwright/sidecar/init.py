"""Step 3 of document 002: a skeleton of a sidecar, `[T, 0]`, for every token file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats import conditions, manifest, sidecar
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.features import Dtype
from soundwright.formats.sidecar_json import Header
from soundwright.runs.discover import find_files
from soundwright.runs.engine import run_step
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Done, Finished, Item, OneByOne
from soundwright.runs.summary import RunSummary
from soundwright.sidecar import tree
from soundwright.sidecar.schema import check_change, read_schema


def init(
    *,
    audio_root: Path,
    cond_root: Path | None = None,
    suffix: str = sidecar.SUFFIX,
    dtype: Dtype | None = None,
    overwrite: bool = False,
    manifest_csv: Path | None = None,
    schema: Path | None = None,
    skip_errors: bool = False,
    options: RunOptions = RunOptions(),
) -> RunSummary:
    """Makes an empty sidecar beside every token file: as many frames, no features yet.

    Sidecars that are there and sound are kept with all their features. Those of another length, damaged or half
    replaced are reported, and made anew with --overwrite.

    Args:
        audio_root: Folder of token files (.ecdc), searched with its subfolders.
        cond_root: Folder for the sidecars, with the same relative paths. Default: where the sidecars of these tokens
            are already, else beside the tokens. The token folder remembers it.
        suffix: Ending of the sidecar files.
        dtype: How values are stored. Default: as in this folder already, else float16.
        overwrite: Make every sidecar anew, empty; features that were added are lost.
        manifest_csv: Write a table of all token files and sidecars.
        schema: YAML or JSON file that declares parameters: type, units, range, classes, and the order of the columns.
        skip_errors: Token files that cannot be used are listed and do not make the exit code 1.
        options: Workers and shards.

    Returns:
        Counts and failures; notes say how many were kept.

    Raises:
        UsageError: AUDIO-ROOT holds no token file, options do not go together, or the schema is not understood.
    """
    sidecar.check_suffix(suffix)
    root = tree.find_cond_root(audio_root, cond_root)
    found = find_files(audio_root, ["ecdc"], exclude=[root] if root != audio_root else [])
    with tree.editing(audio_root, root, options) as notes:
        known = tree.read_known(root, suffix)
        keys = tuple(item.key for item in found.items)
        headers = {} if known else tree.survey(root, keys, suffix)  # of another tool's tree
        current = tree.dtype_of(known, headers)
        has_columns = known.columns if known else tree.order_columns(headers, None)
        if dtype and dtype != current and has_columns and not overwrite:
            raise UsageError(
                f"the sidecars hold {current}", path=root, remedy=f"to convert them: sidecar add --dtype {dtype}"
            )
        declared = dict(known.declared) if known else {}
        if schema is not None:
            declared = read_schema(schema)
            check_change(declared, None if overwrite else known, schema)
        step = Init(audio_root, root, suffix, dtype or current, overwrite, declared, keys, manifest_csv)
        summary = run_step(step, found, root, options, overwrite=overwrite, tolerate_failures=skip_errors)
        tree.tell(summary, [*notes, *step.notes])
    return summary


@dataclass(frozen=True)
class Init(OneByOne[None]):
    """The folder step behind `init`."""

    name: ClassVar[str] = "sidecar-init"
    replaces: ClassVar[bool] = True
    batch_size: ClassVar[int] = 64  # a clip takes a millisecond; a worker process a second to start

    audio_root: Path
    root: Path
    suffix: str
    dtype: Dtype
    overwrite: bool
    declared: dict[str, Parameter]
    keys: tuple[str, ...]
    manifest_csv: Path | None
    notes: list[str] = field(default_factory=list, compare=False)

    def settings(self) -> dict[str, Any]:
        """What the skeletons depend on."""
        return {"suffix": self.suffix, "dtype": self.dtype}

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The .npy and the .json."""
        return sidecar.paths(item.key, self.suffix)

    def setup(self) -> None:
        """Nothing to load."""

    def run_one(self, state: None, item: Item) -> Done:
        """Makes one sidecar, or sees that the one there is sound."""
        from soundwright.formats.tokens import read_token_header

        tokens = read_token_header(item.inputs[0])
        names = self.outputs(item)
        npy_path = self.root / names[0]
        sidecar.mend(npy_path)
        header = None if self.overwrite else _sound(npy_path, tokens.num_frames)
        kept = header is not None and (bool(header.names) or header.dtype in (None, self.dtype))
        if header is None or not kept:
            header = sidecar.write(npy_path, np.zeros((tokens.num_frames, 0), self.dtype), [], fps=tokens.frame_rate)
        info = {
            "kept": kept,
            "num_frames": tokens.num_frames,
            "num_features": len(header.names),
            "fps": tokens.frame_rate,
            "num_codebooks": tokens.num_codebooks,
        }
        return Done(names, info)

    def reduce(self, finished: Iterable[Finished]) -> None:
        """Writes `conditions.json` and the manifest, over the clips of all shards."""
        clips = list(finished)
        with tree.writing_conditions(self.root):
            known = conditions.read(self.root)
            headers = tree.survey(self.root, self.keys, self.suffix, verify=True)
            described = tree.describe(headers, known, self.declared, self.dtype, self.suffix)
            if described:
                conditions.write(self.root, described)
            if self.manifest_csv:
                manifest.write(self.manifest_csv, (self._row(clip, headers) for clip in clips))
        self.notes.extend(_notes(clips, headers, described))

    def _row(self, clip: Finished, headers: tree.Headers) -> manifest.Row:
        header = headers[clip.key]
        num_features = len(header.names) if isinstance(header, Header) else clip.info["num_features"]
        info = clip.info
        return manifest.Row(
            clip.key, clip.outputs[0], info["num_frames"], num_features, info["fps"], info["num_codebooks"]
        )


def _sound(npy_path: Path, num_frames: int) -> Header | None:
    """The header of the sidecar that is there; None if there is none.

    Raises:
        BadInput: it is damaged, half replaced, or of another length.
    """
    try:
        existing = sidecar.read(npy_path)
    except sidecar.MissingSidecar:
        return None
    if existing.num_frames != num_frames:
        raise BadInput(
            f"has {existing.num_frames} frames, its token file {num_frames}",
            path=npy_path,
            remedy="make it again, empty: sidecar init --overwrite; then sidecar add",
        )
    return existing.header


def _notes(clips: list[Finished], headers: tree.Headers, described: Conditions | None) -> Iterable[str]:
    kept = sum(bool(clip.info["num_features"]) and clip.info["kept"] for clip in clips)
    if kept:
        yield f"{kept} sidecars have features and were kept"
    if described and described.columns:
        bare = sum(isinstance(header, Header) and not header.names for header in headers.values())
        if bare:
            yield f"{bare} sidecars have no features yet, others have {', '.join(described.columns)} -> sidecar add"
