"""Under which licence weights in a folder may be: what its model card says, and whose shape the model has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from soundwright.musicgen.model_shapes import ModelShape, known_shape

#: A model card is a page; its front matter is at the beginning.
_LONGEST = 1 << 20


def licence_of(folder: Path, config: dict[str, Any], names: list[str], licence: str, otherwise: str) -> str:
    """The licence of weights that did not come from their maker.

    Args:
        folder: may hold a README.md whose front matter has `license:`.
        config: the parsed config.json.
        names: published models; see `model_shapes.known_shape`.
        licence: of those.
        otherwise: what to say where nothing is known.
    """
    stated = _of_card(folder / "README.md")
    if stated is not None and stated == licence:
        return licence
    said = otherwise if stated is None else f"{stated} (its README.md)"
    shape = ModelShape.from_config(config)
    if any(_alike(shape, known_shape(name)) for name in names):
        # Weights of this shape are hardly ever anything else than Meta's, or made from them.
        return f"{said}; a model of this shape by Meta is {licence}"
    return said


def _alike(shape: ModelShape, known: ModelShape | None) -> bool:
    fields = ("layers", "hidden", "ffn", "codebooks", "vocabulary", "channels", "melody")
    return known is not None and all(getattr(shape, name) == getattr(known, name) for name in fields)


def _of_card(path: Path) -> str | None:
    """`license` of a model card's front matter, in one line; None where there is none."""
    import yaml

    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST)
        _, front, _ = text.split("---", 2) if text.startswith("---") else ("", "", "")
        values = yaml.safe_load(front)
    except (OSError, ValueError, yaml.YAMLError):
        return None  # a card is no part of a model: without it the model is as good
    found = values.get("license") if isinstance(values, dict) else None
    if found == "other":
        found = values.get("license_name") or found
    if isinstance(found, list):
        found = ", ".join(str(one) for one in found)
    if not isinstance(found, str) or not found.split():
        return None
    shown = " ".join(found.split())
    # The hub writes its identifiers in small letters; these are SPDX's.
    return shown.upper() if shown.startswith("cc") else shown
