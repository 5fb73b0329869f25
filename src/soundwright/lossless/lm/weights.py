"""Weights as a plain `.npz`: one array per parameter and `config`, a JSON text; no pickle, no torch needed to look.

with np.load("audio_model.npz") as file:
    config = json.loads(str(file["config"]))
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.lossless.lm.heads import HEADS
from soundwright.lossless.lm.model import ModelConfig, SampleModel
from soundwright.runs import atomic

_FORMAT = "soundwright-lm-1"
_LONGEST = 1 << 24  # samples that a model may see at once


def parameters(model: SampleModel) -> dict[str, NDArray[np.float32]]:
    """The weights as numpy arrays by name."""
    return {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}


def save_model(path: Path, config: ModelConfig, params: dict[str, NDArray[np.float32]], facts: dict[str, Any]) -> None:
    """Writes weights atomically; `facts` (how they were trained) stand in the config beside the model's own."""
    text = json.dumps({"format": _FORMAT, "model": asdict(config), **facts}, allow_nan=False)
    content = io.BytesIO()
    arrays: dict[str, Any] = {**params, "config": np.array(text)}
    np.savez(content, **arrays)
    atomic.write_bytes(path, content.getvalue())


def read_weights(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """The config and the arrays of a weights file.

    Raises:
        BadInput: the file is missing, or is none of ours.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        config = json.loads(str(arrays.pop("config")))
        if config["format"] != _FORMAT:
            raise ValueError(f"its format is {config['format']!r}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        what = "does not exist" if not path.exists() else f"is no weights file of `soundwright lm train` ({error})"
        raise BadInput(what, path=path, remedy="give the .npz file that the training wrote") from error
    return config, arrays


def load_model(path: str | Path) -> tuple[ModelConfig, SampleModel]:
    """A trained model, ready to use on the CPU, and its config.

    Raises:
        BadInput: the file is missing, is no weights file, or its arrays are not those that its config asks for.
    """
    path = Path(path)
    read, arrays = read_weights(path)
    known = {field.name for field in fields(ModelConfig)}
    try:
        config = ModelConfig(**{name: value for name, value in read["model"].items() if name in known})
        sane = (
            config.head in HEADS
            and config.sample_bits in (8, 16)
            and 0 < config.sequence_length <= _LONGEST
            and 0 <= config.num_layers <= len(arrays)
        )
        if not sane:
            raise ValueError("a value out of its range")
        with torch.device("meta"):
            asked = {name: tuple(value.shape) for name, value in SampleModel(config).state_dict().items()}
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, ZeroDivisionError) as error:
        raise BadInput(f"holds the config of no model that can be built ({error})", path=path) from error
    found = {name: value.shape for name, value in arrays.items()}
    if asked != found:
        wrong = sorted(name for name in asked.keys() | found.keys() if asked.get(name) != found.get(name))
        raise BadInput(f"holds other arrays than its config asks for: {', '.join(wrong[:3])}", path=path)
    model = SampleModel(config)
    model.load_state_dict({name: torch.from_numpy(np.array(value, np.float32)) for name, value in arrays.items()})
    return config, model.eval()
