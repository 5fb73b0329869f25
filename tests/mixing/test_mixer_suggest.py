"""The shipped mixer: it hears what is wrong beside a reference, listens to words, and leaves good mixes alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.instructions import Call
from soundwright.mixing.evaluate import evaluate
from soundwright.mixing.executor import MixingTools, add_up
from soundwright.mixing.familiarity import Familiarity
from soundwright.mixing.model.loading import load_model
from soundwright.mixing.model.pretrained import SHIPPED
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.suggest import suggest

RATE = 44_100


@pytest.fixture(scope="module")
def song() -> dict[str, np.ndarray]:
    return make_song(8, 12.0, RATE)


def test_what_is_shipped_is_small_and_says_where_it_is_from():
    files = [path for path in SHIPPED["tiny"].parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 4_000_000
    _, facts = load_model("tiny")
    assert facts["licence"] == "Apache-2.0"
    assert "rendered" in facts["trained_on"]


def test_a_stem_too_loud_is_found_beside_a_reference_mix(mixer, song):
    reference = add_up(song.values())
    loud = song | {"drums": MixingTools(RATE).change_volume(song["drums"], db=8.0)}
    said = suggest(loud, RATE, "fix this mix", reference, mixer)
    assert list(said.instructions) == ["drums"]
    (call,) = said.instructions["drums"]
    assert call.tool == "change_volume"
    assert call.arguments["db"] == pytest.approx(-8.0, abs=1.5)
    assert said.confidences["drums", "change_volume"] > 0.5
    assert any("same performance" in note for note in said.notes)
    fixed, mix = MixingTools(RATE).mix(loud, said.instructions)
    error = [np.sqrt(np.mean((m - reference) ** 2)) for m in (add_up(loud.values()), mix)]
    assert error[1] < 0.4 * error[0]


def test_a_stem_aside_is_found_without_a_reference(mixer, song, monkeypatch):
    monkeypatch.setattr(mixer, "familiarity", Familiarity())  # of numpy's bass it knows nothing
    aside = song | {"bass": MixingTools(RATE).apply_pan(song["bass"], balance=-0.8)}
    said = suggest(aside, RATE, "", None, mixer)
    pans = [c for c in said.instructions.get("bass", ()) if c.tool == "apply_pan"]
    assert pans[0].arguments["balance"] == pytest.approx(0.8, abs=0.21)


def test_a_mix_that_is_its_own_reference_is_left_alone(mixer, song):
    for reference in (add_up(song.values()), song):
        assert suggest(song, RATE, "fix this mix", reference, mixer).instructions == {}


def test_words_make_it_surer(mixer):
    """Over songs and sizes; a single one may be clear anyway, or hopeless."""
    found = {"fix this mix": 0, "the vocals is too quiet": 0}
    for seed in range(4):
        song = make_song(seed, 6.0, RATE)
        for db in (-4.0, -6.0):
            quiet = song | {"vocals": MixingTools(RATE).change_volume(song["vocals"], db=db)}
            for prompt in found:
                calls = suggest(quiet, RATE, prompt, None, mixer).instructions.get("vocals", ())
                found[prompt] += any(c.tool == "change_volume" and c.arguments["db"] > 0 for c in calls)
    assert found["the vocals is too quiet"] > found["fix this mix"]


def test_silent_stems_and_odd_references_are_said(mixer, song):
    with_silence = song | {"empty": np.zeros((2, RATE), np.float32)}
    said = suggest(with_silence, RATE, "", {"drums": song["drums"], "singer": song["vocals"]}, mixer)
    assert any("empty: silent" in note for note in said.notes)
    assert any("used as a mix" in note for note in said.notes)
    assert suggest({"a": np.zeros(10, np.float32)}, RATE, "", None, mixer).instructions == {}
    assert any("the prompt is long" in n for n in suggest(song, RATE, "louder drums. " * 400, None, mixer).notes)


def test_a_reference_of_nothing_is_none(mixer, song):
    silence = np.zeros((2, RATE), np.float32)
    for reference, why in (
        (song["drums"][:, :1000], "shorter than 0.1 s"),
        ({name: sound[:, :1] for name, sound in song.items()}, "shorter than 0.1 s"),
        (silence, "silent"),
        (dict.fromkeys(song, silence), "silent"),
    ):
        said = suggest(song, RATE, "", reference, mixer)
        assert said.blind
        assert [why in note for note in said.notes].count(True) == 1
        assert not any("the reference is of" in note for note in said.notes)
    assert not suggest(song, RATE, "", song, mixer).blind


@pytest.mark.parametrize("rate", [8000, 96_000])
def test_mono_short_and_other_rates(mixer, rate):
    noise = np.random.default_rng(0).normal(0, 0.1, rate).astype(np.float32)
    for sound in (noise[:1] + 0.5, noise, noise[None], np.clip(noise * 50, -1, 1)):
        suggest({"one": sound, "two": noise}, rate, "", sound, mixer)


def test_bad_input_is_one_line(mixer, song):
    with pytest.raises(BadInput, match="NaN"):
        suggest({"a": np.full((2, 100), np.nan, np.float32)}, RATE, "", None, mixer)
    with pytest.raises(UsageError, match="stems"):
        suggest({}, RATE, "", None, mixer)
    with pytest.raises(UsageError, match="no mixer"):
        suggest(song, RATE, "", None, "huge")


def test_an_evaluation_measures_what_it_says(tmp_path: Path):
    from soundwright.audio.files import write_wav

    for seed in (1, 2):
        for stem, sound in make_song(seed, 15.0, RATE).items():
            write_wav(tmp_path / "songs" / f"artist{seed}" / "song" / "stems" / f"{stem}.wav", sound, RATE)
    result = evaluate(
        "tiny",
        songs=tmp_path / "songs",
        output=tmp_path / "e.json",
        references=["blind", "same-mix"],
        seed=2,
        repeats=2,
    )
    rows = {(row.method, row.condition): row for row in result.rows}
    assert result.songs == 2
    assert result.examples == 8
    assert result.exit_code == 0
    nothing, exact = rows["do nothing", "-"], rows["exact answer", "-"]
    assert (nothing.f1, nothing.recovery, nothing.worse) == (0, 0, 0)
    assert exact.f1 == 1
    assert exact.recovery > 0.95
    helped = rows["mixer", "same-mix"]
    assert helped.recovery > 0.4
    assert helped.f1 > 0.6
    assert all(row.parsed == 1.0 for row in result.rows)
    assert (tmp_path / "e.json").exists()
    assert any("mixer" in line for line in result.lines())


def test_an_evaluation_refuses_what_it_cannot_use(tmp_path):
    with pytest.raises(UsageError, match="--references"):
        evaluate(songs=tmp_path, references=["all"])
    with pytest.raises(UsageError, match="held-out song"):
        evaluate(songs=tmp_path)


def test_calls_of_a_suggestion_are_calls(mixer, song):
    said = suggest(song | {"bass": song["bass"] * np.float32(4)}, RATE, "the bass is too loud", None, mixer)
    assert all(isinstance(call, Call) for calls in said.instructions.values() for call in calls)
    known = {key[:2] for key, guess in said.asked.items() if guess} | set(said.confidences)
    assert known >= {(stem, c.tool) for stem, calls in said.instructions.items() for c in calls}
