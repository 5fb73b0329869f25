"""Weights of `pocket`: the released revisions, and folders that `codec train` writes.

A released revision never changes: its digest stands here and is checked at loading. A better one gets a new number.
Files are safetensors in float16 with the network's shape in the metadata.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from soundwright.codec.contract import CodecInfo
from soundwright.codec.pocket.config import HOP, NUM_BINS, SAMPLE_RATE, PocketConfig
from soundwright.codec.pocket.layers import Array
from soundwright.codec.pocket.streaming import PocketCodec
from soundwright.core.errors import BadInput, UsageError

#: Revision -> SHA-256 of `weights/pocket-<revision>.safetensors`.
RELEASED: dict[str, str] = {
    "1": "c0dbd0bef4aef9a8cca5f8a1f1c405633c6732425e85f3364e52ea949a4b21c4",
}
LATEST = "1"
LICENCE = "Apache-2.0"

_AGAIN = "install soundwright again"
_OTHER = "give the folder that soundwright codec train wrote"


def load(revision: str | None = None) -> PocketCodec:
    """Loads released weights; the latest by default.

    Raises:
        UsageError: there is no such revision.
        BadInput: the file is damaged.
    """
    revision = LATEST if revision is None else revision
    if revision not in RELEASED:
        raise UsageError(f"codec pocket has no revision {revision!r}", remedy=f"use one of {', '.join(RELEASED)}")
    path = path_of(revision)
    digest = _digest(path, _AGAIN)
    if digest != RELEASED[revision]:
        raise BadInput(
            f"expected weights with SHA-256 {RELEASED[revision][:12]}, found {digest[:12]}", path=path, remedy=_AGAIN
        )
    return _codec(path, revision, LICENCE)


def path_of(revision: str) -> Path:
    """The file of a released revision."""
    return Path(__file__).parent / "weights" / f"pocket-{revision}.safetensors"


def load_folder(folder: Path | str) -> PocketCodec:
    """Loads what `codec train --architecture pocket` wrote: `config.json` and `model.safetensors`.

    Raises:
        BadInput: the folder is none of that kind.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"expected a codec folder with config.json ({error})", path=folder, remedy=_OTHER) from error
    if not isinstance(config, dict) or config.get("codec") != "pocket":
        raise BadInput('expected config.json with "codec": "pocket"', path=folder, remedy=_OTHER)
    path = folder / "model.safetensors"
    if not path.exists():
        raise BadInput("expected model.safetensors beside config.json", path=folder, remedy=_OTHER)
    return _codec(path, _digest(path, _OTHER)[:12], str(config.get("licence", "unknown")))


def read_weights(path: Path) -> tuple[PocketConfig, dict[str, Array]]:
    """The shape of a network, and its tensors by name, in the file's dtype.

    Raises:
        BadInput: the file is none of that kind, or holds other tensors than its shape asks for.
    """
    try:
        with safe_open(path, framework="np") as file:
            facts: dict[str, Any] = json.loads((file.metadata() or {})["soundwright"])
            config = PocketConfig.from_dict(facts["network"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no iterator)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError, BadInput) as error:
        found = error.message if isinstance(error, BadInput) else str(error)
        raise BadInput(f"expected weights of the pocket codec ({found})", path=path, remedy=_OTHER) from error
    expected = dict(shapes(config))
    if other := sorted(expected.keys() ^ tensors.keys()):
        raise BadInput(f"expected other tensors: {', '.join(other[:3])}", path=path, remedy=_OTHER)
    for name, shape in expected.items():
        tensor = tensors[name]
        if tensor.shape != shape or tensor.dtype.kind != "f":
            raise BadInput(
                f"expected numbers of shape {shape} as {name}, found {tensor.dtype} of shape {tensor.shape}",
                path=path,
                remedy=_OTHER,
            )
        if not np.isfinite(tensor).all():
            raise BadInput(f"{name} holds NaN or infinity", path=path, remedy=_OTHER)
    return config, tensors


def shapes(config: PocketConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor of a network."""
    dim, hidden, latent = config.dim, config.hidden, config.latent
    linear = {
        "encoder.enter": (dim, 2 * config.phase_bins + config.bands),
        "encoder.leave": (latent, dim),
        "decoder.enter": (dim, 2 * latent),
        "decoder.leave": (3 * NUM_BINS, dim),
        "decoder.gate": (config.gate_bands, dim),
    }
    for side, dilations in (("encoder", config.encoder_dilations), ("decoder", config.decoder_dilations)):
        for i in range(len(dilations)):
            block = f"{side}.blocks.{i}"
            yield f"{block}.mix", (config.kernel, dim)
            yield f"{block}.norm.weight", (dim,)
            linear[f"{block}.widen"] = (2 * hidden, dim)
            linear[f"{block}.narrow"] = (dim, hidden)
        yield f"{side}.norm.weight", (dim,)
    for name, (num_out, num_in) in linear.items():
        yield f"{name}.weight", (num_out, num_in)
        yield f"{name}.bias", (num_out,)
    if config.steady_passes == 2:
        yield "decoder.again_scale", (config.gate_bands,)
        yield "decoder.again_bias", (config.gate_bands,)
    yield "quantizer.codebooks", (config.num_codebooks, config.codebook_size, latent)


def codec_info(config: PocketConfig, revision: str, licence: str) -> CodecInfo:
    """The facts that token files of a network's codec carry."""
    return CodecInfo(
        name="pocket",
        revision=revision,
        sample_rate=SAMPLE_RATE,
        hop=HOP,
        num_codebooks=config.num_codebooks,
        bits_per_code=(config.codebook_size - 1).bit_length(),
        licence=licence,
    )


def _codec(path: Path, revision: str, licence: str) -> PocketCodec:
    config, tensors = read_weights(path)
    return PocketCodec(config, tensors, codec_info(config, revision, licence))


def _digest(path: Path, remedy: str) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadInput(f"the weights cannot be read: {error.strerror}", path=path, remedy=remedy) from error
