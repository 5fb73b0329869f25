"""Finding producers: a user's own files, entry points (built-ins too), dotted modules.

A producer is called by

- the path of a file, `./mine/tempo.py`, or a file name in `--producers-dir`, `tempo.py`;
- a bare name: the file of that name in `--producers-dir`, else the entry point of that name;
- a dotted module, `my_package.tempo`, or `my_package.tempo:Tempo`.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

from soundwright.core.errors import UsageError, show_path
from soundwright.core.plugins import PRODUCERS, module_from_file, registered
from soundwright.sidecar.producers.contract import Producer


@dataclass(frozen=True)
class Source:
    """Where a producer comes from; unlike the class itself it can be sent to a worker process.

    Attributes:
        name: what the user calls it.
        file: its Python file, if it is one file of the user's.
        target: `module` or `module:Class` otherwise.
    """

    name: str
    file: Path | None = None
    target: str = ""

    @property
    def shown(self) -> str:
        """For people: the file, or the module."""
        return show_path(self.file) if self.file else self.target

    def load(self) -> type[Producer]:
        """Imports it.

        Raises:
            UsageError: it does not import, or is no producer.
        """
        if self.file:
            return _producer_in(module_from_file(self.file), self)
        module_name, _, attribute = self.target.partition(":")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
                raise UsageError(
                    f"producer {self.name} ({self.target}) needs the module {error.name}, which is not installed",
                    remedy=f"pip install {error.name}",
                ) from error
            raise UsageError(
                f"there is no producer {self.name!r}",
                remedy="see --list-producers, or give its file: --producer ./mine.py",
            ) from error
        if not attribute:
            return _producer_in(module, self)
        found = getattr(module, attribute, None)
        if not (inspect.isclass(found) and issubclass(found, Producer)):
            raise UsageError(f"{self.target} is no Producer", remedy="see docs/producers.md")
        return found

    def digest(self) -> str:
        """Identifies the code of a user's file, so that an edited one is run again; empty for installed code."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest() if self.file else ""


def find(reference: str, folder: Path | None) -> Source:
    """Finds the producer that a user means; not imported yet.

    Raises:
        UsageError: there is none, or `folder` is no folder.
    """
    own = _own_files(folder)
    if reference.endswith(".py"):
        candidates = [Path(reference), *([folder / reference] if folder else [])]
        for path in candidates:
            if path.is_file():
                return Source(path.stem, file=path.resolve())
        raise UsageError("there is no such producer file", path=reference, remedy="check --producer, --producers-dir")
    if reference in own:
        return own[reference]
    points = registered(PRODUCERS)
    if reference in points:
        return Source(reference, target=points[reference].value)
    if "." in reference or ":" in reference:
        name = reference.partition(":")[0].rpartition(".")[2]
        return Source(name, target=reference)
    names = ", ".join(sorted({*own, *points}))
    raise UsageError(f"there is no producer {reference!r}", remedy=f"choose from {names}; or give a file")


def available(folder: Path | None) -> Iterator[Source]:
    """All producers that have a bare name, sorted; a user's own file goes before an installed one of its name.

    Raises:
        UsageError: `folder` is no folder.
    """
    points: dict[str, EntryPoint] = registered(PRODUCERS)
    own = _own_files(folder)
    for name in sorted({*own, *points}):
        yield own[name] if name in own else Source(name, target=points[name].value)


def _own_files(folder: Path | None) -> dict[str, Source]:
    if folder is None:
        return {}
    if not folder.is_dir():
        raise UsageError("is no folder", path=folder, remedy="check --producers-dir, or leave it out")
    files = sorted(path for path in folder.glob("*.py") if not path.name.startswith(("_", ".")))
    return {path.stem: Source(path.stem, file=path.resolve()) for path in files}


def _producer_in(module: ModuleType, source: Source) -> type[Producer]:
    """The one producer class that a module defines (not those that it imports)."""
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Producer) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(value.__name__ for value in found) or "none"
        raise UsageError(
            f"expected one subclass of Producer, found {names}",
            path=source.file,
            remedy="see docs/producers.md" if source.file else f"say which: --producer {source.target}:Name",
        )
    return found[0]
