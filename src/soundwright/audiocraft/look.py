"""What AudioCraft's interpreter can import, what a stand-in must replace there, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from soundwright.audiocraft.installation import Installation
from soundwright.core.errors import UsageError

#: Modules whose place a stand-in may take.
_STAND_INS = {"xformers.ops": "xformers", "spacy": "spacy", "pesq": "pesq"}


@dataclass(frozen=True)
class Look:
    """What AudioCraft's interpreter can import.

    Attributes:
        python: its version.
        versions: of the modules that load.
        errors: kind and text of the error, of those that do not.
        cuda: name of the GPU on which a kernel ran, or nothing.
        no_cuda: why there is none.
    """

    python: str
    versions: dict[str, str]
    errors: dict[str, tuple[str, str]]
    cuda: str
    no_cuda: str

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """The packages that a stand-in replaces, since the real ones are absent or do not load."""
        names = [folder for module, folder in _STAND_INS.items() if module in self.errors]
        kind, text = self.errors.get("torchaudio", ("", ""))
        # Installed, and its native extension does not load: it wants libraries of CUDA, or another PyTorch.
        if kind == "OSError" and ("load" in text or ".so" in text):
            names.append("torchaudio")
        return tuple(names)

    @property
    def missing(self) -> dict[str, tuple[str, str]]:
        """What does not load and has no stand-in."""
        replaced = {module for module, folder in _STAND_INS.items() if folder in self.stand_ins} | set(self.stand_ins)
        return {name: error for name, error in self.errors.items() if name not in replaced}


def look_at_modules(installation: Installation) -> Look:
    """Imports, in AudioCraft's interpreter, everything that training a codec needs, but not AudioCraft itself.

    Raises:
        ProcessFailed: the interpreter itself does not work.
    """
    answer = installation.ask("look.py")
    modules, cuda = answer["modules"], answer["cuda"]
    return Look(
        answer["python"],
        {name: said["version"] for name, said in modules.items() if "version" in said},
        {name: (said["kind"], said["error"]) for name, said in modules.items() if "error" in said},
        cuda.get("device", ""),
        cuda.get("error", ""),
    )


def look_at_audiocraft(installation: Installation, found: Look) -> tuple[bool, str]:
    """Imports AudioCraft with the stand-ins that it needs there; whether that gave the checkout's, and what was found.

    That `import audiocraft` raises nothing proves nothing: in the parent folder of a checkout it finds an empty
    namespace package. A real one has a file, and a version.
    """
    said = installation.ask("look.py", "--audiocraft", stand_ins=found.stand_ins)["audiocraft"]
    if "error" in said:
        return False, f"does not load: {said['kind']}: {said['error']}"
    if not said["file"]:
        return False, "is an empty namespace package: a folder named audiocraft, not the package in it"
    if not said["version"]:
        return False, f"states no version: {said['file']}"
    if not Path(said["file"]).resolve().is_relative_to(installation.repo):
        return False, f"is another one: {said['file']} {said['version']}"
    return True, f"{said['version']} in {said['file']}"


def require_whole(found: Look, installation: Installation) -> None:
    """Refuses an environment that lacks something.

    Raises:
        UsageError: it does.
    """
    if found.missing:
        what = "; ".join(f"{name}: {text}" for name, (_, text) in found.missing.items())
        raise UsageError(
            f"AudioCraft's environment lacks {what}",
            path=installation.python,
            remedy="run notebooks/01_fma_small_mini_setup.ipynb, or: soundwright audiocraft requirements REPO",
        )
