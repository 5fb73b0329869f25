"""soundwright doctor: what is installed here, what is missing, and the line that mends it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from soundwright.audiocraft.doctor import diagnose
from soundwright.core.plugins import CODECS, PRODUCERS, registered

#: extra -> (its packages, what it is for)
_EXTRAS = {
    "pack": (("pyarrow", "openpyxl"), "dataset build and read; spreadsheets"),
    "datasets": (("datasets",), "packs through the library datasets, which dataset build --verify then uses too"),
    "lossless": (("numba",), "compress and decompress"),
    "mix": (("scipy", "numba"), "mix fix, apply and evaluate"),
    "torch": (("torch", "transformers", "peft"), "training, and codecs and mixers of others: EnCodec, BERT, Mistral"),
    "music": (("scipy",), "music: loudness and limiting of tracks; it needs torch too"),
    "viz": (("matplotlib",), "pictures in reports"),
    "track": (("tensorboard", "wandb"), "training curves beyond the JSON log"),
}

#: system tool -> what uses it
_TOOLS = {
    "git": "cloning AudioCraft",
    "ffmpeg": "AudioCraft's samples; some tests and benchmarks",
    "ffprobe": "the check of segments in the notebook",
    "flac": "some tests",
    "opusenc": "the codec quality table",
    "sox": "benchmarks",
    "fluidsynth": "rendering what pocket and the mixer were trained on",
    "espeak-ng": "rendering the corpus on which pocket was trained",
}


@dataclass(frozen=True)
class Diagnosis:
    """Findings, one line each; `exit_code` is 0: what is optional may be missing."""

    findings: tuple[str, ...]
    exit_code: int = 0

    def lines(self) -> Iterator[str]:
        """The findings."""
        yield from self.findings


def doctor() -> Diagnosis:
    """Tells what is installed, what is missing, and how to get it."""
    findings = []
    for package in ("soundwright", "numpy", "soundfile", "soxr"):
        findings.append(f"ok       {package} {version(package)}")
    for extra, (packages, purpose) in _EXTRAS.items():
        missing = [package for package in packages if _version(package) is None]
        found = ", ".join(f"{package} {_version(package)}" for package in packages if package not in missing)
        if missing:
            remedy = f"pip install 'soundwright[{extra}]'"
            findings.append(f"missing  {', '.join(missing)} ({purpose}) -> {remedy}")
        if found:
            findings.append(f"ok       {found}")
    for tool, purpose in _TOOLS.items():
        if shutil.which(tool):
            findings.append(f"ok       {tool}")
        else:
            findings.append(f"missing  {tool} ({purpose}) -> install it with the system's package manager")
    for group in (CODECS, PRODUCERS):
        findings.append(f"ok       {group}: {', '.join(registered(group))}")
    if any(os.environ.get(name) for name in ("AUDIOCRAFT_REPO_DIR", "AUDIOCRAFT_VENV")):
        findings += map(str, diagnose())
    else:
        findings.append(
            "note     AudioCraft: not looked for -> notebooks/01_fma_small_mini_setup.ipynb installs it; afterwards "
            "AUDIOCRAFT_REPO_DIR and AUDIOCRAFT_VENV say where it is"
        )
    return Diagnosis(tuple(findings))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
