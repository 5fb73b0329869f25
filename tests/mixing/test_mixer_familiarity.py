"""What a mixer knows nothing of it leaves alone, unless a reference of the same performance shows what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from soundwright.core.errors import BadInput
from soundwright.mixing.bank import Passage, measure_passages
from soundwright.mixing.checkpoint import load_mixer, save_mixer
from soundwright.mixing.executor import MixingTools, add_up
from soundwright.mixing.familiarity import Familiarity, learn
from soundwright.mixing.look import look
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.suggest import suggest

RATE = 44_100
STEMS = ("vocals", "drums", "bass", "other")


@pytest.fixture(scope="module")
def song() -> dict[str, np.ndarray]:
    """Its bass, other and nearly its drums sound like none in training."""
    return make_song(8, 12.0, RATE)


def passages(seeds: range) -> list[Passage]:
    return [p for s in seeds for p in measure_passages(f"a/{s}", make_song(s, 16.0, RATE), RATE, [2.0])]


@pytest.fixture(scope="module")
def of_numpy() -> Familiarity:
    """Familiar with songs of this kind, but not with the song."""
    return learn(passages(range(20, 28)), passages(range(40, 44)), seed=1)


def test_an_unfamiliar_stem_is_left_alone_blind_and_mended_beside_the_same_performance(mixer, song):
    reference = add_up(song.values())
    loud = song | {"drums": MixingTools(RATE).change_volume(song["drums"], db=8.0)}
    blind = suggest(loud, RATE, "fix this mix", None, mixer)
    assert blind.instructions == {}
    (note,) = blind.notes
    assert "sound unlike those that this mixer was trained on" in note
    assert "give a reference of the same performance" in note
    for given in (reference, song):
        helped = suggest(loud, RATE, "fix this mix", given, mixer)
        (call,) = [c for c in helped.instructions["drums"] if c.tool == "change_volume"]
        assert call.arguments["db"] == pytest.approx(-8.0, abs=2)
        assert not any("unlike" in note for note in helped.notes)


def test_a_familiar_stem_beside_a_strange_one_is_not_held_back(mixer, monkeypatch):
    wider = [replace(s, limit=s.limit * (1 if s.name == "drums" else 2)) for s in mixer.familiarity.sounds]
    monkeypatch.setattr(mixer, "familiarity", Familiarity(tuple(wider)))
    song = make_song(3, 12.0, RATE)
    aside = song | {name: MixingTools(RATE).apply_pan(song[name], balance=-0.8) for name in ("vocals", "drums")}
    said = suggest(aside, RATE, "", None, mixer)
    assert said.notes == (
        "drums: unlike anything that this mixer was trained on, so left alone; "
        "give a reference of the same performance",
    )
    assert "drums" not in said.instructions
    (pan,) = [c for c in said.instructions["vocals"] if c.tool == "apply_pan"]
    assert pan.arguments["balance"] == pytest.approx(0.8, abs=0.21)


def test_what_it_was_trained_on_is_not_held_back(mixer, song, of_numpy, monkeypatch):
    aside = song | {"bass": MixingTools(RATE).apply_pan(song["bass"], balance=-0.8)}
    assert suggest(aside, RATE, "", None, mixer).instructions == {}
    monkeypatch.setattr(mixer, "familiarity", of_numpy)
    said = suggest(aside, RATE, "", None, mixer)
    assert any(c.tool == "apply_pan" for c in said.instructions["bass"])
    assert not any("unlike" in note for note in said.notes)


def test_reference_stems_of_another_section_help_where_they_are_clear(mixer, song):
    half = song["bass"].shape[1] // 2
    here = {name: sound[:, :half] for name, sound in song.items()}
    there = {name: sound[:, half:] for name, sound in song.items()}
    assert suggest(here, RATE, "", there, mixer).instructions == {}
    aside = here | {"bass": MixingTools(RATE).apply_pan(here["bass"], balance=-0.8)}
    said = suggest(aside, RATE, "", there, mixer)
    assert [(stem, c.tool) for stem, calls in said.instructions.items() for c in calls] == [("bass", "apply_pan")]
    assert any("only what the reference shows clearly" in note for note in said.notes)


def test_untouched_songs_of_unfamiliar_instruments_are_left_alone(mixer):
    songs = [make_song(seed, 8.0, RATE) for seed in range(60, 66)]
    assert sum(suggest(song, RATE, "fix this mix", None, mixer).instructions == {} for song in songs) == 6


def test_volume_and_place_change_no_distance(song, mixer):
    tools = MixingTools(RATE)
    moved = {name: tools.apply_pan(tools.change_volume(x, db=9.0), balance=-0.6) for name, x in song.items()}
    one, other = (mixer.familiarity.distances(STEMS, look(s, RATE).features.stems) for s in (song, moved))
    assert other == pytest.approx(one, rel=0.02)
    assert one[2] > 1


def test_distorted_songs_of_the_same_kind_are_familiar(of_numpy):
    tools = MixingTools(RATE)
    assert [sounds.name for sounds in of_numpy.sounds] == sorted(STEMS)
    far = []
    for seed in range(50, 54):
        song = make_song(seed, 12.0, RATE)
        song["bass"] = tools.apply_eq(song["bass"], low_gain=-6.0, mid_gain=5.0, high_gain=-4.0)
        song["drums"] = tools.apply_eq(song["drums"], low_gain=5.0, mid_gain=0.0, high_gain=-6.0)
        seen = look(song, RATE).features.stems
        far.append(of_numpy.distances(STEMS, seen))
        assert set(of_numpy.strange(STEMS, seen[[1, 2, 0, 3]])) == set(STEMS)  # drums as vocals, and so on
        assert (of_numpy.distances(["Lead", "Kit", "Low", "Pad"], seen) <= far[-1] + 1e-9).all()
    assert np.mean(np.array(far) > 1) < 0.1


def test_one_strange_stem_is_one_and_half_of_them_are_all(mixer, song):
    class Fixed(Familiarity):
        def distances(self, names, stem_features):
            return stem_features

    assert Fixed().strange(STEMS, np.array([0.5, 2.0, 0.5, 0.8])) == ("drums",)
    assert Fixed().strange(STEMS, np.array([0.5, 2.0, 0.5, 0.9])) == STEMS
    assert Fixed().strange(STEMS, np.array([0.9, 0.9, 0.9, 0.9])) == ()
    assert Fixed().strange(STEMS, np.zeros(4)) == ()
    assert Familiarity().strange(STEMS, look(song, RATE).features.stems) == ()


def test_too_few_examples_teach_nothing():
    few = passages(range(20, 21))
    assert learn(few, few, seed=1) == Familiarity()


def test_it_is_kept_with_the_mixer_and_asked_for(mixer, song, tmp_path):
    save_mixer(load_mixer("tiny")[0], tmp_path / "m", {})
    seen = look(song, RATE).features.stems
    again = load_mixer(tmp_path / "m")[0].familiarity
    assert np.array_equal(again.distances(STEMS, seen), mixer.familiarity.distances(STEMS, seen))
    facts = json.loads((tmp_path / "m/mixer.json").read_text())
    tensors = tmp_path / "m/familiarity.safetensors"
    assert tensors.stat().st_size < 20_000
    for changed in ({"familiarity": [{"name": "bass"}]}, {"familiarity": [{"name": "x", "limit": 1}] * 5}):
        (tmp_path / "m/mixer.json").write_text(json.dumps(facts | changed))
        with pytest.raises(BadInput, match="familiar"):
            load_mixer(tmp_path / "m")
    old = {key: value for key, value in facts.items() if not key.startswith("familiarity")}
    (tmp_path / "m/mixer.json").write_text(json.dumps(old))
    with pytest.raises(BadInput, match="belong together"):
        load_mixer(tmp_path / "m")
    tensors.unlink()
    with pytest.raises(BadInput, match=r"familiarity\.safetensors"):
        load_mixer(tmp_path / "m")
