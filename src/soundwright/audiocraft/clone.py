"""soundwright audiocraft clone: a whole checkout of the right origin is kept, anything else makes room for a new."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import SoundwrightError, UsageError, show_path


@dataclass(frozen=True)
class Clone:
    """What was done.

    Attributes:
        repo: the checkout.
        kept: it was whole and of the right origin.
        reason: why it was not kept; empty where there was none.
        set_aside: where what stood there is now, unless it was empty.
    """

    repo: Path
    kept: bool
    reason: str = ""
    set_aside: Path | None = None
    exit_code: int = 0

    def lines(self) -> Iterator[str]:
        """A line for each thing that was done."""
        if self.kept:
            yield f"kept: {show_path(self.repo)} is a whole checkout"
            return
        if self.set_aside:
            yield f"set aside: {show_path(self.repo)} {self.reason}; it is now {show_path(self.set_aside)}"
        yield f"cloned: {show_path(self.repo)}"


def clone(url: str, repo: Path) -> Clone:
    """Clones AudioCraft, unless a whole checkout of the same origin is there already.

    What else stands in the folder is moved aside, never deleted: its new name is told. In a checkout that is kept,
    changes are kept too.

    Args:
        url: Where to clone from: an address, or the folder of another checkout.
        repo: The folder of the checkout.

    Raises:
        UsageError: git is not installed.
        SoundwrightError: the clone did not succeed.
    """
    reason = _fault(url, repo)
    if reason is None:
        return Clone(repo, kept=True)
    aside = None
    if repo.is_symlink() or (repo.exists() and (not repo.is_dir() or any(repo.iterdir()))):
        aside = _free_name(repo)
        repo.rename(aside)
    repo.parent.mkdir(parents=True, exist_ok=True)
    done = _git("clone", "--quiet", url, str(repo))
    if done.returncode:
        raise SoundwrightError(f"{url} cannot be cloned: {_said(done)}", remedy="check the address and the network")
    return Clone(repo, kept=False, reason=reason, set_aside=aside)


def _fault(url: str, repo: Path) -> str | None:
    """Why what stands in the folder will not do; nothing where it will."""
    if not repo.exists():
        return "is a link that leads nowhere" if repo.is_symlink() else ""
    if not (repo / ".git").exists():
        return "is no git checkout"
    asked = _git("-C", str(repo), "config", "--get", "remote.origin.url")
    if asked.returncode > 1:  # 1: it has no such origin
        raise SoundwrightError(f"git refuses it: {_said(asked)}", path=repo, remedy="see what git asks for")
    origin = asked.stdout.strip()
    if _address(origin) != _address(url):
        return f"is a checkout of {origin or 'no origin'}"
    if _git("-C", str(repo), "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        return "is half a clone"
    # Against the commit, not the index: git writes that last, and a clone that was stopped has none.
    missing = _git("-C", str(repo), "diff", "--name-only", "--diff-filter=D", "HEAD").stdout.split("\n")
    if missing[0]:
        return f"lacks files, e.g. {missing[0]}"
    return None


def _address(url: str) -> str:
    """An address in one spelling: of a folder its full path, and without what makes no difference."""
    if url and Path(url).exists():
        return str(Path(url).resolve())
    return url.rstrip("/").removesuffix(".git")


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join(done.stderr.split()) or f"it ended with code {done.returncode}"


def _free_name(repo: Path) -> Path:
    number = 1
    while (aside := repo.with_name(f"{repo.name}.aside-{number}")).exists():
        number += 1
    return aside


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", *arguments],
            # A wrong address must fail, not wait for a name and a password.
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed", remedy="install it with the system's package manager") from error
