"""A straight line from the first frame to the last, e.g. the position in the clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from soundwright.core.errors import UsageError
from soundwright.formats.features import Feature
from soundwright.sidecar.producers import contract
from soundwright.sidecar.producers.pairs import split_pairs


class LinOptions(contract.Options):
    """Options of `lin`."""

    lin: Sequence[str] = ()
    """NAME=START:END, e.g. gain=0:1; may be repeated. The first frame has START, the last frame END."""


class Lin(contract.Producer):
    """A straight line over the clip, ends included: --lin gain=0:1."""

    Options = LinOptions
    options: LinOptions

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        if not options.lin:
            raise UsageError("producer lin has nothing to do", remedy="give --lin NAME=START:END")
        self._ends: dict[str, tuple[float, float]] = {}
        for name, text in split_pairs(options.lin, "--lin").items():
            try:
                start, end = (float(part) for part in text.split(":"))
            except ValueError as error:
                raise UsageError(f"--lin {name}={text}", remedy="give two numbers: --lin gain=0:1") from error
            self._ends[name] = (start, end)

    def produce(self, clip: contract.Clip) -> Mapping[str, contract.Value]:
        """Lines `[T]`."""
        return {name: np.linspace(start, end, clip.num_frames) for name, (start, end) in self._ends.items()}

    def features(self, clip: contract.Clip) -> Mapping[str, Feature]:
        """Names as given; the two ends are the range."""
        return {
            name: Feature(doc=f"line from {a:g} to {b:g}", range=(min(a, b), max(a, b)))
            for name, (a, b) in self._ends.items()
        }
