"""What one conditioning parameter means: its type, units, range and classes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

#: How sidecar values are stored.
Dtype = Literal["float16", "float32"]


class Feature(BaseModel):
    """What one column means.

    Attributes:
        type: `continuous`, or `class`: the value is the index of a class.
        units: e.g. `Hz`, `dB`; empty for a number without units.
        doc: one line of meaning.
        range: the smallest and largest value that make sense, where declared.
        classes: names of the classes in the order of their index, where declared.
    """

    model_config = ConfigDict(frozen=True)

    type: Literal["continuous", "class"] = "continuous"
    units: str = ""
    doc: str = ""
    range: tuple[float, float] | None = None
    classes: tuple[str, ...] | None = None

    def plain(self) -> Feature:
        """This feature without what subclasses add for their own use."""
        return Feature(**self.model_dump(include=set(Feature.model_fields)))

    @model_validator(mode="after")
    def _goes_together(self) -> Feature:
        if self.range is not None and not self.range[0] <= self.range[1]:
            raise ValueError(f"range {list(self.range)}: the first number is the smaller one")
        if self.classes is not None and self.type != "class":
            raise ValueError("only a parameter of type class has classes")
        if self.classes is not None and len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice")
        return self


class SidecarFeature(Feature):
    """A column of one clip.

    Attributes:
        filled: the values are a given fill value, since nothing was known of this clip.
    """

    filled: bool = False

    @classmethod
    def from_feature(cls, feature: Feature, *, filled: bool = False) -> SidecarFeature:
        """A feature as sidecars keep it."""
        return cls(**feature.plain().model_dump(), filled=filled)
