"""`mix evaluate`: what it refuses before the work, which songs it takes, and what it says about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from soundwright.core.errors import UsageError
from soundwright.formats.instructions import parse
from soundwright.mixing.evaluate import Evaluation, evaluate
from soundwright.mixing.items import items_of
from soundwright.mixing.scoring import Scorer
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.summary import summarise, table

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
        patch.setattr("soundwright.mixing.model.loading.load_model", lambda *_: pytest.fail("the work has begun"))
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


@pytest.mark.parametrize(
    ("labels", "recovered", "alone"),
    [("", "-", "1.000 (1.00 to 1.00)"), ("drums: change_volume(db=-6.0)", "0.000 (0.00 to 0.00)", "-")],
)
def test_where_there_is_nothing_to_average_there_is_no_figure(labels: str, recovered: str, alone: str) -> None:
    clean = make_song(1, 2.0, RATE)
    heard = clean if not labels else {**clean, "drums": 2 * clean["drums"]}
    score = Scorer("one", heard, clean, parse(labels), RATE).score({})
    row = summarise("do nothing", "", [score], 1.0)
    cells = [cell.strip() for cell in table([row])[2].split("|")]
    assert (cells[7], cells[9]) == (recovered, alone)
    assert (cells[8] == "-") == (recovered == "-")
    figures = json.loads(json.dumps(Evaluation([row], 1, 1, {"seed": 7}).to_dict(), allow_nan=False))["rows"][0]
    if labels:
        assert (figures["recovery"], figures["left_alone"], figures["left_alone_interval"]) == (0, None, [None, None])
        assert figures["loudness"][0] == figures["loudness"][1] > 0
    else:
        assert (figures["recovery"], figures["recovery_stems"], figures["left_alone"]) == (None, None, 1)
        assert figures["loudness"] == figures["recovery_interval"] == [None, None]
