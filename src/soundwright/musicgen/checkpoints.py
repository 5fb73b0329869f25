"""Checkpoints of MusicGen (Copet et al. 2023, arXiv:2306.05284): names, folders, and whether what lies there is whole.

A checkpoint is a folder as `save_pretrained` of `transformers` writes it. It comes from the Hugging Face cache, from
the hub, or from anywhere on disk. Nothing here imports torch: a plan or an error message must not wait for it.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soundwright.core.errors import BadInput, UsageError
from soundwright.core.extras import needs_extra
from soundwright.musicgen.licence import licence_of
from soundwright.musicgen.model_shapes import ModelShape

META_LICENCE = "CC-BY-NC-4.0"
FOLDER_LICENCE = "as given by whoever made the folder"
HUB_LICENCE = "as given on the page of the hub repository"


@dataclass(frozen=True)
class Known:
    """What is known of one of Meta's checkpoints before it is downloaded."""

    hub_id: str
    duration_s: float  # the default: long stems of the small model, short transitions of the others (document 003)
    experimental: bool = False
    takes_melody: bool = False
    licence: str = META_LICENCE


NAMES: dict[str, Known] = {
    "small": Known("facebook/musicgen-small", 60.0),
    "medium": Known("facebook/musicgen-medium", 30.0),
    "large": Known("facebook/musicgen-large", 30.0, experimental=True),
    "melody": Known("facebook/musicgen-melody", 30.0, takes_melody=True),
    "melody-large": Known("facebook/musicgen-melody-large", 30.0, experimental=True, takes_melody=True),
    "stereo-small": Known("facebook/musicgen-stereo-small", 60.0),
    "stereo-medium": Known("facebook/musicgen-stereo-medium", 30.0),
    "stereo-large": Known("facebook/musicgen-stereo-large", 30.0, experimental=True),
    "stereo-melody": Known("facebook/musicgen-stereo-melody", 30.0, takes_melody=True),
    "stereo-melody-large": Known("facebook/musicgen-stereo-melody-large", 30.0, experimental=True, takes_melody=True),
}

#: What is wanted of a hub repository; AudioCraft's own copies of the weights in the same place are not.
HUB_FILES = ["*.json", "*.safetensors", "*.model"]
#: What to do about a folder that is not whole.
REMEDY = "fill the cache with `soundwright music preload`, or give a whole folder"
_MODEL_TYPES = ("musicgen", "musicgen_melody")
_PARTS = ("text_encoder", "audio_encoder", "decoder")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk whose files are all there.

    Args:
        name: as the user gave it.
        folder: holds config.json, tokenizer and safetensors weights.
        hub_id: the hub's `owner/name`, or None for a folder of one's own.
        revision: the commit on the hub, or "" for a folder of one's own.
        licence: of the weights.
        config: the parsed config.json.
    """

    name: str
    folder: Path
    hub_id: str | None
    revision: str
    licence: str
    config: dict[str, Any] = field(repr=False, hash=False, compare=False)

    @property
    def takes_melody(self) -> bool:
        """Whether the model is conditioned on the chroma of a melody."""
        return bool(self.config["model_type"] == "musicgen_melody")

    def shards(self) -> dict[str, Path]:
        """File of every tensor, by name."""
        return {name: path for path in weight_files(self.folder) for name in safetensors_header(path)}

    def digest(self) -> str:
        """SHA-256 over config.json and the weight files, in the order of their names; read once in a process."""
        files = [self.folder / "config.json", *weight_files(self.folder)]
        return _digest(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


def find(model: str, revision: str | None = None) -> Checkpoint:
    """Finds a checkpoint on disk: a folder, or the Hugging Face cache, which is filled from the hub where it can be.

    Args:
        model: a name of `NAMES`, a folder, or a hub repository `owner/name`.
        revision: a branch, tag or commit of the hub repository; None is its main branch.

    Raises:
        UsageError: the name is unknown, or the weights are neither in the cache nor to be had.
        BadInput: the folder is no whole MusicGen; the message names the file.
    """
    known = NAMES.get(model)
    if known is None and (Path(model).exists() or model.startswith((".", "/", "~"))):
        return _checked(model, Path(model).expanduser(), None, "", FOLDER_LICENCE)
    if known is None and not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        near = difflib.get_close_matches(model, NAMES, n=1)
        raise UsageError(
            f"no model {model!r}" + (f", did you mean {near[0]}?" if near else ""),
            remedy=f"give one of {', '.join(NAMES)}, a folder, or a hub repository OWNER/NAME",
        )
    hub_id = known.hub_id if known else model
    folder = _from_hub(hub_id, revision)
    licence = known.licence if known else META_LICENCE if hub_id.startswith("facebook/musicgen") else HUB_LICENCE
    return _checked(model, folder, hub_id, folder.name, licence)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint, single or sharded, by name.

    Raises:
        BadInput: there are none, or one that the index names is missing.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        other = "; weights in another format are not read" if any(folder.glob("*.bin")) else ""
        raise BadInput(f"has no model.safetensors{other}", path=folder, remedy=REMEDY)
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise BadInput("has no weight_map", path=index, remedy=REMEDY)
    names = set(weight_map.values())
    for name in sorted(names):
        if not (folder / name).is_file():
            raise BadInput(f"is missing ({len(names)} files hold the weights)", path=folder / name, remedy=REMEDY)
    return [folder / name for name in sorted(names)]


def safetensors_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file, without its metadata: name -> dtype, shape, offsets.

    Raises:
        BadInput: the file is cut off or is no safetensors file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))
        if length > size - 8:
            raise BadInput("is no safetensors file, or only the beginning of one", path=path, remedy=REMEDY)
        try:
            header: dict[str, Any] = json.loads(file.read(length))
        except ValueError as error:
            raise BadInput("is no safetensors file", path=path, remedy=REMEDY) from error
    header.pop("__metadata__", None)
    end = 8 + length + max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
    if size != end:
        raise BadInput(f"is cut off: {size:,} of {end:,} bytes", path=path, remedy=REMEDY)
    return header


def _from_hub(hub_id: str, revision: str | None) -> Path:
    with needs_extra("music", "getting weights"):
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        local = Path(snapshot_download(hub_id, revision=revision, allow_patterns=HUB_FILES, local_files_only=True))
        _checked(hub_id, local, hub_id, local.name, "")
        return local
    except LocalEntryNotFoundError:
        half_downloaded = None
    except BadInput as error:
        half_downloaded = error
    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=HUB_FILES))
    # Everything that a missing network, proxy or repository raises is one of these two.
    except (OSError, ValueError) as error:
        if half_downloaded is not None:
            raise half_downloaded from error
        raise UsageError(
            f"the weights of {hub_id} are not in the Hugging Face cache and the hub did not give them",
            remedy="where there is a network run `soundwright music preload` (HF_HOME is the cache), "
            "or give --model FOLDER",
        ) from error


def _checked(name: str, folder: Path, hub_id: str | None, revision: str, licence: str) -> Checkpoint:
    if not folder.is_dir():
        raise BadInput("no such folder", path=folder, remedy="give a folder as save_pretrained writes it")
    config = read_json(folder / "config.json")
    if config.get("model_type") not in _MODEL_TYPES:
        raise BadInput(f"is the model type {config.get('model_type')!r}, not MusicGen", path=folder / "config.json")
    lacking = [part for part in _PARTS if not isinstance(config.get(part), dict)]
    if lacking:
        raise BadInput(f"has no {' and no '.join(lacking)}", path=folder / "config.json", remedy=REMEDY)
    for path in weight_files(folder):
        safetensors_header(path)
    if not any((folder / file).is_file() for file in ("tokenizer.json", "spiece.model")):
        raise BadInput("has no tokenizer.json", path=folder, remedy=REMEDY)
    try:
        ModelShape.from_config(config)
    except BadInput as error:
        raise BadInput(error.message, path=folder / "config.json", remedy=error.remedy) from error
    if licence in (FOLDER_LICENCE, HUB_LICENCE):
        licence = licence_of(folder, config, list(NAMES), META_LICENCE, licence)
    return Checkpoint(name, folder, hub_id, revision, licence, config)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object out of a checkpoint's folder.

    Raises:
        BadInput: the file is missing, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"has no {path.name}", path=path.parent, remedy=REMEDY) from error
    except ValueError as error:
        raise BadInput("is not JSON", path=path, remedy=REMEDY) from error
    if not isinstance(value, dict):
        raise BadInput("is not a JSON object", path=path, remedy=REMEDY)
    return value


@functools.lru_cache(maxsize=8)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    total = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
