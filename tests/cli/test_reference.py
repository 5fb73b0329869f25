from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from cyclopts import App

from soundwright.cli.reference import reference, verbs
from soundwright.cli.root import app

ROOT = Path(__file__).parents[2]
#: Taken before anything is shown: `tell_all` removes the short help of a verb whose page is asked for.
VERBS = [(" ".join(path), command, command.help) for path, command in verbs(app)]


def test_the_committed_reference_is_current() -> None:
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


@pytest.mark.parametrize(("path", "command", "help"), VERBS, ids=[path for path, _, _ in VERBS])
def test_every_verb_and_every_option_is_documented(path: str, command: App, help: str) -> None:
    function = command.default_command
    assert function is not None
    text = inspect.getdoc(function)
    assert text, path
    assert text.split("\n")[0] == help, f"{path}: the line in cli/ is not the docstring's first"
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}:" in text, f"{path}: {name} has no line under Args"
