"""The schema of a tree of sidecars, and how a token tree remembers where they are."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats import conditions
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.features import Feature
from soundwright.formats.statistics import Statistics

SCHEMA = Conditions(
    fps=75,
    columns=("pitch", "scene"),
    parameters={
        "pitch": Parameter(
            units="MIDI",
            range=(0, 127),
            declared=True,
            measured=Statistics(count=3, min=1, max=2, mean=1.5, std=0.1),
        ),
        "scene": Parameter(type="class", classes=("in", "out")),
        "later": Parameter(declared=True),
    },
    num_clips=1,
    num_frames=3,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    conditions.write(tmp_path, SCHEMA)
    assert conditions.read(tmp_path) == SCHEMA
    raw = json.loads((tmp_path / "conditions.json").read_text())
    assert list(raw["parameters"]) == ["pitch", "scene", "later"]
    assert {"type", "units", "range", "measured"} <= set(raw["parameters"]["pitch"])
    assert list(SCHEMA.declared) == ["pitch", "later"]


def test_a_tree_without_schema_has_none(tmp_path: Path) -> None:
    assert conditions.read(tmp_path) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 9}', '{"schema_version": 1}', "\xff"])
def test_a_damaged_schema_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "conditions.json").write_text(text, encoding="latin-1")
    with pytest.raises(BadInput) as caught:
        conditions.read(tmp_path)
    assert caught.value.path == tmp_path / "conditions.json"


@pytest.mark.parametrize(
    "wrong",
    [{"range": (2, 1)}, {"classes": ("a",)}, {"type": "class", "classes": ("a", "a")}, {"type": "kind"}],
)
def test_a_feature_makes_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Feature(**wrong)  # type: ignore[arg-type]


def test_a_token_tree_remembers_its_sidecars_also_when_both_move(tmp_path: Path) -> None:
    tokens, params = tmp_path / "here" / "tokens", tmp_path / "here" / "params"
    tokens.mkdir(parents=True)
    params.mkdir()
    assert conditions.cond_root_of(tokens) is None
    conditions.remember_cond_root(tokens, params)
    assert conditions.cond_root_of(tokens) == params
    (tmp_path / "here").rename(tmp_path / "there")
    assert conditions.cond_root_of(tmp_path / "there" / "tokens") == tmp_path / "there" / "params"
    shutil.rmtree(tmp_path / "there" / "params")
    with pytest.raises(UsageError, match="no folder is there"):
        conditions.cond_root_of(tmp_path / "there" / "tokens")


def test_co_located_sidecars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("tokens")
    conditions.remember_cond_root(Path("tokens"), tmp_path / "tokens")
    assert conditions.cond_root_of(Path("tokens")) == Path("tokens")
    (tmp_path / "tokens/.soundwright/cond-root.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        conditions.cond_root_of(Path("tokens"))
