"""What is in a packed dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from soundwright.core.errors import show_path
from soundwright.formats.conditions import Parameter

if TYPE_CHECKING:
    from soundwright.dataset.read import Pack, PackedSplit


@dataclass(frozen=True)
class PackInfo:
    """A dataset, looked at.

    Attributes:
        pack: the dataset.
        num_files: for each split, how many of the files in its `audio` column are there.
        num_bytes: size of the Arrow files of each split.
    """

    pack: Pack
    num_files: dict[str, int]
    num_bytes: dict[str, int]
    exit_code: int = 0

    def lines(self) -> Iterator[str]:
        """The facts for a person."""
        meaning = self.pack.meaning
        revision = f" {meaning.codec_revision}" if meaning.codec_revision else ""
        yield (
            f"{show_path(self.pack.folder)}: {meaning.num_codebooks} codebooks of {meaning.codec}{revision}, "
            f"{meaning.frame_rate:g} frames/s, {meaning.sample_rate} Hz"
        )
        for name, split in self.pack.splits.items():
            shortest, longest = int(split.num_frames.min()), int(split.num_frames.max())
            yield (
                f"  {describe(split)}; {shortest} to {longest} frames; "
                f"{self.num_bytes[name] / 1e6:.1f} MB; {self.num_files[name]} of {len(split)} token files are there"
            )
        conditions = self.pack.conditions
        yield "conditions:" if conditions and conditions.columns else "conditions: none"
        for name in conditions.columns if conditions else ():
            yield f"  {name}: {describe_parameter(conditions.parameters[name])}" if conditions else ""


def info(dataset: Path) -> PackInfo:
    """Tells what is in a packed dataset: splits, codec, lengths, conditions and their ranges.

    Args:
        dataset: Folder that `dataset build` has made.

    Returns:
        The facts.

    Raises:
        UsageError: there is no dataset.
        BadInput: it was not packed by soundwright, or is damaged.
        MissingExtra: pyarrow is not installed.
    """
    from soundwright.dataset import layout
    from soundwright.dataset.read import open_pack

    pack = open_pack(dataset)
    return PackInfo(
        pack,
        {name: sum((dataset / path).is_file() for path in split.audio_paths()) for name, split in pack.splits.items()},
        {name: sum(path.stat().st_size for path in layout.data_files(dataset, name)) for name in pack.splits},
    )


def describe(split: PackedSplit) -> str:
    """One line about a split."""
    duration_s = split.duration_s
    length = f"{duration_s / 3600:.2f} h" if duration_s >= 3600 else f"{duration_s:.1f} s"
    columns = ", ".join(split.columns) or "none"
    return (
        f"split {split.name}: {len(split):,} clips, {length}, "
        f"{split.meaning.num_codebooks} codebooks of {split.meaning.codec}, conditions: {columns}"
    )


def describe_parameter(parameter: Parameter) -> str:
    """One line about a parameter: its type, units, range and classes."""
    parts: list[str] = [parameter.type]
    if parameter.classes:
        parts.append(f"classes {', '.join(parameter.classes)}")
    units = f" {parameter.units}" if parameter.units else ""
    if parameter.range is not None:
        parts.append(f"declared {parameter.range[0]:g} .. {parameter.range[1]:g}{units}")
    if parameter.measured is not None:
        found = parameter.measured
        parts.append(f"measured {found.min:g} .. {found.max:g}{units}, mean {found.mean:.4g}, std {found.std:.4g}")
    return ", ".join(parts)
