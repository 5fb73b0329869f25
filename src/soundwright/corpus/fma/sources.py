"""From what the user says to an archive that can be opened: by name, URL or path, in parts or whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from soundwright.core.errors import UsageError, show_path
from soundwright.corpus.fma import remote as network
from soundwright.corpus.fma.archive import Archive, keep_directory
from soundwright.corpus.fma.faults import NoRanges
from soundwright.corpus.fma.whole import download

_DATASET = "https://os.unil.cloud.switch.ch/fma/"
_NAMES = ("small", "medium", "large", "full")


def location_of(source: str) -> str:
    """The URL or the path of an archive.

    Args:
        source: `small`, `medium`, `large`, `full`, a URL or a path.

    Raises:
        UsageError: it is none of these.
    """
    if source in _NAMES:
        return f"{_DATASET}fma_{source}.zip"
    if is_remote(source):
        return _address(source)
    parts = urlsplit(source)
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(source)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise UsageError(
            f"expected a zip archive: {what}",
            path=path,
            remedy=f"give {', '.join(_NAMES)}, an address that begins with https://, or the path of a zip file",
        )
    return str(path)


def _address(source: str) -> str:
    """A URL that can be asked for: what its path may not hold as it is, such as a space, is escaped."""
    try:
        parts = urlsplit(source)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{source} is no address: {error}", remedy="check --source and --metadata") from error
    if not host:
        raise UsageError(f"{source} is no address: it names no host", remedy="check --source and --metadata")
    name = host.encode("idna").decode("ascii") if not host.isascii() else host
    place = f"[{name}]" if ":" in name else name
    login = parts.netloc.rpartition("@")[0]
    netloc = f"{login}@" * bool(login) + place + (f":{port}" if port else "")
    return urlunsplit(
        (
            parts.scheme,
            netloc,
            quote(parts.path, safe="/%:@!$&'()*+,;=~-._"),
            quote(parts.query, safe="/%:@!$&'()*+,;=~-._?"),
            "",
        )
    )


def is_remote(location: str) -> bool:
    """Whether it is a URL of the web."""
    return location.lower().startswith(("http://", "https://"))


def metadata_beside(location: str) -> str:
    """Where the metadata archive is expected: beside the archive."""
    if is_remote(location):
        return urljoin(location, "fma_metadata.zip")
    return str(Path(location).with_name("fma_metadata.zip"))


def get_archive(
    location: str,
    state: Path,
    traffic: Path,
    note: Callable[[str], None],
    *,
    whole: bool = False,
    anew: bool = False,
) -> Archive:
    """Makes ready to open an archive: fetches its directory, or all of it, or finds what an earlier run has kept.

    Args:
        location: URL or path.
        state: folder where directories and whole archives are kept.
        traffic: file to which the sizes of all answers are appended.
        note: is told what the user should know.
        whole: fetch all of it, though the server has ranges.
        anew: fetch the directory again.

    Raises:
        SoundwrightError: it could not be had.
    """
    if not is_remote(location):
        return Archive(location)
    name = PurePosixPath(unquote(urlsplit(location).path)).name or "archive.zip"
    kept = state / f"{hashlib.sha256(location.encode()).hexdigest()[:8]}-{name}"
    directory = kept.with_name(f"{kept.name}.directory")
    if anew:
        kept.unlink(missing_ok=True)
    archive = Archive(location, directory, network.PATIENCE, traffic)
    server = network.Remote(location, network.PATIENCE, traffic=traffic)
    if not whole and not kept.exists():
        if directory.exists() and not anew:
            return archive
        try:
            keep_directory(server, directory)
            return archive
        except NoRanges:
            note(f"{location}: the server gives whole files only, so all of it is fetched")
    if not kept.exists():
        download(server, kept, name)
        note(f"the whole archive is kept for further runs -> delete it if unwanted: {show_path(kept)}")
    return Archive(str(kept))
