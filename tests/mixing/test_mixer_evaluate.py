"""`mix evaluate`: what it refuses before the work, which songs it takes, and what it says about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from soundwright.core.errors import UsageError
from soundwright.mixing.evaluate import evaluate
from soundwright.mixing.items import items_of
from soundwright.mixing.song_maker import make_song

RATE = 16_000
Write = Callable[..., Path]


def song(folder: Path, write: Write, seed: int = 1, gain: float = 1.0) -> None:
    for stem, sound in make_song(seed, 15.0, RATE).items():
        write(folder / "stems" / f"{stem}.wav", gain * sound, RATE)


def test_an_output_that_cannot_be_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text('{"mine": 1}')
    (tmp_path / "folder").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("soundwright.mixing.checkpoint.load_mixer", lambda *_: pytest.fail("the work has begun"))
        for output, told in (
            (mine, "was not made by this command"),
            (tmp_path / "folder", "is a folder"),
            (mine / "x.json", "cannot be written"),
        ):
            with pytest.raises(UsageError, match=told):
                evaluate(songs=tmp_path, output=output)
    assert mine.read_text() == '{"mine": 1}'
    song(tmp_path / "songs" / "ann" / "one", write)
    options = {"songs": tmp_path / "songs", "references": ["same-stems"], "segments_per_song": 1}
    for overwrite in (True, False):  # the second replaces its own
        evaluate(output=mine, overwrite=overwrite, **options)  # type: ignore[arg-type]
    assert json.loads(mine.read_text())["examples"] == 1


def test_silent_songs_cannot_be_scored(tmp_path: Path, write: Write) -> None:
    song(tmp_path / "ann" / "one", write, gain=0.0)
    with pytest.raises(UsageError, match="nothing could be scored"):
        evaluate(songs=tmp_path)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nodir: does not exist -> give songs"):
        evaluate(songs=tmp_path / "nodir")


def test_a_few_songs_are_of_many_artists(tmp_path: Path, write: Write) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 15 * RATE))
    for name in ("ann/one", "ann/two", "bob/one", "cid/one"):
        write(tmp_path / name / "stems" / "mix.wav", noise, RATE)
    for limit, songs in ((2, ["ann/one", "bob/one"]), (4, ["ann/one", "bob/one", "cid/one", "ann/two"])):
        assert list(dict.fromkeys(item.song for item in items_of(tmp_path, limit=limit))) == songs
