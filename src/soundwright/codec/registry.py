"""Codecs by name or folder. Built-in codecs and those of other packages register in the same way.

A package that brings a codec names a function in its `pyproject.toml`:

    [project.entry-points."soundwright.codecs"]
    mine = "my_package.codec:load"

The function is called as `load(revision)`, where `revision` is None or what the user wrote after the `@` of
`--codec mine@2`, and returns a `soundwright.codec.contract.Codec` on the CPU. A codec that can run elsewhere has a
method `to(device)`.
"""

from __future__ import annotations

import json
from pathlib import Path

from soundwright.codec.contract import Codec
from soundwright.core import plugins
from soundwright.core.device import resolve_device
from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.core.extras import needs_extra


def load_codec(name_or_folder: str | Path, *, device: str = "auto") -> Codec:
    """Loads a codec.

    Args:
        name_or_folder: a registered name, `encodec_24khz` or `pocket`, with `@revision` where one is wanted; or a
            folder with a `config.json`: an EnCodec in the form of transformers, or a `pocket` that was trained here.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        UsageError: no codec of that name, or its weights are not to be had.
        BadInput: the folder holds no codec.
        MissingExtra: torch or transformers is not installed.
    """
    text = str(name_or_folder)
    # A codec's name never holds a slash, so a folder beside one of the same name is given as ./NAME.
    name, _, revision = text.partition("@")
    known = plugins.registered(plugins.CODECS)
    folder = Path(name_or_folder)
    with needs_extra("torch", f"the codec {show_path(text)}"):
        if name in known and isinstance(name_or_folder, str):
            return _placed(known[name].load()(revision or None), device)
        if folder.is_dir():
            return _placed(_load_folder(folder), device)
    raise UsageError(
        f"no codec and no folder named {text!r}; codecs are {', '.join(sorted(known))}",
        remedy="give --codec one of these names, or a folder with a config.json",
    )


def _placed(codec: Codec, device: str) -> Codec:
    """Moves a codec to a device; `auto` leaves one that cannot move where it is."""
    move = getattr(codec, "to", None)
    if move is not None:
        move(resolve_device(device))
    elif device not in ("auto", "cpu"):
        raise UsageError(f"codec {codec.info.name} runs on the CPU only", remedy="use --device cpu")
    return codec


def _load_folder(folder: Path) -> Codec:
    config = _read_config(folder)
    if config.get("codec") == "pocket":
        from soundwright.codec import pocket

        return pocket.load_folder(folder)
    if config.get("model_type") == "encodec":
        from soundwright.codec import encodec

        return encodec.load_folder(folder)
    raise BadInput(
        'expected "model_type": "encodec" or "codec": "pocket" in config.json, found neither',
        path=folder,
        remedy="give the folder of an EnCodec or of a codec trained with soundwright codec train",
    )


def _read_config(folder: Path) -> dict[str, object]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"expected a config.json in the folder of a codec: {error.strerror}", path=folder, remedy="give its folder"
        ) from error
    except ValueError as error:
        raise BadInput("expected JSON", path=path, remedy="fetch the codec again") from error
    if not isinstance(config, dict):
        raise BadInput("expected a JSON object", path=path, remedy="fetch the codec again")
    return config
