"""Document 004's `MixingTools`, and what reads instructions for it."""

from soundwright.formats.instructions import parse, render
from soundwright.mixing.executor import MixingTools

__all__ = ["MixingTools", "parse", "render"]
