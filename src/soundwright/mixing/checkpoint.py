"""A mixer as a folder: everything that is not a base model from elsewhere.

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
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from pydantic import ValidationError

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.mixing.familiarity import Familiarity
from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
from soundwright.mixing.model.mixer import Mixer
from soundwright.mixing.model.settings import OWN, MixerSettings
from soundwright.mixing.model.text_encoder import own_pieces
from soundwright.runs import atomic

#: Name -> folder of what is shipped.
SHIPPED = {"tiny": Path(__file__).parent / "pretrained" / "tiny"}
_SCHEMA = 2
_FILES = ("mixer.json", "weights.safetensors", "familiarity.safetensors")


def save_mixer(
    mixer: Mixer,
    folder: Path,
    facts: dict[str, Any],
    *,
    half: bool = False,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> Path:
    """Writes a mixer.

    Args:
        mixer: whatever its mode.
        folder: made if missing; files of the same names are replaced.
        facts: about its training.
        half: float16, half the size; outputs differ a little.
        beside: more files, by name.
    """
    from safetensors.numpy import save as save_arrays
    from safetensors.torch import save

    dtype = torch.float16 if half else None
    tensors = {
        name: (tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name, tensor in own_tensors(mixer).items()
    }
    content, familiar = save(tensors), save_arrays(mixer.familiarity.tensors())
    folder.mkdir(parents=True, exist_ok=True)
    others = list(beside)
    if mixer.decoder.adapted:
        mixer.decoder.network.save_pretrained(str(folder / "adapter"), safe_serialization=True)
        (folder / "adapter" / "README.md").unlink(missing_ok=True)  # peft's empty model card
        others += [path.relative_to(folder).as_posix() for path in sorted((folder / "adapter").iterdir())]
    atomic.write_bytes(folder / "weights.safetensors", content)
    atomic.write_bytes(folder / "familiarity.safetensors", familiar)
    if mixer.settings.text_model == OWN:
        atomic.write_json(folder / "vocabulary.json", own_pieces(mixer.text.tokenizer))
        others.append("vocabulary.json")
    for name, more in beside.items():
        atomic.write_bytes(folder / name, more)
    atomic.write_json(
        folder / "mixer.json",
        {
            "schema_version": _SCHEMA,
            # Without layers of LoRA there is no adapter to ask for.
            "settings": mixer.settings.model_dump() | ({} if mixer.decoder.adapted else {"lora": None}),
            "features": [STEM_FEATURES, MIX_FEATURES],
            "weights_sha256": hashlib.sha256(content).hexdigest(),
            "familiarity": mixer.familiarity.facts(),
            "familiarity_sha256": hashlib.sha256(familiar).hexdigest(),
            "files_sha256": {name: _digest(folder / name) for name in others},
            **facts,
        },
    )
    return folder


def load_mixer(source: str | Path, dtype: torch.dtype = torch.float32) -> tuple[Mixer, dict[str, Any]]:
    """Loads a mixer, in eval mode, and what `mixer.json` says.

    Args:
        source: `tiny`, or a folder that `mix train` wrote.
        dtype: of a decoder from the hub.

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
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise BadInput("is no mixer", path=folder / "mixer.json", remedy="train it again") from error
    if not known:
        raise BadInput("is a mixer that hears other features", path=folder, remedy="train it again")
    content, familiar = (_read(folder, name, facts) for name in ("weights", "familiarity"))
    needed = ["vocabulary.json"] if settings.text_model == OWN else []
    if settings.lora is not None:
        needed += ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"]
    for name in sorted({*needed, *others}):
        if not (folder / name).exists():
            raise BadInput(f"holds no {name}", path=folder, remedy="copy or train it again")
        if _digest(folder / name) != others.get(name):
            raise _no_pair(name, folder)
    mixer = Mixer(settings, folder, dtype)
    _fill(mixer, content, folder)
    mixer.familiarity = _familiarity(familiar, facts, folder)
    if (folder / "adapter").is_dir():
        if settings.lora is None:
            raise BadInput("holds an adapter, but its settings know none", path=folder, remedy="train it again")
        mixer.decoder.adapt(settings.lora, folder / "adapter")
    return mixer.eval(), facts


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


def own_tensors(mixer: Mixer) -> dict[str, torch.Tensor]:
    """What is the mixer's own: without base models, without LoRA."""
    tensors = {}
    for name, tensor in mixer.full_state().items():
        if mixer.is_base(name) or ".lora_" in name:
            continue
        # peft puts its layers around ours; on disk they have the names that they have without it.
        tensors[name.replace("decoder.network.base_model.model.", "decoder.network.").replace(".base_layer.", ".")] = (
            tensor
        )
    return tensors


def _read(folder: Path, name: str, facts: dict[str, Any]) -> bytes:
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
    if schema is not None and schema != _SCHEMA:
        raise BadInput(
            f"is a mixer of schema {show_path(str(schema))[:20]}, and this version reads schema {_SCHEMA}",
            path=folder,
            remedy="train it again",
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _no_pair(name: str, folder: Path) -> BadInput:
    return BadInput(f"mixer.json and {name} do not belong together", path=folder, remedy="copy or train it again")


def _familiarity(content: bytes, facts: dict[str, Any], folder: Path) -> Familiarity:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return Familiarity.from_tensors(facts["familiarity"], load(content))
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"does not say what is familiar ({error})", path=folder, remedy="train it again") from error


def _fill(mixer: Mixer, content: bytes, folder: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = {n: t.float() if t.dtype == torch.float16 else t for n, t in load(content).items()}
        missing = set(own_tensors(mixer)) ^ set(tensors)
        if missing:
            raise KeyError(f"expected other tensors, e.g. {min(missing)}")
        mixer.load_full(tensors)
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise BadInput(f"are no weights of this mixer ({error})", path=folder / "weights.safetensors") from error
