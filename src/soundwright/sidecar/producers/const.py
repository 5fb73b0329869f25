"""The same value in every frame of every clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from soundwright.core.errors import UsageError
from soundwright.formats.features import Feature
from soundwright.sidecar.producers import contract
from soundwright.sidecar.producers.pairs import number_or_class, split_pairs


class ConstOptions(contract.Options):
    """Options of `const`."""

    const: Sequence[str] = ()
    """NAME=VALUE, e.g. scene_id=7; may be repeated. The value is a number, or the name of a declared class."""


class Const(contract.Producer):
    """The same value in every frame: --const scene_id=7."""

    Options = ConstOptions
    options: ConstOptions

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        if not options.const:
            raise UsageError("producer const has nothing to do", remedy="give --const NAME=VALUE")
        self._values = {name: number_or_class(text) for name, text in split_pairs(options.const, "--const").items()}

    def produce(self, clip: contract.Clip) -> Mapping[str, contract.Value]:
        """The given values."""
        return self._values

    def features(self, clip: contract.Clip) -> Mapping[str, Feature]:
        """Names as given; a value in words makes a class."""
        return {
            name: Feature(type="class") if isinstance(value, str) else Feature() for name, value in self._values.items()
        }
