"""Writes the command reference: `python -m soundwright.cli.reference docs/cli.md` (or `make docs`)."""

from __future__ import annotations

import sys
from pathlib import Path

from soundwright.cli.root import app

_HEAD = """<!-- Made by `make docs` from the functions' signatures and docstrings; a test fails when it is stale. -->

"""


def reference() -> str:
    """The whole command line as Markdown."""
    return _HEAD + app.generate_docs(output_format="markdown").strip() + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
