"""Loads a mixer to be asked: in NumPy where all its parts are our own, in PyTorch where one is of somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from soundwright.core.extras import needs_extra
from soundwright.mixing.inference.mixer import NumpyMixer
from soundwright.mixing.model.contract import MixerModel
from soundwright.mixing.model.pretrained import Pretrained, read_pretrained


def load_model(source: str | Path) -> tuple[MixerModel, dict[str, Any]]:
    """Loads a mixer, and what `mixer.json` says.

    Args:
        source: `tiny`, or a folder that `mix train` wrote.

    Raises:
        UsageError: there is no such name or folder.
        BadInput: the folder lacks a file, or holds another model.
        MissingExtra: it needs PyTorch, or another module, which is not installed.
    """
    pretrained = read_pretrained(source)
    if pretrained.settings.is_own():
        return _load_own(pretrained), pretrained.facts
    with needs_extra("torch", "a mixer with an adapter or with models of others"):
        from soundwright.mixing.checkpoint import build_mixer
        from soundwright.mixing.model.network_model import NetworkModel

        return NetworkModel(build_mixer(pretrained)), pretrained.facts


def _load_own(pretrained: Pretrained) -> NumpyMixer:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    assert pretrained.tokenizer is not None
    try:
        tensors = load(pretrained.weights)
        return NumpyMixer(pretrained.settings, tensors, pretrained.tokenizer, pretrained.familiarity)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise pretrained.no_weights(error) from error
