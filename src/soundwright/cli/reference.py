"""Writes the command reference: `python -m soundwright.cli.reference docs/cli.md` (or `make docs`)."""

from __future__ import annotations

import sys
from pathlib import Path

from cyclopts import App

from soundwright.cli.group import tell_all
from soundwright.cli.root import app

_HEAD = """<!-- Made by `make docs` from the functions' signatures and docstrings; a test fails when it is stale. -->

"""


def reference() -> str:
    """The whole command line as Markdown."""
    for _, verb in verbs(app):
        tell_all(verb)
    return _HEAD + app.generate_docs(output_format="markdown").strip() + "\n"


def verbs(group: App, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], App]]:
    """All verbs below a group: the words that call it, and its command."""
    found: list[tuple[tuple[str, ...], App]] = []
    for name in group:
        if not name.startswith("-"):
            command = group[name]
            found += [((*path, name), command)] if command.default_command else verbs(command, (*path, name))
    return found


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
