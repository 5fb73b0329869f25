from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The server and the maker of archives stand one folder up, where notebooks find them too.
sys.path.insert(0, str(Path(__file__).parents[1]))

from fma_archive import make_archive, make_metadata
from fma_server import FolderServer, serving

from soundwright.corpus.fma import remote, whole
from soundwright.corpus.fma.summary import FmaSummary
from soundwright.corpus.fma.verb import fma

TRACKS = range(2, 14)
HASTE = remote.Patience(attempts=3, first_wait_s=0.001, longest_wait_s=0.01, timeout_s=5.0)


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", HASTE)
    monkeypatch.setenv("no_proxy", "*")
    # The archives of these tests have the names of the published ones, and of course other sums.
    monkeypatch.setattr(whole, "PUBLISHED_SHA1", {})


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A folder with both archives, and the tracks in them."""
    folder = tmp_path_factory.mktemp("fma")
    make_metadata(folder / "fma_metadata.zip", TRACKS, without_genre=[13])
    return folder, make_archive(folder / "fma_small.zip", TRACKS)


@pytest.fixture
def folder(made: tuple[Path, dict[str, bytes]], tmp_path: Path) -> Path:
    """What the server serves; to be changed freely."""
    served = tmp_path / "served"
    served.mkdir()
    for path in made[0].iterdir():
        (served / path.name).write_bytes(path.read_bytes())
    return served


@pytest.fixture
def server(folder: Path) -> Iterator[FolderServer]:
    with serving(folder) as running:
        yield running


@pytest.fixture
def contents(made: tuple[Path, dict[str, bytes]]) -> dict[str, bytes]:
    return made[1]


@pytest.fixture
def fetch(server: FolderServer, tmp_path: Path) -> Callable[..., FmaSummary]:
    """Runs the verb on the server's archive."""

    def run(tracks: int | str = 4, **options: object) -> FmaSummary:
        given = {"source": f"{server.url}/fma_small.zip", "min_duration": 0.5, "workers": 1, **options}
        return fma(given.pop("output", tmp_path / "out"), tracks=tracks, **given)  # type: ignore[arg-type]

    return run
