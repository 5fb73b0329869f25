"""Reads a mixer's folder: everything that is not a base model from elsewhere. What may compute it is no matter here.

    mixer.json               settings, thresholds, facts about the training, digests of the tensors
    weights.safetensors      fusion, heads, pieces; own text encoder and decoder
    familiarity.safetensors  what stems sounded like in training
    vocabulary.json          pieces of an own text encoder
    adapter/                 LoRA, as peft writes it

    small.safetensors        of shipped mixers, the small network that it is compared with

`mixer.json` is written last; a folder whose files are others than it says is half replaced, and refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.mixing.familiarity import Familiarity
from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
from soundwright.mixing.model.settings import OWN, MixerSettings
from soundwright.mixing.model.wordpiece import WordPiece

#: Name -> folder of what is shipped.
SHIPPED = {"tiny": Path(__file__).parents[1] / "pretrained" / "tiny"}
SCHEMA = 2
_FILES = ("mixer.json", "weights.safetensors", "familiarity.safetensors")


@dataclass(frozen=True)
class Pretrained:
    """A mixer's folder as it was read.

    Attributes:
        folder: that holds it.
        settings: its shape and thresholds.
        facts: what `mixer.json` says.
        weights: the content of `weights.safetensors`, of which the digest is right.
        familiarity: with what it was trained on.
        tokenizer: of an own text encoder; None where it is another's.
        adapter: the folder of LoRA, if it has any.
    """

    folder: Path
    settings: MixerSettings
    facts: dict[str, Any]
    weights: bytes
    familiarity: Familiarity
    tokenizer: WordPiece | None
    adapter: Path | None

    def no_weights(self, error: Exception) -> BadInput:
        """What is told where the weights are not those of the settings."""
        path = self.folder / "weights.safetensors"
        return BadInput(f"are no weights of this mixer ({error})", path=path, remedy="copy or train it again")


def find_mixer(source: str | Path) -> Path:
    """The folder of a mixer by name or path.

    Raises:
        UsageError: there is none.
    """
    if str(source) in SHIPPED:
        return SHIPPED[str(source)]
    folder = Path(source)
    if not folder.is_dir():
        raise UsageError(
            f"there is no mixer {show_path(source)!r}", remedy=f"use {', '.join(SHIPPED)}, or a folder of mix train"
        )
    return folder


def read_pretrained(source: str | Path) -> Pretrained:
    """Reads a mixer.

    Args:
        source: `tiny`, or a folder that `mix train` wrote.

    Raises:
        UsageError: there is no such name or folder.
        BadInput: the folder lacks a file, or holds another model.
    """
    folder = find_mixer(source)
    _refuse_other_schemas(folder)
    for name in _FILES:
        if not (folder / name).exists():
            raise BadInput(f"holds no {name}", path=folder, remedy="give a folder that mix train wrote, or tiny")
    try:
        facts = json.loads((folder / "mixer.json").read_text(encoding="utf-8"))
        settings = MixerSettings.model_validate(facts["settings"])
        known, others = facts["features"] == [STEM_FEATURES, MIX_FEATURES], dict(facts["files_sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        raise BadInput("is no mixer", path=folder / "mixer.json", remedy="train it again") from error
    if not known:
        raise BadInput("is a mixer that hears other features", path=folder, remedy="train it again")
    weights, familiar = (_content(folder, name, facts) for name in ("weights", "familiarity"))
    needed = ["vocabulary.json"] if settings.text_model == OWN else []
    if settings.lora is not None:
        needed += ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"]
    for name in sorted({*needed, *others}):
        if not (folder / name).exists():
            raise BadInput(f"holds no {name}", path=folder, remedy="copy or train it again")
        if digest(folder / name) != others.get(name):
            raise _no_pair(name, folder)
    adapter = folder / "adapter" if (folder / "adapter").is_dir() else None
    if adapter is not None and settings.lora is None:
        raise BadInput("holds an adapter, but its settings know none", path=folder, remedy="train it again")
    tokenizer = _tokenizer(folder / "vocabulary.json") if settings.text_model == OWN else None
    return Pretrained(folder, settings, facts, weights, _familiarity(familiar, facts, folder), tokenizer, adapter)


def digest(path: Path) -> str:
    """SHA-256 of a file, as `mixer.json` has it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _content(folder: Path, name: str, facts: dict[str, Any]) -> bytes:
    """The content of tensors that `mixer.json` knows."""
    content = (folder / f"{name}.safetensors").read_bytes()
    if hashlib.sha256(content).hexdigest() != facts.get(f"{name}_sha256"):
        raise _no_pair(f"{name}.safetensors", folder)
    return content


def _refuse_other_schemas(folder: Path) -> None:
    """Of another schema, files may be missing that are needed here; what is to be said is that it is another."""
    try:
        facts = json.loads((folder / "mixer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return  # told where the files are read
    schema = facts.get("schema_version") if isinstance(facts, dict) else None
    if schema is not None and schema != SCHEMA:
        raise BadInput(
            f"is a mixer of schema {show_path(str(schema))[:20]}, and this version reads schema {SCHEMA}",
            path=folder,
            remedy="train it again",
        )


def _no_pair(name: str, folder: Path) -> BadInput:
    return BadInput(f"mixer.json and {name} do not belong together", path=folder, remedy="copy or train it again")


def _tokenizer(path: Path) -> WordPiece:
    try:
        pieces = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(pieces, list):
            raise ValueError("it is no list")
        return WordPiece(pieces)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"is no vocabulary ({error})", path=path, remedy="copy or train it again") from error


def _familiarity(content: bytes, facts: dict[str, Any], folder: Path) -> Familiarity:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return Familiarity.from_tensors(facts["familiarity"], load(content))
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"does not say what is familiar ({error})", path=folder, remedy="train it again") from error
