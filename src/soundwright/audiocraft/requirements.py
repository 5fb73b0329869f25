"""What to install for AudioCraft today: its own requirements, with the pins loosened that no longer resolve.

AudioCraft pins the packages of early 2024. Some of those cannot be installed any more with a Python and a PyTorch of
today, some are needed on other paths than the training of a codec. Which, and why, is the table below: everything else
is passed on as the checkout has it, so that a newer checkout may ask for more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import UsageError

#: package -> (what to ask for instead; nothing to leave it out, why)
CHANGES: dict[str, tuple[str, str]] = {
    "torch": ("", "installed before, for the machine's GPU"),
    "torchvision": ("", "not imported when a codec is trained"),
    "torchaudio": ("", "installed before, beside PyTorch"),
    "torchtext": ("", "not imported when a codec is trained; given up by its makers"),
    "xformers": ("", "only imported, not used; a stand-in takes its place where it is absent"),
    "spacy": ("", "only imported, not used; a stand-in takes its place where it is absent"),
    "pesq": ("", "only imported, not used; a stand-in takes its place where it is absent"),
    "pystoi": ("", "not imported when a codec is trained"),
    "demucs": ("", "not imported when a codec is trained"),
    "gradio": ("", "not imported when a codec is trained"),
    "encodec": ("", "not imported when a codec is trained"),
    "av": ("av>=12.3,<19", "11.0.0 has no wheel for every Python; these read the same samples"),
    "numpy": ("numpy", "the pin below 2 is not needed on this path"),
    "hydra-core": ("hydra-core>=1.3,<1.4", "1.4 drops what dora relies on"),
    "transformers": ("transformers>=4.31,<5", "5 removed what AudioCraft imports"),
}

#: What AudioCraft imports without asking for it, or asks for only in some of its versions.
ADDITIONS = {
    "dora-search": "what `python -m dora` is",
    "soundfile": "reads and writes audio",
    "torchdiffeq": "imported by its solvers",
}


@dataclass(frozen=True)
class Requirements:
    """Lines for a requirements file, with comments that say what was changed; `exit_code` is 0."""

    text: tuple[str, ...]
    exit_code: int = 0

    def lines(self) -> Iterator[str]:
        """The lines."""
        yield from self.text


def requirements(repo: Path) -> Requirements:
    """Prints what to install for AudioCraft today, made from the requirements of its checkout.

    PyTorch and torchaudio are left out: install them before, as the machine's GPU needs. Install these with
    `pip install --no-build-isolation -r FILE`, after `setuptools<81` and `wheel`, since dora and flashy are built from
    source and want what is there.

    Args:
        repo: AudioCraft's checkout.

    Raises:
        UsageError: the folder has no requirements.txt.
    """
    path = repo / "requirements.txt"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", path=path, remedy="clone AudioCraft, and give its folder"
        ) from error
    # As pip has it: a # within a word begins no comment, but the fragment of an address.
    asked = [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()) if line]
    return Requirements(tuple(_changed(asked)))


def _changed(asked: list[str]) -> Iterator[str]:
    names = set()
    for line in asked:
        name = _name(line)
        names.add(name)
        instead, reason = CHANGES.get(name, (line, ""))
        if not instead:
            yield f"# {line}: left out: {reason}"
        elif instead == line:
            yield line
        else:
            marker = "".join(line.partition(";")[1:])  # for which systems it is asked for
            yield f"{instead}{marker}  # instead of {line}: {reason}"
    for name, reason in ADDITIONS.items():
        if name not in names:
            yield f"{name}  # {reason}"


def _name(requirement: str) -> str:
    """The package of a requirement, in the spelling that indexes use."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]).lower()
