"""Replays: wherever the command is given, and of records that were edited."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.generate import generate
from soundwright.musicgen.replay import replay
from soundwright.runs.events import Event, Note, listening


@pytest.fixture
def track(tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A track made with relative paths, from within the folder in which they are right."""
    work = tmp_path / "work"
    work.mkdir()
    shutil.copytree(tiny_musicgen, work / "model")
    soundfile.write(work / "song.wav", 0.3 * np.sin(np.arange(4000) / 10), 16_000)
    monkeypatch.chdir(work)
    song = Path("song.wav")
    generate(model="./model", prompt="bass", duration=0.5, seed=3, continue_from=song, output=Path("t.wav"))
    monkeypatch.chdir(tmp_path)
    return work / "t.json"


def edit(record: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(record.read_text())
    change(content)
    record.write_text(json.dumps(content))


def test_a_replay_does_not_depend_on_the_working_directory(track: Path) -> None:
    assert replay(track).same
    assert replay(track.with_suffix(".wav"), output=track.with_name("again.wav")).same


def test_model_and_sounds_are_found_beside_a_record_that_moved(track: Path, tmp_path: Path) -> None:
    moved = shutil.move(track.parent, tmp_path / "elsewhere")
    assert replay(Path(moved) / "t.json").same
    (tmp_path / "elsewhere/model").rename(tmp_path / "other")
    with pytest.raises(UsageError, match=r"which is not there -> give --model with the folder"):
        replay(Path(moved) / "t.json", overwrite=True)
    assert replay(Path(moved) / "t.json", model=str(tmp_path / "other"), overwrite=True).same


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.update(duration_s=100_000), "duration_s 100000 s is more than"),
        (lambda r: r.update(duration_s=-5), "duration_s -5"),
        (lambda r: r.update(duration_s=float("nan")), "duration_s nan"),
        (lambda r: r.update(seed=-1), "seed -1 is not between"),
        (lambda r: r.update(prompt=" "), "the prompt is empty"),
        (lambda r: r.update(precision="none"), "precision 'none' is none of"),
        (lambda r: r.update(format="../x"), "format '../x' is none of"),
        (lambda r: r["finish"].update(loudness=40), "--loudness 40 is not between"),
        (lambda r: r["finish"].update(fade_in=40), "is longer than the track"),
        (lambda r: r["sampling"].update(temperature=-1), "--temperature must be"),
        (lambda r: r["sampling"].update(extend_stride=40), "--extend_stride"),
    ],
)
def test_an_edited_record_passes_the_checks_of_generate(
    change: Callable[[dict[str, Any]], Any], told: str, track: Path
) -> None:
    before = sorted(track.parent.iterdir())
    edit(track, change)
    with pytest.raises(BadInput, match="tells of no track: ") as caught:
        replay(track)
    assert told in str(caught.value)
    assert caught.value.path == track
    assert sorted(track.parent.iterdir()) == before


def test_the_verdict_on_an_edited_record_is_true(track: Path) -> None:
    edit(track, lambda record: record.update(seed=4))
    seen: list[Event] = []
    with listening(seen.append):
        done = replay(track)
    assert not done.same
    assert "of other tokens: the record was edited after its track was made" in done.comparison
    assert any("was edited after" in event.text for event in seen if isinstance(event, Note))
    edit(track, lambda record: [record.update(seed=3), record["finish"].update(peak=-6.0)])
    assert "of the same tokens: the record was edited" in replay(track, overwrite=True).comparison
