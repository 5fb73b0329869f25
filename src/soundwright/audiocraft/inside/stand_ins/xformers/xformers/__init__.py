"""Stands in for xformers where it is not installed or does not load: AudioCraft imports it without need."""

__version__ = "0.0.0+soundwright.stand.in"
