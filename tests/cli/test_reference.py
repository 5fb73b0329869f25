from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from cyclopts import App

from soundwright.cli.reference import reference
from soundwright.cli.root import app

ROOT = Path(__file__).parents[2]


def test_the_committed_reference_is_current() -> None:
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


def verbs(group: App, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], App]]:
    found = []
    for name in group:
        if name.startswith("-"):
            continue
        command = group[name]
        found += [((*path, name), command)] if command.default_command else verbs(command, (*path, name))
    return found


@pytest.mark.parametrize(
    ("path", "command"), verbs(app), ids=lambda value: "-".join(value) if isinstance(value, tuple) else ""
)
def test_every_verb_and_every_option_is_documented(path: tuple[str, ...], command: App) -> None:
    function = command.default_command
    text = inspect.getdoc(function)
    assert text, path
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}:" in text or f"\n    *{name}:" in text, f"{path}: {name} has no line in Args"
