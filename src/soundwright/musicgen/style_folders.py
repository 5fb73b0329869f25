"""Where styles come from: a user's folders, other packages, this one. The first that has a name wins.

A package that brings styles names a function in its `pyproject.toml` that returns a folder of YAML files:

    [project.entry-points."soundwright.styles"]
    mine = "my_package.styles:folder"

The styles of this package register in the same way.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import UsageError
from soundwright.core.plugins import registered

#: The entry-point group.
STYLES = "soundwright.styles"
#: Folders of the user's own styles, separated as in PATH.
VARIABLE = "SOUNDWRIGHT_STYLES"
_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class StyleFile:
    """A style's file, not read yet.

    Attributes:
        name: what the style is called: the file's name without ending, `-` and spaces as `_`.
        path: the file.
        origin: for people: `--folder`, SOUNDWRIGHT_STYLES, or the entry point.
        hides: files of the same name that it takes the place of.
    """

    name: str
    path: Path
    origin: str
    hides: tuple[Path, ...] = ()


def built_in() -> Path:
    """The styles of this package."""
    return Path(__file__).parent / "styles"


def available(folders: Sequence[Path] = ()) -> dict[str, StyleFile]:
    """All styles by name, sorted.

    Args:
        folders: the user's own; they go before those of SOUNDWRIGHT_STYLES, which go before all packages.

    Raises:
        UsageError: a folder is none, has two files for one name, or a package's entry point gives no folder.
    """
    found: dict[str, list[StyleFile]] = {}
    for folder, origin in _folders(folders):
        for name, path in _styles_in(folder, origin).items():
            found.setdefault(name, []).append(StyleFile(name, path, origin))
    return {
        name: StyleFile(name, first.path, first.origin, tuple(other.path for other in others))
        for name, (first, *others) in sorted(found.items())
    }


def find(name: str, folders: Sequence[Path] = ()) -> StyleFile:
    """The file of a style; `jazz-trio` and `jazz_trio` are the same.

    Raises:
        UsageError: there is none; the message has the nearest names.
    """
    styles = available(folders)
    wanted = _name(name)
    if wanted in styles:
        return styles[wanted]
    near = difflib.get_close_matches(wanted, styles, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(styles)}"
    own = f"a style of your own: --folder, or {VARIABLE} in the environment"
    raise UsageError(f"there is no style {name!r}", remedy=f"{hint} ({own})")


def _folders(own: Sequence[Path]) -> list[tuple[Path, str]]:
    found = [(folder, "--folder") for folder in own]
    found += [(Path(part), VARIABLE) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    points = registered(STYLES)
    # A package that somebody installed beside ours was installed on purpose.
    for name in sorted(points, key=lambda name: (name == "soundwright", name)):
        give = points[name].load()
        folder = give() if callable(give) else give
        if not isinstance(folder, Path):
            raise UsageError(
                f"{points[name].value} gives no folder of styles", remedy="return a pathlib.Path, or uninstall it"
            )
        found.append((folder, name))
    return found


def _styles_in(folder: Path, origin: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise UsageError("is no folder of styles", path=folder, remedy=f"check {origin}")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _ENDINGS and not path.name.startswith("."):
            other = found.setdefault(_name(path.stem), path)
            if other != path:
                raise UsageError(f"{other.name} has the same name", path=path, remedy="rename one of the two")
    return found


def _name(text: str) -> str:
    return "_".join(text.strip().lower().replace("-", " ").replace("_", " ").split())
