"""Weights as a plain `.npz`: one array per parameter and `config`, a JSON text; no pickle, no torch needed to look.

with np.load("audio_model.npz") as file:
    config = json.loads(str(file["config"]))
"""

from __future__ import annotations

import io
import json
import math
import tokenize  # numpy's reader of headers raises its error
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.lossless.lm.heads import HEADS
from soundwright.lossless.lm.model import ModelConfig, SampleModel
from soundwright.lossless.lm.settings import Channels
from soundwright.runs import atomic

_FORMAT = "soundwright-lm-1"
_LONGEST = 1 << 20  # samples that a model may see at once
_MOST_POSITIONS = 1 << 26  # numbers of the table of positions


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
        arrays = _arrays(path)
        config = json.loads(str(arrays.pop("config")))
        if config["format"] != _FORMAT:
            raise ValueError(f"its format is {config['format']!r}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError, SyntaxError,
            NotImplementedError, tokenize.TokenError, zipfile.BadZipFile) as error:  # fmt: skip
        what = "does not exist" if not path.exists() else f"is no weights file of `soundwright lm train` ({error})"
        raise BadInput(what, path=path, remedy="give the .npz file that the training wrote") from error
    return config, arrays


def _arrays(path: Path) -> dict[str, Any]:
    """All arrays of a file, each of which is as large as the file says, and no larger.

    Raises:
        ValueError: a member is compressed, encrypted, no array, or declares more than it holds.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            # Stored only: then nothing in memory is larger than what is on the disk.
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                raise ValueError(f"{member.filename} is compressed or encrypted")
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                if version != (1, 0):
                    raise ValueError(f"{member.filename} has version {version}")
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
                size = math.prod(shape) * dtype.itemsize
                if dtype.hasobject or fortran or size > member.file_size or file.tell() + size != member.file_size:
                    raise ValueError(f"{member.filename} declares {dtype} {shape}, and holds {member.file_size} bytes")
                data = np.frombuffer(file.read(), dtype)
            arrays[member.filename.removesuffix(".npy")] = data.reshape(shape).copy()  # writable
    return arrays


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
        _check_config(config, len(arrays))
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


def _check_config(config: ModelConfig, num_arrays: int) -> None:
    """Refuses what no training writes, before anything is as large as it says.

    Raises:
        ValueError: a value out of its range.
    """
    counts = {
        name: getattr(config, name)
        for name in ("sequence_length", "embedding_dim", "num_heads", "widening_factor", "stereo_blocking_n")
    }
    for name, value in counts.items():
        if type(value) is not int or value < 1:
            raise ValueError(f"{name} is {value!r}")
    if config.head not in HEADS or config.sample_bits not in (8, 16) or config.channels not in get_args(Channels):
        raise ValueError(f"{config.head!r}, {config.sample_bits!r} bits, {config.channels!r}")
    if type(config.num_layers) is not int or not 0 <= config.num_layers <= num_arrays:
        raise ValueError(f"num_layers is {config.num_layers!r}")
    if config.sequence_length > min(_LONGEST, _MOST_POSITIONS // config.embedding_dim):
        raise ValueError(f"sequence_length is {config.sequence_length}")
