"""soundwright music preload: weights into the cache, before they are needed."""

from __future__ import annotations

import fnmatch
import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.musicgen.checkpoints import HUB_FILES, NAMES, find
from soundwright.musicgen.outcome import licence_line
from soundwright.runs.events import Ended, ItemDone, ItemFailed, Note, Started, emit


@dataclass(frozen=True)
class Preloaded:
    """One model in the cache.

    Attributes:
        model: as it was asked for.
        hub_id: its repository.
        folder: its snapshot.
        num_bytes: size of its files.
        verified: what its files were compared with.
        licence: of the weights.
        downloaded: files that were not there before.
    """

    model: str
    hub_id: str
    folder: Path
    num_bytes: int
    verified: str
    licence: str
    downloaded: int

    def lines(self) -> Iterator[str]:
        """The model for a person."""
        got = f"{self.downloaded} files downloaded" if self.downloaded else "there already"
        yield f"{self.model}: {self.num_bytes / 1e9:.2f} GB, {got}, {self.verified}; {show_path(self.folder)}"
        yield f"  {licence_line(self.hub_id, self.licence)}"


@dataclass(frozen=True)
class Preload:
    """What is in the cache now.

    Attributes:
        models: those that are there, whole.
        failed: how many are not.
    """

    models: tuple[Preloaded, ...]
    failed: int

    @property
    def exit_code(self) -> int:
        """0 all there, 1 some are not."""
        return 1 if self.failed else 0

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        for model in self.models:
            yield from model.lines()


@dataclass(frozen=True)
class _HubFile:
    name: str
    num_bytes: int | None
    sha256: str | None  # of large files only


def preload(models: Sequence[str] = ("small",), *, verify: bool = False) -> Preload:
    """Fills the Hugging Face cache with weights and tokenizers of models, so that music can be made offline.

    The cache is where HF_HOME says. Files are compared with what the hub says of them: sizes always, SHA-256 of what
    was downloaded now or with --verify. A damaged file is downloaded again. What is there already is not.

    Args:
        models: Names such as small or stereo-medium, or repositories OWNER/NAME of the hub.
        verify: Compare the SHA-256 of files that were there already too.

    Returns:
        What is in the cache, and under which licence.

    Raises:
        UsageError: a model is unknown; or it is not whole in the cache and the hub cannot be reached.
    """
    with needs_extra("music", "getting weights"):
        import huggingface_hub  # noqa: F401
    repositories = {model: _repository(model) for model in models}
    found: list[Preloaded] = []
    failed = 0
    emit(Started("preload", len(repositories), 0, 1))
    for model, hub_id in repositories.items():
        try:
            found.append(_preload(model, hub_id, verify))
            emit(ItemDone(model))
        except SoundwrightError as error:
            if len(repositories) == 1:
                raise
            failed += 1
            emit(ItemFailed(model, error))
    emit(Ended("preload", "finished", 0.0))
    return Preload(tuple(found), failed)


def _repository(model: str) -> str:
    if model in NAMES:
        return NAMES[model].hub_id
    if model.count("/") == 1 and not Path(model).exists():
        return model
    import difflib

    near = difflib.get_close_matches(model, NAMES, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"{model!r} is no model on the hub", remedy=f"{hint}give one of {', '.join(NAMES)}, or OWNER/NAME")


def _preload(model: str, hub_id: str, verify: bool) -> Preloaded:
    on_hub = _on_hub(hub_id)
    if on_hub is None:
        return _offline(model, hub_id)
    revision, files = on_hub
    before = _snapshot(hub_id, revision)
    wrong = [file.name for file in files if before is None or _fault(before / file.name, file, verify)]
    for name in wrong:
        _download(hub_id, revision, name, force=before is not None and (before / name).exists())
    folder = _snapshot(hub_id, revision)
    if folder is None:
        raise BadInput(f"{hub_id} has no files of a model", remedy="give a repository of MusicGen")
    for file in files:
        fault = _fault(folder / file.name, file, file.name in wrong)
        if fault:
            raise BadInput(f"{fault} after its download", path=folder / file.name, remedy="run the command again")
    checkpoint = find(model, revision)
    compared = "sizes and SHA-256" if verify or len(wrong) == len(files) else "sizes"
    num_bytes = sum(file.num_bytes or 0 for file in files)
    return Preloaded(model, hub_id, folder, num_bytes, f"{compared} as on the hub", checkpoint.licence, len(wrong))


def _offline(model: str, hub_id: str) -> Preloaded:
    """What is in the cache, where the hub cannot be asked.

    Raises:
        UsageError: it is not there, or not whole.
    """
    folder = _snapshot(hub_id, None)
    if folder is None:
        raise UsageError(
            f"{hub_id} is not in the cache, and the hub cannot be reached",
            remedy="run this where there is a network, and take the folder HF_HOME along",
        )
    checkpoint = find(str(folder))
    emit(Note(f"{model}: the hub cannot be reached; its files are whole, and were not compared"))
    licence = NAMES[model].licence if model in NAMES else checkpoint.licence
    num_bytes = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return Preloaded(model, hub_id, folder, num_bytes, "whole, not compared with the hub", licence, 0)


def _network_errors() -> tuple[type[Exception], ...]:
    """What a missing network raises: errors of the system, and those of the client that the hub's library uses."""
    found: list[type[Exception]] = [OSError]
    found += [sys.modules[name].HTTPError for name in ("httpx", "httpx2") if name in sys.modules]
    return tuple(found)


def _on_hub(hub_id: str) -> tuple[str, list[_HubFile]] | None:
    """Revision and files of a repository; None where the hub cannot be reached.

    Raises:
        UsageError: there is no such repository.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = HfApi().model_info(hub_id, files_metadata=True)
    except RepositoryNotFoundError as error:
        raise UsageError(f"the hub has no public repository {hub_id}", remedy="check its name") from error
    except _network_errors():
        return None
    files = [
        _HubFile(sibling.rfilename, sibling.size, sibling.lfs.sha256 if sibling.lfs else None)
        for sibling in info.siblings or []
        if any(fnmatch.fnmatch(sibling.rfilename, pattern) for pattern in HUB_FILES)
    ]
    return str(info.sha), files


def _snapshot(hub_id: str, revision: str | None) -> Path | None:
    """The folder of a revision in the cache; None if nothing of it is there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=HUB_FILES, local_files_only=True))
    except LocalEntryNotFoundError:
        return None


def _download(hub_id: str, revision: str, name: str, *, force: bool) -> None:
    from huggingface_hub import hf_hub_download

    try:
        hf_hub_download(hub_id, name, revision=revision, force_download=force)
    except _network_errors() as error:
        raise BadInput(
            f"{hub_id}/{name} could not be downloaded: {error}", remedy="run the command again; it goes on from there"
        ) from error


def _fault(path: Path, file: _HubFile, deep: bool) -> str:
    """What is wrong with a file of the cache; empty if nothing is."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if file.num_bytes is not None and size != file.num_bytes:
        return f"has {size:,} of {file.num_bytes:,} bytes"
    if deep and file.sha256 is not None:
        with open(path, "rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
                return "has another SHA-256 than the hub says"
    return ""
