"""A mixer's network as a folder, for training and for models of others: saved, and loaded into PyTorch.

`model.pretrained` says what stands in the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
from soundwright.mixing.model.mixer import Mixer
from soundwright.mixing.model.pretrained import SCHEMA, Pretrained, digest, read_pretrained
from soundwright.runs import atomic


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
    if mixer.text.wordpiece is not None:
        atomic.write_json(folder / "vocabulary.json", list(mixer.text.wordpiece.pieces))
        others.append("vocabulary.json")
    for name, more in beside.items():
        atomic.write_bytes(folder / name, more)
    atomic.write_json(
        folder / "mixer.json",
        {
            "schema_version": SCHEMA,
            # Without layers of LoRA there is no adapter to ask for.
            "settings": mixer.settings.model_dump() | ({} if mixer.decoder.adapted else {"lora": None}),
            "features": [STEM_FEATURES, MIX_FEATURES],
            "weights_sha256": hashlib.sha256(content).hexdigest(),
            "familiarity": mixer.familiarity.facts(),
            "familiarity_sha256": hashlib.sha256(familiar).hexdigest(),
            "files_sha256": {name: digest(folder / name) for name in others},
            **facts,
        },
    )
    return folder


def load_mixer(source: str | Path, dtype: torch.dtype = torch.float32) -> tuple[Mixer, dict[str, Any]]:
    """Loads a mixer's network, in eval mode, and what `mixer.json` says.

    Args:
        source: `tiny`, or a folder that `mix train` wrote.
        dtype: of a decoder from the hub.

    Raises:
        UsageError: there is no such name or folder.
        BadInput: the folder lacks a file, or holds another model.
    """
    pretrained = read_pretrained(source)
    return build_mixer(pretrained, dtype), pretrained.facts


def build_mixer(pretrained: Pretrained, dtype: torch.dtype = torch.float32) -> Mixer:
    """The network of a folder, in eval mode.

    Args:
        pretrained: the folder as it was read.
        dtype: of a decoder from the hub.

    Raises:
        BadInput: the weights are others than the settings ask for; a base model's folder is damaged.
        UsageError: a base model is not found.
    """
    mixer = Mixer(pretrained.settings, pretrained.tokenizer, dtype)
    _fill(mixer, pretrained)
    mixer.familiarity = pretrained.familiarity
    if pretrained.adapter is not None:
        assert pretrained.settings.lora is not None
        mixer.decoder.adapt(pretrained.settings.lora, pretrained.adapter)
    return mixer.eval()


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


def _fill(mixer: Mixer, pretrained: Pretrained) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = {n: t.float() if t.dtype == torch.float16 else t for n, t in load(pretrained.weights).items()}
        missing = set(own_tensors(mixer)) ^ set(tensors)
        if missing:
            raise KeyError(f"expected other tensors, e.g. {min(missing)}")
        mixer.load_full(tensors)
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise pretrained.no_weights(error) from error
