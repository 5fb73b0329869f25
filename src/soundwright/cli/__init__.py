"""The command line. Verbs are public functions elsewhere; here they get their names, and their results an exit code."""

from soundwright.cli.root import app, main

__all__ = ["app", "main"]
