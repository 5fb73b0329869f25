"""The folder that a mix is written to: what may be written there, and what is removed.

A list in the folder's state names what was written, with digests. A file that stands at a place that is to be written,
and is not on the list as it stands, is somebody else's: nothing is written then. What an earlier mix wrote here and
this one does not, is removed, as long as nobody has changed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from soundwright.core.digest import file_digest
from soundwright.core.errors import BadInput, UsageError
from soundwright.runs import atomic
from soundwright.runs.locks import lock
from soundwright.runs.state import STATE_FOLDER

_STATE = f"{STATE_FOLDER}/mix"


@contextmanager
def mix_folder(output: Path, names: Iterable[str], *, overwrite: bool) -> Iterator[None]:
    """Holds the right to write files into a folder; on a clean exit they are remembered as ours.

    Args:
        output: the folder; made if missing.
        names: all files that will be written, relative to it.
        overwrite: replace files of others.

    Raises:
        UsageError: a file of somebody else stands in the way, or another process writes here.
    """
    wanted = sorted(names)
    refuse_foreign(output, wanted, overwrite=overwrite)
    with lock(output / _STATE / "lock", held="another mix is being written here", remedy="wait for it"):
        refuse_foreign(output, wanted, overwrite=overwrite)
        atomic.remove_leftovers(output)
        before = _remembered(output)
        # Without a digest: begun. If this process ends now, they are still known as ours.
        _remember(output, before | dict.fromkeys(wanted))
        yield
        for name in sorted(before.keys() - set(wanted)):
            path = output / name
            if _is_ours(path, before[name]):
                path.unlink(missing_ok=True)
                if path.parent != output and not any(path.parent.iterdir()):
                    path.parent.rmdir()
        _remember(output, {name: file_digest(output / name) for name in wanted})


def refuse_foreign(output: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Refuses to write where somebody else's file stands.

    Raises:
        UsageError: there is one, or the folder is a file.
    """
    if output.exists() and not output.is_dir():
        raise UsageError("is a file, and a folder is to be written", path=output, remedy="choose another --output")
    ours = _remembered(output)
    for name in names:
        path = output / name
        if path.is_dir():
            raise UsageError("is a folder, and a file is to be written", path=path, remedy="choose another --output")
        if overwrite or not path.exists():
            continue
        if name not in ours or not _is_ours(path, ours[name]):
            what = "was changed since it was written" if name in ours else "was not made by this command"
            raise UsageError(f"exists already and {what}", path=path, remedy="choose another --output, or --overwrite")


def refuse_inputs(output: Path, names: Iterable[str], inputs: Iterable[Path]) -> None:
    """Refuses to write over what is being read, even with --overwrite.

    Raises:
        UsageError: an input is one of the files that will be written.
    """
    written = {(output / name).resolve() for name in names}
    for path in inputs:
        if path.resolve() in written:
            raise UsageError("would be written over, and is an input", path=path, remedy="choose another --output")


def _is_ours(path: Path, digest: str | None) -> bool:
    if not path.is_file():
        return False
    return digest is None or file_digest(path) == digest


def _remembered(output: Path) -> dict[str, str | None]:
    path = output / _STATE / "files.json"
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): None if digest is None else str(digest) for name, digest in listed.items()}
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise BadInput(
            "cannot be read, so nobody knows what here is ours", path=path, remedy="choose another --output"
        ) from error


def _remember(output: Path, files: dict[str, str | None]) -> None:
    atomic.write_json(output / _STATE / "files.json", files)
