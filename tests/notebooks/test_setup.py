"""Notebook A in a kernel of its own: against a server with an archive like FMA's, and a checkout like AudioCraft's."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fma_archive import bad_tracks, make_archive, make_metadata, music
from fma_server import serving
from notebook_runs import SETUP, NotebookFailed, execute, pictures, printed
from played_audiocraft import Played

from soundwright.audiocraft.export import dset_text

pytestmark = pytest.mark.skipif(not shutil.which("ffprobe"), reason="the notebook checks segments with ffprobe")

GOOD, SECONDS = 6, 2.6


@pytest.fixture
def origin(played: Played) -> Path:
    """A repository with AudioCraft's folder shape."""
    (played.repo / "requirements.txt").write_text("av==11.0.0\ntorch==2.1.0\njulius\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    (played.repo / "config/dset/audio/default.yaml").touch()
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "as published"]):
        subprocess.run(["git", *identity, *arguments], cwd=played.repo, check=True)
    return played.repo


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "work space"


@pytest.fixture
def parameters(base: Path, origin: Path, played: Played) -> dict[str, Any]:
    repo = base / "audiocraft"
    played.switch(audiocraft={"version": "1.3.0", "file": str(repo / "audiocraft/__init__.py")}, cuda={"error": "none"})
    return {
        # The other paths follow.
        "BASE_DIR": str(base),
        "SEGMENT_SECONDS": 1,
        "NUM_SAMPLES_TOTAL": GOOD,
        "AUDIOCRAFT_REPO_URL": str(origin),
        "AUDIOCRAFT_VENV": str(played.python.parent.parent),
        "INSTALL_SYSTEM": False,
        "INSTALL_PYTHON": False,
        "REQUIRE_CUDA": False,
    }


def everything_in(base: Path) -> dict[str, int]:
    """File -> time, of all that a second run must leave alone."""
    paths = [path for path in sorted(base.rglob("*")) if not path.is_dir() and ".git" not in path.parts]
    return {str(p.relative_to(base)): p.lstat().st_mtime_ns for p in paths if ".soundwright" not in p.parts}


@pytest.mark.timeout(240)
def test_notebook_a_end_to_end_and_again(
    base: Path, parameters: dict[str, Any], environment: dict[str, str], tmp_path: Path
) -> None:
    web = tmp_path / "web"
    web.mkdir()
    bad = list(bad_tracks(SECONDS).values())
    contents = {track: music(track, SECONDS) for track in range(2, 2 + GOOD)} | dict(enumerate(bad, 500))
    make_archive(web / "fma_small.zip", contents)
    make_metadata(web / "fma_metadata.zip", contents)
    with serving(web) as server:
        parameters["FMA_SOURCE"] = f"{server.url}/fma_small.zip"
        text = execute(SETUP, tmp_path / "executed.ipynb", parameters, environment)
        asked, before = len(server.log), everything_in(base)
        again = execute(SETUP, tmp_path / "again.ipynb", parameters, environment)
        assert len(server.log) == asked, "nothing is fetched again"
    assert everything_in(base) == before, "nothing is made again"

    assert text.rstrip().endswith("ready to train: open 02_audiocraft_train_compression_debug.ipynb")
    assert "audiocraft OK" in text
    assert "cloned:" in text
    assert "kept:" in again
    assert pictures(tmp_path / "executed.ipynb") == 3
    assert f"{GOOD} tracks: 000002.mp3" in text
    with open(base / "data/fma_raw/excluded.csv", encoding="utf-8", newline="") as file:
        excluded = [row["track_id"] for row in csv.DictReader(file)]
    assert len(excluded) >= 3, "bad tracks that were met are listed, and no failure"
    assert all(track.startswith("0005") for track in excluded)
    assert f"licenses.csv: {GOOD} rows" in text
    assert text.count("_000.wav: 1.000 s") + text.count("_001.wav: 1.000 s") == 5, "five segments by ffprobe"

    data = base / "data/fma_small_mini"
    tracks = {}
    for split, count in (("train", 10), ("valid", 2)):
        manifest = [json.loads(line) for line in (data / f"manifests/{split}.jsonl").read_text().splitlines()]
        listed = [json.loads(line) for line in (data / f"egs/{split}/data.jsonl").read_text().splitlines()]
        assert len(manifest) == len(listed) == count
        assert all(list(line) == ["path"] and Path(line["path"]).parent == data / "segments_1s" for line in manifest)
        for line in listed:
            assert list(line) == ["path", "duration", "sample_rate", "channels"]
            assert (line["duration"], line["sample_rate"], line["channels"]) == (1.0, 32000, 1)
            assert Path(line["path"]).is_symlink()
        tracks[split] = {Path(line["path"]).name.partition("_")[0] for line in listed}
    assert not tracks["train"] & tracks["valid"], "no track is on both sides"
    dset = (base / "audiocraft/config/dset/audio/fma_small_mini.yaml").read_text()
    assert dset == dset_text(32000, 1, data / "egs/train", data / "egs/valid")


def test_the_dset_is_the_documents() -> None:
    document = (Path(__file__).parents[1] / "documents/000.md").read_text(encoding="utf-8")
    wanted = document.partition("Content (exact):\n```yaml\n")[2].partition("```")[0]
    data = Path("/workspace/data/fma_small_mini")
    assert dset_text(32000, 1, data / "egs/train", data / "egs/valid") == wanted


@pytest.mark.parametrize(
    ("change", "switches", "message"),
    [
        ({"REQUIRE_CUDA": True}, {}, "PyTorch sees no GPU here"),
        ({}, {"audiocraft": {"version": "", "file": None}}, "AudioCraft cannot train yet"),
        ({"CHANNELS": 2}, {}, "CHANNELS: the segments are mono"),
    ],
    ids=["no GPU", "an empty package", "stereo"],
)
def test_notebook_a_stops_where_it_cannot_go_on(
    parameters: dict[str, Any],
    environment: dict[str, str],
    played: Played,
    tmp_path: Path,
    change: dict[str, Any],
    switches: dict[str, Any],
    message: str,
) -> None:
    played.switch(**switches)
    with pytest.raises(NotebookFailed, match=message):
        execute(SETUP, tmp_path / "executed.ipynb", {**parameters, **change}, environment)
    assert "ready to train" not in printed(tmp_path / "executed.ipynb")
