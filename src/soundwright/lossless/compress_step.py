"""The folder steps behind `compress` and its `--verify`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from soundwright.formats.swz import recordable_suffix
from soundwright.lossless.blocks import Codec, codec_with
from soundwright.lossless.compress_table import Row, flac_size
from soundwright.lossless.container import Written, plan_archive, write_archive
from soundwright.lossless.container_read import check_archive
from soundwright.lossless.pcm_source import Source, open_source
from soundwright.runs.discover import Found
from soundwright.runs.engine import run_step
from soundwright.runs.events import Note, emit
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Done, Finished, Item, OneByOne
from soundwright.runs.summary import RunSummary


def archive_name(name: str) -> str:
    """The archive of a file; what an archive cannot remember of its name stays in the name.

    >>> archive_name("birds/foo_amp_.75.wav"), archive_name("take.2 (old)")
    ('birds/foo_amp_.75.swz', 'take.2 (old).swz')
    """
    path = PurePosixPath(name)
    return str(path.with_suffix("") if recordable_suffix(path.suffix) else path) + ".swz"


def remarks(source: Source, written: Written) -> tuple[str, ...]:
    """What a user should know of an archive although it is whole."""
    texts = []
    if source.found.layout is None and source.length:
        texts.append(f"kept as it is, without prediction: {source.found.reason}")
    if written.num_failed:
        texts.append(
            f"{written.num_failed} blocks did not come back from the codec and are stored raw; please report it"
        )
    return tuple(texts)


@dataclass(frozen=True)
class Compress(OneByOne[Codec]):
    """Writes an archive for each file.

    Attributes:
        output: folder for the archives.
        codec: its id.
        revision: of the codec.
        model: file of the model, if one is used.
        model_digest: its SHA-256, hexadecimal; empty without one.
        compare: whether FLAC is asked too.
        threads: blocks at a time.
        rows: what the files became; filled at the end.
    """

    name: ClassVar[str] = "compress"
    worker_pays_after: ClassVar[int] = 4_000_000  # some seconds of work

    output: Path
    codec: int
    revision: int
    model: Path | None
    model_digest: str
    compare: bool
    threads: int
    rows: list[Row] = field(default_factory=list, compare=False)

    def settings(self) -> dict[str, Any]:
        """What decides the archives."""
        with_model = {"model": self.model_digest} if self.model else {}
        return {"codec": self.codec, "revision": self.revision} | with_model

    def outputs(self, item: Item) -> tuple[str, ...]:
        """The same relative path, ending in `.swz`."""
        return (archive_name(item.key),)

    def setup(self) -> Codec:
        """Loads the codec."""
        return codec_with(self.model)

    def run_one(self, state: Codec, item: Item) -> Done:
        """Compresses one file."""
        (name,) = self.outputs(item)
        source = open_source(item.inputs[0])
        written = write_archive(plan_archive(source, lambda: state), self.output / name, threads=self.threads)
        flac = flac_size(item.inputs[0], from_flac=source.from_flac) if self.compare else None
        row = Row(item.key, source.length, written.num_bytes, flac, source.from_flac)
        return Done((name,), row.facts(), remarks(source, written))

    def reduce(self, finished: Iterable[Finished]) -> None:
        """Collects the rows of the table."""
        self.rows[:] = [Row(item.key, **item.info) for item in finished]


@dataclass(frozen=True)
class Verify(OneByOne[None]):
    """Decodes each archive and compares it with its file; writes nothing.

    Attributes:
        step: what made the archives.
    """

    name: ClassVar[str] = "compress-verify"
    worker_pays_after: ClassVar[int] = Compress.worker_pays_after

    step: Compress

    def settings(self) -> dict[str, Any]:
        """Those of the archives."""
        return self.step.settings()

    def outputs(self, item: Item) -> tuple[str, ...]:
        """None."""
        return ()

    def setup(self) -> None:
        """Nothing to load."""

    def run_one(self, state: None, item: Item) -> Done:
        """Compares `inputs[1]`, the archive, with `inputs[0]`."""
        original, archive = item.inputs
        check_archive(archive, open_source(original), model=self.step.model, threads=self.step.threads)
        return Done()


def verify_archives(step: Compress, found: Found, summary: RunSummary, options: RunOptions) -> None:
    """Verifies all archives of this run, those made earlier too; what is wrong becomes a failure of `summary`."""
    failed = {key for key, _ in summary.failures}
    items = [
        Item(item.key, (*item.inputs, step.output / step.outputs(item)[0]))
        for item in found.items
        if item.key not in failed and options.in_shard(item.key)
    ]
    checked = run_step(Verify(step), Found(items), step.output, options, overwrite=True)
    summary.failures += checked.failures
    summary.status = checked.status
    summary.duration_s += checked.duration_s
    note = f"verify: {checked.done} archives decoded and compared, {len(checked.failures)} differences"
    summary.notes.append(note)
    emit(Note(note))
