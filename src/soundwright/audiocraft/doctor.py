"""soundwright audiocraft doctor: whether AudioCraft can train here, and the line that mends what is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soundwright.audiocraft.failures import ProcessFailed
from soundwright.audiocraft.installation import Installation
from soundwright.audiocraft.look import Look, look_at_audiocraft, look_at_modules
from soundwright.audiocraft.signature import check_experiments
from soundwright.core.errors import UsageError, show_path

GPU = "GPU"
_SETUP = "run notebooks/01_fma_small_mini_setup.ipynb"


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis.

    Attributes:
        kind: `ok`, `note` (works, and should be known) or `missing`.
        text: what was found.
    """

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind:<8} {self.text}"


@dataclass(frozen=True)
class Diagnosis:
    """What was found; `exit_code` is 1 where something is missing."""

    findings: tuple[Finding, ...]

    @property
    def has_gpu(self) -> bool:
        """Whether a kernel ran on a GPU."""
        return any(finding.kind == "ok" and finding.text.startswith(GPU) for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 where AudioCraft can train."""
        return int(any(finding.kind == "missing" for finding in self.findings))

    def lines(self) -> Iterator[str]:
        """The findings."""
        yield from map(str, self.findings)


def doctor(
    *,
    repo: Path | None = None,
    python: Path | None = None,
    dset: str | None = None,
    experiments: Path | None = None,
    require_cuda: bool = False,
) -> Diagnosis:
    """Tells whether AudioCraft can train here, what is missing, and how to mend it.

    Args:
        repo: AudioCraft's checkout. Default: the variable AUDIOCRAFT_REPO_DIR.
        python: The interpreter of AudioCraft's environment. Default: that of AUDIOCRAFT_VENV.
        dset: A dataset configuration that is to be there, e.g. audio/fma_small_mini.
        experiments: A folder in which experiments are to be made.
        require_cuda: A machine without a usable GPU lacks something.
    """
    return Diagnosis((*_tools(), *_experiments(experiments), *diagnose(repo, python, dset, require_cuda)))


def diagnose(
    repo: Path | None = None, python: Path | None = None, dset: str | None = None, require_cuda: bool = False
) -> Iterator[Finding]:
    """Yields what `doctor` finds of AudioCraft itself."""
    try:
        installation = Installation.locate(repo, python)
    except UsageError as error:
        yield Finding("missing", f"AudioCraft: {error}")
        return
    yield from _checkout(installation.repo, installation.lacks(), dset)
    try:
        found = look_at_modules(installation)
        yield from _modules(found, require_cuda)
        if not found.missing:
            whole, text = look_at_audiocraft(installation, found)
            remedy = "" if whole else f" -> give --repo, or {_SETUP}"
            yield Finding("ok" if whole else "missing", f"import audiocraft: {text}{remedy}")
    except (ProcessFailed, UsageError) as error:
        yield Finding("missing", f"AudioCraft's environment: {error}")
    if not os.environ.get("USER"):
        yield Finding("note", "the variable USER is not set: soundwright audiocraft run sets it, plain dora stops")


def _tools() -> Iterator[Finding]:
    for tool, purpose in (("ffmpeg", ""), ("git", "the notebook clones with it"), ("ffprobe", "the notebook's check")):
        if shutil.which(tool):
            yield Finding("ok", tool)
        else:
            found = f"{tool}: not found, {purpose}" if purpose else f"{tool}: not found"
            text = f"{found} -> install it with the system's package manager"
            yield Finding("note" if purpose else "missing", text)


def _experiments(experiments: Path | None) -> Iterator[Finding]:
    if experiments is not None:
        try:
            check_experiments(experiments)
        except UsageError as error:
            yield Finding("missing", f"a folder for experiments: {error}")


def _checkout(repo: Path, lacking: list[str], dset: str | None) -> Iterator[Finding]:
    if lacking:
        yield Finding(
            "missing",
            f"{show_path(repo)} is no checkout of AudioCraft, it lacks {', '.join(lacking)} "
            f"-> clone it (what pip installs has no config/), or {_SETUP}",
        )
    else:
        yield Finding("ok", f"checkout {show_path(repo)}")
    if dset is not None:
        path = repo / "config/dset" / f"{dset}.yaml"
        if path.exists():
            yield Finding("ok", f"dset {show_path(path)}")
        else:
            yield Finding(
                "missing", f"{show_path(path)} -> soundwright audiocraft export DATA --repo {show_path(repo)}"
            )


def _modules(found: Look, require_cuda: bool) -> Iterator[Finding]:
    versions = ", ".join(f"{name} {version}".strip() for name, version in found.versions.items())
    yield Finding("ok", f"Python {found.python}: {versions}")
    for name, (kind, text) in found.missing.items():
        yield Finding("missing", f"{name}: {kind}: {text} -> {_SETUP}, or soundwright audiocraft requirements REPO")
    for name, (kind, text) in found.errors.items():
        if name not in found.missing:
            yield Finding("note", f"{name}: a stand-in takes its place ({kind}: {text})")
    if found.cuda:
        yield Finding("ok", f"{GPU} {found.cuda}")
    elif require_cuda:
        yield Finding("missing", f"GPU: {found.no_cuda} -> a PyTorch for this GPU, its driver, or device=cpu")
    else:
        yield Finding("note", f"no GPU: {found.no_cuda} -> train with device=cpu")
