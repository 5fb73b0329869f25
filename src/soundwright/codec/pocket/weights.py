"""Weights of `pocket`: the released revisions, and folders that `codec train` writes.

A released revision never changes: its digest stands here and is checked at loading. A better one gets a new number.
Files are safetensors in float16 with the network's shape in the metadata.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from soundwright.codec.contract import CodecInfo
from soundwright.codec.pocket.model import HOP, SAMPLE_RATE, Pocket, PocketConfig
from soundwright.codec.pocket.streaming import PocketCodec
from soundwright.core.errors import BadInput, UsageError

#: Revision -> SHA-256 of `weights/pocket-<revision>.safetensors`.
RELEASED: dict[str, str] = {
    "1": "c0dbd0bef4aef9a8cca5f8a1f1c405633c6732425e85f3364e52ea949a4b21c4",
}
LATEST = "1"
LICENCE = "Apache-2.0"

_FOLDER = Path(__file__).parent / "weights"
_TRAINING_ONLY = ("quantizer.counts", "quantizer.sums", "quantizer.updates")


def load(revision: str | None = None) -> PocketCodec:
    """Loads released weights; the latest by default.

    Raises:
        UsageError: there is no such revision.
        BadInput: the file is damaged.
    """
    revision = LATEST if revision is None else revision
    if revision not in RELEASED:
        raise UsageError(f"codec pocket has no revision {revision!r}", remedy=f"use one of {', '.join(RELEASED)}")
    path = _FOLDER / f"pocket-{revision}.safetensors"
    if not path.exists():
        raise BadInput("the weights are not there", path=path, remedy="install soundwright again")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != RELEASED[revision]:
        raise BadInput(
            f"expected weights with SHA-256 {RELEASED[revision][:12]}, found {digest[:12]}",
            path=path,
            remedy="install soundwright again",
        )
    return _codec(path, revision, LICENCE)


def load_folder(folder: Path | str) -> PocketCodec:
    """Loads what `codec train --architecture pocket` wrote: `config.json` and `model.safetensors`.

    Raises:
        BadInput: the folder is none of that kind.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise BadInput(f"expected a codec folder with config.json ({error})", path=folder) from error
    if not isinstance(config, dict) or config.get("codec") != "pocket":
        raise BadInput('expected config.json with "codec": "pocket"', path=folder)
    path = folder / "model.safetensors"
    if not path.exists():
        raise BadInput("expected model.safetensors beside config.json", path=folder)
    return _codec(path, hashlib.sha256(path.read_bytes()).hexdigest()[:12], str(config.get("licence", "unknown")))


def pack_weights(model: Pocket, metadata: dict[str, str]) -> bytes:
    """A network as the bytes of a safetensors file: float16, without what only training needs."""
    tensors = {
        name: tensor.detach().to(torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        if name not in _TRAINING_ONLY
    }
    # One key only: safetensors writes several in random order, and the same network should give the same bytes.
    facts = {"codec": "pocket", "network": model.config.to_dict(), **metadata}
    return save(tensors, metadata={"soundwright": json.dumps(facts)})


def read_weights(path: Path) -> Pocket:
    """The reverse of `pack_weights`: a network in float32.

    Raises:
        BadInput: the file is none of that kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts: dict[str, Any] = json.loads((file.metadata() or {})["soundwright"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (no iterator)
        model = Pocket(PocketConfig.from_dict(facts["network"]))
        missing, unknown = model.load_state_dict(tensors, strict=False)
    except (SafetensorError, OSError, KeyError, TypeError, RuntimeError, json.JSONDecodeError) as error:
        raise BadInput(f"expected weights of the pocket codec ({error})", path=path) from error
    lost = sorted(set(missing) - set(_TRAINING_ONLY)) + unknown
    if lost:
        raise BadInput(f"expected other tensors: {', '.join(lost)}", path=path)
    model.quantizer.updates.fill_(1)
    return model.eval()


def _codec(path: Path, revision: str, licence: str) -> PocketCodec:
    model = read_weights(path)
    config = model.config
    info = CodecInfo(
        name="pocket",
        revision=revision,
        sample_rate=SAMPLE_RATE,
        hop=HOP,
        num_codebooks=config.num_codebooks,
        bits_per_code=(config.codebook_size - 1).bit_length(),
        licence=licence,
    )
    return PocketCodec(model, info)
