"""Sections of a clip, from a label track that Audacity exported (File > Export > Labels).

The labels of `birds/owl.ecdc` are in `LABELS/birds/owl.txt`, one per line: start and end in seconds, and a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from soundwright.core.errors import BadInput
from soundwright.sidecar.producers import Clip, Feature, Options, Producer


class LabelOptions(Options):
    """Options of this producer."""

    labels: Path = Path("labels")
    """Folder of the label files, with the same relative paths as the token files."""
    label_classes: Sequence[str] = ("none", "verse", "chorus")
    """The names that labels may have; the first is for frames without a label."""


class AudacityLabels(Producer):
    """Sections from exported Audacity label tracks: --labels DIR --label-classes none,verse,chorus."""

    Options = LabelOptions

    def features(self, clip: Clip) -> Mapping[str, Feature]:
        """One class; asked for every clip before anything is written."""
        return {"section": Feature(type="class", classes=self._classes(), doc="from an Audacity label track")}

    def inputs(self, clip: Clip) -> Sequence[Path]:
        """The label file: when it is edited, the clip is done again."""
        return [self._file(clip)]

    def produce(self, clip: Clip) -> Mapping[str, np.ndarray]:
        """The index of the section's class in every frame."""
        classes = self._classes()
        seconds = (np.arange(clip.num_frames) + 0.5) / clip.fps  # the middle of each frame
        section = np.zeros(clip.num_frames)
        for line in self._file(clip).read_text(encoding="utf-8").splitlines():
            start, end, name = line.split("\t")
            if name not in classes:
                raise BadInput(f"has the label {name!r}", path=self._file(clip), remedy="add it to --label-classes")
            section[(seconds >= float(start)) & (seconds < float(end))] = classes.index(name)
        return {"section": section}

    def _classes(self) -> tuple[str, ...]:
        return tuple(name for text in self.options.label_classes for name in text.split(","))

    def _file(self, clip: Clip) -> Path:
        return self.options.labels / Path(clip.key).with_suffix(".txt")
