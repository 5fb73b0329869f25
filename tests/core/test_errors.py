from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from soundwright.core.errors import BadInput, MissingExtra, SoundwrightError, UsageError, show_path
from soundwright.core.extras import needs_extra


def test_an_error_is_one_line_with_path_finding_and_remedy() -> None:
    error = BadInput("is cut short", path=Path("a\nb.wav"), remedy="get the whole file")
    assert str(error) == "a\\nb.wav: is cut short -> get the whole file"
    assert str(SoundwrightError("oops")) == "oops"


def test_errors_come_home_from_a_worker_whole() -> None:
    error = UsageError("no", path="x", remedy="yes")
    error.note = "kept"  # type: ignore[attr-defined]
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is UsageError
    assert str(back) == str(error)
    assert back.note == "kept"


@pytest.mark.parametrize("name", ["tab\there", "bell\a", "\udcff.wav", "ünïcode 音.wav"])
def test_any_path_can_be_shown(name: str) -> None:
    shown = show_path(name)
    assert shown.isprintable()
    shown.encode("utf-8")


def test_a_missing_extra_names_the_line_to_type() -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'soundwright\[pack\]'"), needs_extra("pack", "packing"):
        import a_module_that_is_not_there  # noqa: F401
