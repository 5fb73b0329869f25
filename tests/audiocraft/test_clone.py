"""A whole checkout of the right origin is kept; a broken or foreign one makes room, and nothing of it is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from soundwright.audiocraft.clone import clone
from soundwright.core.errors import SoundwrightError


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def origin(tmp_path: Path) -> str:
    folder = tmp_path / "origin"
    (folder / "config").mkdir(parents=True)
    (folder / "config/config.yaml").write_text("device: cuda\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "one")
    return str(folder)


def test_clones_and_keeps(origin: str, tmp_path: Path) -> None:
    repo = tmp_path / "workspace/audiocraft"
    assert not clone(origin, repo).kept
    (repo / "config/mine.yaml").write_text("mine")
    (repo / "config/config.yaml").write_text("device: cpu\n")
    assert clone(origin, repo).kept
    assert (repo / "config/mine.yaml").exists()
    assert (repo / "config/config.yaml").read_text() == "device: cpu\n", "changes are kept"


def test_a_broken_checkout_is_cloned_anew_and_set_aside(origin: str, tmp_path: Path) -> None:
    repo = tmp_path / "audiocraft"
    clone(origin, repo)
    (repo / "notes.txt").write_text("mine")
    (repo / "config/config.yaml").unlink()
    done = clone(origin, repo)
    assert (done.kept, done.reason) == (False, "lacks files, e.g. config/config.yaml")
    assert (repo / "config/config.yaml").exists()
    assert done.set_aside is not None
    assert (done.set_aside / "notes.txt").read_text() == "mine"
    assert "set aside" in next(done.lines())


def test_half_a_clone_a_foreign_one_and_a_plain_folder(origin: str, tmp_path: Path) -> None:
    repo = tmp_path / "audiocraft"
    repo.mkdir()
    git(repo, "init", "--quiet")
    assert clone(origin, repo).reason == "is a checkout of no origin"
    git(repo, "remote", "set-url", "origin", "elsewhere")
    assert clone(origin, repo).reason == "is a checkout of elsewhere"
    git(repo, "update-ref", "-d", "HEAD")
    assert clone(origin, repo).reason == "is half a clone"
    plain = tmp_path / "plain"
    plain.mkdir()
    assert clone(origin, plain).set_aside is None, "an empty folder is nothing to set aside"
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("mine")
    assert clone(origin, tmp_path / "full").reason == "is no git checkout"
    assert sorted(path.name for path in tmp_path.glob("*.aside-*")) == [
        "audiocraft.aside-1",
        "audiocraft.aside-2",
        "audiocraft.aside-3",
        "full.aside-1",
    ]


def test_a_clone_that_was_stopped_while_files_were_written_is_not_whole(origin: str, tmp_path: Path) -> None:
    """Git writes its index last: a clone killed before that has a commit, some files, and seems to lack nothing."""
    repo = tmp_path / "audiocraft"
    git(tmp_path, "clone", "--quiet", "--no-checkout", origin, str(repo))
    assert clone(origin, repo).reason == "lacks files, e.g. config/config.yaml"
    assert (repo / "config/config.yaml").exists()


def test_one_origin_in_other_spellings_is_the_same(
    origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not clone("origin", Path("repo")).kept
    for spelling in ("origin", "./origin/", origin):
        assert clone(spelling, Path("repo")).kept
    git(tmp_path / "repo", "remote", "set-url", "origin", "https://example.org/a/audiocraft")
    assert clone("https://example.org/a/audiocraft.git", Path("repo")).kept


def test_a_link_that_leads_nowhere_is_set_aside(origin: str, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.symlink_to(tmp_path / "gone")
    assert clone(origin, repo).reason == "is a link that leads nowhere"
    assert (tmp_path / "repo.aside-1").is_symlink()


def test_an_address_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(SoundwrightError, match="nowhere cannot be cloned: .* -> check the address"):
        clone(str(tmp_path / "nowhere"), tmp_path / "repo")
