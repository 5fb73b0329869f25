"""Between the network that is trained and the file of its weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save

from soundwright.codec.contract import CodecInfo
from soundwright.codec.pocket.layers import Array
from soundwright.codec.pocket.streaming import PocketCodec
from soundwright.codec.pocket.training.network import Pocket
from soundwright.codec.pocket.weights import read_weights

#: What inference does not need.
_TRAINING_ONLY = ("quantizer.counts", "quantizer.sums", "quantizer.updates")


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


def read_network(path: Path) -> Pocket:
    """The network of a file of weights, in float32, for more training.

    Raises:
        BadInput: see `read_weights`.
    """
    config, tensors = read_weights(path)
    model = Pocket(config)
    model.load_state_dict({name: torch.from_numpy(tensor).float() for name, tensor in tensors.items()}, strict=False)
    model.quantizer.updates.fill_(1)
    return model.eval()


def codec_of(model: Pocket, info: CodecInfo) -> PocketCodec:
    """A network as the codec that it is, at the precision of training."""
    tensors: dict[str, Array] = {
        name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items() if name not in _TRAINING_ONLY
    }
    return PocketCodec(model.config, tensors, info)
