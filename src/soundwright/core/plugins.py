"""Plug-ins: built-ins and a stranger's package register in the same way, by entry point.

A package that brings a codec or a producer says so in its `pyproject.toml`:

    [project.entry-points."soundwright.producers"]
    tempo = "my_package.tempo:Tempo"

Nothing is imported until the plug-in is asked for by name.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from soundwright.core.errors import UsageError

CODECS = "soundwright.codecs"
PRODUCERS = "soundwright.producers"


@cache
def registered(group: str) -> dict[str, EntryPoint]:
    """The plug-ins of a group by name; not imported yet.

    Raises:
        UsageError: two packages register the same name.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        if point.name in found and found[point.name].value != point.value:
            raise UsageError(
                f"two packages register {point.name!r} in {group}: {found[point.name].value} and {point.value}",
                remedy="uninstall one of them",
            )
        found[point.name] = point
    return found


def module_from_file(path: Path) -> ModuleType:
    """Imports one Python file that is not part of a package, e.g. a user's own producer.

    Raises:
        UsageError: the file is missing or does not import; the message has the file's own error.
    """
    if not path.is_file():
        raise UsageError("expected a Python file", path=path, remedy="give the path of a .py file")
    name = f"soundwright_plugin_{path.stem}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        # Compiled here and not by the import system, whose bytecode cache takes an edited file of the same length and
        # second for the old one.
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except Exception as error:  # whatever a stranger's file raises is that file's own evidence
        del sys.modules[name]
        raise UsageError(
            f"does not import: {type(error).__name__}: {error}", path=path, remedy="mend the file"
        ) from error
    return module
