"""Document 004's data processing: the same as `soundwright mix prepare`."""

from soundwright.mixing.prepare import prepare

__all__ = ["prepare"]
