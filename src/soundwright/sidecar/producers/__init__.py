"""Producers give the values of conditioning parameters. `docs/producers.md` shows how to write one."""

from soundwright.sidecar.producers.contract import Clip, Feature, NoValues, Options, Producer

__all__ = ["Clip", "Feature", "NoValues", "Options", "Producer"]
