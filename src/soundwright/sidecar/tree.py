"""A tree of sidecars as a whole: where it is, who may edit it, what its files say, and its `conditions.json`."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from soundwright.core.errors import SoundwrightError, UsageError, show_path
from soundwright.formats import conditions, sidecar
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.features import Dtype, Feature
from soundwright.formats.sidecar_json import Header
from soundwright.formats.statistics import merge
from soundwright.runs.events import Note, emit
from soundwright.runs.locks import lock, shard_lock
from soundwright.runs.options import RunOptions
from soundwright.runs.state import state_folder
from soundwright.runs.summary import RunSummary

#: So many incomplete clips are named in conditions.json; all are counted.
_NAMED = 20

#: What the JSON of a clip's sidecar says, or why it says nothing.
Headers = Mapping[str, Header | SoundwrightError]

#: State folder that init and add share.
_STATE = "sidecar"


def find_cond_root(audio_root: Path, cond_root: Path | None) -> Path:
    """The folder of the sidecars: as given, else as the token tree remembers it, else the token tree itself.

    Raises:
        UsageError: the token tree remembers a folder that is gone.
    """
    return cond_root or conditions.cond_root_of(audio_root) or audio_root


def read_known(cond_root: Path, suffix: str) -> Conditions | None:
    """The tree's `conditions.json`.

    Raises:
        BadInput: it is damaged.
        UsageError: it is about sidecars of another ending.
    """
    known = conditions.read(cond_root)
    if known and known.suffix != suffix:
        raise UsageError(
            f"the sidecars here end in {known.suffix}, not {suffix}",
            path=cond_root,
            remedy=f"give --suffix {known.suffix}, or another --cond-root for a second set",
        )
    return known


@contextmanager
def editing(audio_root: Path, cond_root: Path, options: RunOptions) -> Iterator[list[str]]:
    """Holds the right to edit the sidecars (of this shard), so that init and add never work in one file at once.

    Yields:
        Notes for the user: the token tree remembered another folder, or it cannot be written and remembers none.

    Raises:
        UsageError: the folder cannot be made, or another command edits it.
    """
    folder = state_folder(cond_root, _STATE)
    notes = []
    with shard_lock(folder, options.shard_suffix):
        try:
            before = conditions.remember_cond_root(audio_root, cond_root)
            if before is not None:
                old = audio_root if before == "." else Path(os.path.normpath(audio_root.resolve() / before))
                # Later commands without --cond-root now go there, and `dataset build` packs what is there.
                notes.append(
                    f"{show_path(audio_root)}: the folder of its sidecars was {show_path(old)}, from now on it is "
                    f"{show_path(cond_root)} -> to go back: sidecar init --cond-root {show_path(old)}"
                )
        except OSError as error:
            notes.append(
                f"{show_path(audio_root)}: cannot remember where its sidecars are ({error.strerror}) "
                f"-> give --cond-root {show_path(cond_root)} to later commands"
            )
        yield notes


@contextmanager
def writing_conditions(cond_root: Path) -> Iterator[None]:
    """Holds the right to write `conditions.json`; waits for the shard that has it."""
    with lock(state_folder(cond_root, _STATE) / "lock-conditions", wait=True):
        yield


def survey(
    cond_root: Path, keys: Iterable[str], suffix: str, *, verify: bool = False
) -> dict[str, Header | SoundwrightError]:
    """Reads what the sidecars of all clips say. Nothing is changed.

    Args:
        cond_root: folder of the sidecars.
        keys: of all clips.
        suffix: of the .npy files.
        verify: see that each .npy file is the one that its JSON describes; otherwise only the JSON is read.
    """
    headers: dict[str, Header | SoundwrightError] = {}
    for key in keys:
        npy_path = cond_root / sidecar.paths(key, suffix)[0]
        try:
            header = sidecar.settled_header(npy_path)
            if not header.is_ours:
                header = _measured(npy_path)
            elif verify:
                sidecar.verify(npy_path, header)
            headers[key] = header
        except SoundwrightError as error:
            headers[key] = error
        except OSError as error:
            headers[key] = SoundwrightError(
                f"cannot be read: {error.strerror}", path=error.filename, remedy="check permissions"
            )
    return headers


def dtype_of(known: Conditions | None, headers: Headers) -> Dtype:
    """How values are stored in a tree: as its `conditions.json` says, else as its files are; float16 for a new one."""
    if known:
        return known.dtype
    dtypes = {header.dtype for header in headers.values() if isinstance(header, Header)}
    return "float32" if dtypes - {"float16"} else "float16"


def order_columns(headers: Headers, known: Conditions | None, more: Iterable[str] = ()) -> tuple[str, ...]:
    """All columns that there are, and `more`, in the order that every file is to have.

    Declared parameters come first, as declared; then those of `conditions.json`; then as met, clips sorted by key.
    """
    met = [name for key in sorted(headers) if isinstance(h := headers[key], Header) for name in h.names]
    union = dict.fromkeys([*met, *more])
    first = [*known.declared, *known.columns] if known else []
    return tuple(dict.fromkeys([name for name in first if name in union] + list(union)))


def settle_columns(headers: Headers, known: Conditions | None, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """The columns that a complete clip has: those `wanted`, if any clip got them; else what the files agree on."""
    tuples = {header.names for header in headers.values() if isinstance(header, Header) and header.names}
    if wanted is not None and wanted in tuples | {()}:
        return wanted
    # Where all files agree their order stands, even if a new schema says another: the next add brings it about.
    return next(iter(tuples)) if len(tuples) == 1 else order_columns(headers, known)


def describe(
    headers: Headers,
    known: Conditions | None,
    declared: Mapping[str, Parameter],
    dtype: Dtype,
    suffix: str,
    *,
    wanted: tuple[str, ...] | None = None,
    features: Mapping[str, Feature] | None = None,
) -> Conditions | None:
    """Measures the whole tree; None if no clip has a sidecar.

    Args:
        headers: of all clips.
        known: what `conditions.json` said before.
        declared: the declared parameters.
        dtype: that a complete clip has.
        suffix: of the .npy files.
        wanted: the columns that every clip should have got.
        features: what those mean.
    """
    columns = settle_columns(headers, known, wanted)
    meaning: dict[str, Feature] = {}
    for header in headers.values():
        if isinstance(header, Header):
            meaning = {**header.features, **meaning}
    meaning.update(known.parameters if known else {})
    meaning.update(features or {})
    sound = {key: header for key, header in headers.items() if isinstance(header, Header)}
    if not sound:
        return None
    fps = Counter(header.fps for header in sound.values()).most_common(1)[0][0]
    complete = {
        key: header
        for key, header in sound.items()
        if header.names == tuple(columns) and header.dtype == dtype and header.fps == fps
    }
    measured = [header.statistics() for header in complete.values() if header.num_frames]
    parameters: dict[str, Parameter] = {name: declared[name] for name in declared}
    for d, name in enumerate(columns):
        parameter = declared.get(name) or Parameter(**meaning.get(name, Feature()).plain().model_dump())
        parameters[name] = parameter.model_copy(update={"measured": merge(clip[d] for clip in measured)})
    incomplete = sorted(set(headers) - set(complete))
    return Conditions(
        fps=fps,
        dtype=dtype,
        suffix=suffix,
        columns=tuple(columns),
        parameters=parameters,
        num_clips=len(complete),
        num_frames=sum(header.num_frames or 0 for header in complete.values()),
        num_incomplete=len(incomplete),
        incomplete=tuple(incomplete[:_NAMED]),
    )


def tell(summary: RunSummary, texts: Iterable[str]) -> None:
    """Adds notes to a summary and shows them."""
    for text in texts:
        summary.notes.append(text)
        emit(Note(text))


def _measured(npy_path: Path) -> Header:
    """The header of a foreign file, as if we had written it."""
    whole = sidecar.read(npy_path)
    described = sidecar.describe(whole.values, whole.names, fps=whole.fps, features=whole.features)
    digest = hashlib.sha256(npy_path.read_bytes()).hexdigest()
    return described.model_copy(update={"values_sha256": digest, "schema_version": whole.header.schema_version})
