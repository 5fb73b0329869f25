"""One run of `dataset build`: what has to be done, in the order that a kill at any moment forgives.

Files are placed first, then the split is replaced by one rename, then the schema, then what is no longer needed
is removed. The list of what is to be removed is written before the replacement, so that the next run can finish it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path
from soundwright.dataset import layout
from soundwright.dataset.info import describe
from soundwright.dataset.layout import Meaning
from soundwright.dataset.materialize import LINKING, Materialize, Placer, TokenFormat, remove
from soundwright.dataset.read import ForeignSplit, PackedSplit
from soundwright.dataset.schema import Sidecars, combine, find_sidecars
from soundwright.dataset.shards import PackedClip, write_split
from soundwright.dataset.sources import digest_of, name_some, read_clip, survey
from soundwright.dataset.verify import differences, has_datasets
from soundwright.formats import conditions as schema
from soundwright.formats import sidecar
from soundwright.runs import atomic, record
from soundwright.runs.events import ItemDone, ItemFailed, Note, Started, emit
from soundwright.runs.interrupt import Interrupt
from soundwright.runs.step import Item

if TYPE_CHECKING:
    from soundwright.dataset.summary import BuildSummary


class Stopped(Exception):
    """The user asked to stop."""


@dataclass
class Packing:
    """One run; see `build` for the options."""

    tokens: Path
    output: Path
    state: Path
    subdir: str
    materialize: Materialize
    token_format: TokenFormat
    summary: BuildSummary
    interrupt: Interrupt
    sidecars: Sidecars | None = None

    def run(self, items: Sequence[Item], cond_root: Path | None) -> None:
        """Brings files, split and schema to the state that the items and settings ask for.

        Raises:
            Stopped: the user asked to; the old split stands.
            UsageError, BadInput: see `build`.
        """
        self._clear_after_kill()
        self.sidecars, notes = find_sidecars(self.tokens, cond_root, items)
        for note in notes:
            self.note(note)
        self._check_places()
        meaning, good, bad = survey(items, self.sidecars, self.tokens)
        self._check_other_splits(meaning, good)
        emit(Started(self.summary.step, len(items), 0, 0))
        for item, error in bad:
            self.fail(item.key, error)
        before = self._read_record()
        placing: dict[str, str] = {"materialize": self.materialize, "token_format": self.token_format}
        placer = Placer(self.materialize, self.token_format, trust_dates=before.get("placing") == placing)
        inputs = digest_of(good, self.sidecars, meaning, self.subdir)
        if not bad and before.get("inputs") == inputs and before.get("data_files") == self._data_files():
            for item in good:
                self._place(item, placer)
            self.summary.skipped = len(good)
        else:
            self._replace_split(good, meaning, placer)
        self._write_conditions()
        if placer.symbolic:
            self.note(
                f"{len(placer.symbolic)} files lie on another file system, so they are symbolic links, which break "
                "when the dataset is moved without them; its Arrow data do not -> to publish it: --materialize copy"
            )
        self._write_record(inputs, placing)
        self.summary.contents.append(describe(PackedSplit(self.output, self.summary.split)))

    def verify(self) -> None:
        """Opens every row and every file; what differs is a failure."""
        inside = self.materialize != "none"
        root = self.output if inside else None
        found = list(differences(self.output, self.summary.split, self.subdir, root or self.tokens, self.sidecars))
        for key, error in found:
            self.fail(key, error)
        if found:
            self._record_path.unlink()  # so that the next build does not take the split for done
        where = "files in the dataset" if inside else "original files"
        where += "" if has_datasets() else "; not loaded with the library datasets, which is not installed"
        verdict = f"{len(found)} differ" if found else "all rows open and equal"
        self.summary.contents.append(f"verified: {verdict} (compared with the {where})")

    def fail(self, key: str, error: SoundwrightError) -> None:
        """Counts and tells a failure."""
        self.summary.failures.append((key, error))
        emit(ItemFailed(key, error))

    def note(self, text: str) -> None:
        """Keeps and tells what concerns no single item."""
        self.summary.notes.append(text)
        emit(Note(text))

    def write_failures(self) -> None:
        """Lists the failures of this run, one JSON object per line."""
        lines = (
            json.dumps({"key": key, "path": str(error.path), "message": error.message, "remedy": error.remedy}) + "\n"
            for key, error in self.summary.failures
        )
        atomic.write_text(self.summary.failures_path, "".join(lines))

    def _replace_split(self, items: Sequence[Item], meaning: Meaning, placer: Placer) -> None:
        # All that may be there and not belong to the split in the end, whenever a kill comes.
        involved = {*self._old_files(), *self._listed(), *(path for item in items for path in self._paths(item))}
        atomic.write_json(self._pending, sorted(involved))
        dtype = self.sidecars.conditions.dtype if self.sidecars else "float16"
        write_split(self.output, self.summary.split, self._clips(items, meaning, placer), meaning, dtype)
        self._remove_unused()

    def _clips(self, items: Sequence[Item], meaning: Meaning, placer: Placer) -> Iterator[PackedClip]:
        for item in items:
            try:
                clip = read_clip(item, f"{self.subdir}/{item.key}", meaning, self.sidecars)
            except BadInput as error:
                self.fail(item.key, error)
                continue
            self._place(item, placer)
            self.summary.done += 1
            emit(ItemDone(item.key))
            yield clip
        if not self.summary.done:
            raise BadInput(
                f"none of the {self.summary.total} clips can be packed",
                path=self.tokens,
                remedy="see the failures above",
            )

    def _place(self, item: Item, placer: Placer) -> None:
        if self.interrupt.requested:
            raise Stopped
        audio, *beside = self._paths(item)
        placer.tokens(item.inputs[0], self.output / audio)
        if beside and self.sidecars:
            npy = self.sidecars.of(item.key)
            placer.file(npy, self.output / beside[0])
            placer.file(Path(sidecar.json_of(str(npy))), self.output / beside[1])

    def _paths(self, item: Item) -> list[str]:
        """The token file of an item and its sidecar, relative to the pack."""
        if self.sidecars is None:
            return [f"{self.subdir}/{item.key}"]
        beside = sidecar.paths(item.key, self.sidecars.conditions.suffix)
        return [f"{self.subdir}/{path}" for path in (item.key, *beside)]

    def _old_files(self) -> list[str]:
        """All files that belong to the split as it stands."""
        if self.summary.split not in layout.splits_of(self.output):
            return []
        try:
            old = self._open(self.summary.split)
        except BadInput as error:
            self.note(f"the earlier split is damaged and replaced: {error}")
            return []
        return _files_of(old)

    def _open(self, split: str) -> PackedSplit:
        try:
            return PackedSplit(self.output, split)
        except ForeignSplit as error:
            raise UsageError(
                f"split {split} was not packed by soundwright",
                path=self.output,
                remedy="choose another output folder",
            ) from error

    def _check_places(self) -> None:
        """Files in the pack are replaced and removed, so no original may lie there."""
        place = (self.output / self.subdir).resolve()
        for root in (self.tokens, self.sidecars.root if self.sidecars else self.tokens):
            if place in (root.resolve(), *root.resolve().parents):
                raise UsageError(
                    "lies where the dataset keeps its own files",
                    path=root,
                    remedy="choose another output folder or --tokens-subdir",
                )

    def _check_other_splits(self, meaning: Meaning, items: Sequence[Item]) -> None:
        """One dataset has one codec, one number of codebooks and one schema; a file belongs to one split."""
        mine = {f"{self.subdir}/{item.key}" for item in items}
        for name in layout.splits_of(self.output):
            if name == self.summary.split:
                continue
            other = self._open(name)
            for fact in ("codec", "codec_revision", "sample_rate", "frame_rate", "num_codebooks", "columns"):
                here, there = getattr(meaning, fact), getattr(other.meaning, fact)
                if here != there:
                    raise UsageError(
                        f"split {name} has {fact} {there}, these files have {here}",
                        path=self.output,
                        remedy="encode all with the same settings, or choose another output folder",
                    )
            combine([part for part in (meaning.conditions, other.meaning.conditions) if part])
            shared = sorted(mine & set(other.audio_paths()))
            if shared:
                raise UsageError(
                    f"split {name} has files of the same names: {name_some(shared)}",
                    path=self.output,
                    remedy="pack each file into one split, or give --tokens-subdir, "
                    f"e.g. {self.subdir}-{self.summary.split}",
                )

    def _write_conditions(self) -> None:
        splits = [PackedSplit(self.output, name) for name in layout.splits_of(self.output)]
        combined = combine([split.meaning.conditions for split in splits if split.meaning.conditions])
        if combined is None:
            (self.output / schema.NAME).unlink(missing_ok=True)
        else:
            schema.write(self.output, combined)

    @property
    def _pending(self) -> Path:
        return self.state / f"remove-{self.summary.split}.json"

    def _listed(self) -> list[str]:
        if not self._pending.is_file():
            return []
        listed: list[str] = json.loads(self._pending.read_text(encoding="utf-8"))
        return listed

    def _remove_unused(self) -> None:
        """Removes the listed files that belong to no row of any split."""
        splits = layout.splits_of(self.output)
        used = {path for name in splits for path in _files_of(PackedSplit(self.output, name))}
        remove([self.output / path for path in self._listed() if path not in used], self.output)
        self._pending.unlink()

    def _clear_after_kill(self) -> None:
        atomic.remove_leftovers(self.output)
        for path in self.output.rglob(LINKING):
            path.unlink()

    def _data_files(self) -> dict[str, int]:
        files = layout.data_files(self.output, self.summary.split)
        named = self.summary.split in layout.splits_of(self.output)
        return {path.name: path.stat().st_size for path in files if path.is_file()} if named else {}

    @property
    def _record_path(self) -> Path:
        return self.state / f"run-{self.summary.split}.json"

    def _read_record(self) -> dict[str, Any]:
        try:
            about: dict[str, Any] = json.loads(self._record_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            self.note(f"{show_path(self._record_path)} is damaged: everything is packed again")
            return {}
        return about

    def _write_record(self, inputs: str, placing: dict[str, str]) -> None:
        about = record.describe(self.summary.step, {"split": self.summary.split, "subdir": self.subdir, **placing})
        self.summary.status = "finished"
        about |= self.summary.facts()
        # Failures are to be told by the next run too, so it has to look at the files again.
        about |= {"inputs": None if self.summary.failures else inputs, "placing": placing}
        about["data_files"] = self._data_files()
        atomic.write_json(self._record_path, about)


def _files_of(split: PackedSplit) -> list[str]:
    """Token files and sidecars of all rows, relative to the pack."""
    suffix = split.meaning.conditions.suffix if split.meaning.conditions else sidecar.SUFFIX
    return [path for audio in split.audio_paths() for path in (audio, *sidecar.paths(audio, suffix))]
