from __future__ import annotations

import os
from pathlib import Path

import pytest

from soundwright.core import plugins
from soundwright.core.errors import UsageError


def test_the_built_in_plug_ins_register_like_any_other() -> None:
    assert set(plugins.registered(plugins.CODECS)) == {"encodec_24khz", "pocket"}
    assert {"const", "lin", "from_filename", "table", "from_audio"} <= set(plugins.registered(plugins.PRODUCERS))


def test_every_registered_plug_in_loads() -> None:
    for group in (plugins.CODECS, plugins.PRODUCERS):
        for name, point in plugins.registered(group).items():
            assert callable(point.load()), name


def test_a_file_that_does_not_import_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import nothing_like_this")
    with pytest.raises(UsageError, match=r"broken\.py: does not import: ModuleNotFoundError"):
        plugins.module_from_file(path)
    with pytest.raises(UsageError, match="expected a Python file"):
        plugins.module_from_file(tmp_path / "missing.py")


def test_an_edited_file_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With bytecode caching on, an edit of the same length within the same second was not noticed."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    path = tmp_path / "mine.py"
    for value in (1, 2):
        path.write_text(f"value = {value}")
        os.utime(path, (1, 1))
        assert plugins.module_from_file(path).value == value
