"""Figures of the evaluation: right at their ends, and telling apart what helps from what harms."""

from __future__ import annotations

import numpy as np
import pytest

from soundwright.formats.instructions import Call
from soundwright.mixing.distortion import Ranges, distort, draw
from soundwright.mixing.labels import FIRST, TOOL_NAMES
from soundwright.mixing.metrics import balance_db, bootstrap, f1, spectral_distance, tilt_db
from soundwright.mixing.rules import normalise, rule
from soundwright.mixing.scoring import Scorer
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.statistics import measure
from soundwright.mixing.summary import summarise, table

RATE = 44_100


@pytest.fixture(scope="module")
def song():
    return make_song(5, 4.0, RATE)


def test_distance_is_zero_for_the_same_and_grows_with_the_difference(song):
    sound = song["drums"]
    distances = [spectral_distance(sound * np.float32(10 ** (db / 20)), sound) for db in (0, 1, 3, 9)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert np.isfinite(spectral_distance(sound[:, :1], sound[:, :1] * 2))
    assert np.isfinite(spectral_distance(np.zeros_like(sound), sound))


def test_tilt_and_balance_see_what_was_done(song):
    noise = np.random.default_rng(0).normal(0, 0.1, (2, RATE)).astype(np.float32)
    assert tilt_db(noise, RATE) == pytest.approx(3.0, abs=0.2)  # white noise has 3 dB per octave more in octaves
    assert balance_db(noise * np.array([[1], [10 ** (6 / 20)]], np.float32)) == pytest.approx(6.0, abs=0.1)


def test_the_exact_answer_recovers_and_the_opposite_harms(song):
    drawn = draw(0, 0, "a", song, Ranges(untouched=0.0))
    heard, target = distort(drawn, song, RATE)
    scorer = Scorer("s", heard, target, drawn.labels, RATE)
    nothing, right, wrong = (scorer.score(x) for x in ({}, drawn.labels, drawn.applied))
    assert right.after < 0.02 * right.before
    assert wrong.after > 1.2 * wrong.before
    assert right.worse == 0
    assert wrong.worse == len(drawn.labels)
    assert right.errors.max() == 0
    assert right.counts[1:].sum() == 0
    assert nothing.counts[2].sum() == sum(map(len, drawn.labels.values()))
    rows = [summarise("a", "-", [s], 1.0) for s in (nothing, right)]
    assert (rows[0].f1, rows[1].f1) == (0.0, 1.0)
    assert rows[0].recovery == 0.0
    assert rows[1].recovery > 0.98
    assert len(table(rows)) == 4


def test_a_missing_volume_counts_with_its_whole_size(song):
    label = {"drums": (Call("change_volume", {"db": -6.0}),)}
    scorer = Scorer("s", song, song, label, RATE)
    errors = scorer.score({}).errors
    assert errors[list(song).index("drums"), FIRST["change_volume"]] == 6.0
    assert errors.sum() == 6.0


def test_an_untouched_mix_is_left_alone_or_not(song):
    scorer = Scorer("s", song, song, {}, RATE)
    assert scorer.score({}).left_alone
    touched = scorer.score({"bass": (Call("apply_pan", {"balance": 0.1}),)})
    assert not touched.left_alone
    assert touched.worse == 1


def test_rules_bring_back_a_loud_stem_and_one_that_stands_aside(song):
    names = list(song)
    loud = {n: x * (np.float32(4) if n == "bass" else np.float32(1)) for n, x in song.items()}
    gains = {stem: calls[0].arguments["db"] for stem, calls in normalise(names, measure(loud, RATE)).items()}
    before = {stem: calls[0].arguments["db"] for stem, calls in normalise(names, measure(song, RATE)).items()}
    assert gains["bass"] - before.get("bass", 0.0) == pytest.approx(-9.0, abs=0.6)  # 12 dB less a quarter of them
    aside = distort(draw(0, 0, "a", song, Ranges(untouched=1.0)), song, RATE)[0] | {
        "bass": song["bass"] * np.array([[2], [0.5]], np.float32)
    }
    pans = [c for c in rule(names, measure(aside, RATE))["bass"] if c.tool == "apply_pan"]
    assert pans[0].arguments["balance"] == pytest.approx(0.7, abs=0.11)


def test_f1_and_intervals():
    assert f1(0, 0, 0) == 0
    assert f1(3, 1, 1) == 0.75
    values = np.array([0.0] * 10 + [1.0] * 10)
    songs = [f"s{i // 2}" for i in range(20)]
    low, high = bootstrap(songs, lambda rows: float(values[rows].mean()))
    assert 0.1 < low < 0.5 < high < 0.9
    assert bootstrap(songs, lambda rows: float(values[rows].mean())) == (low, high)


def test_the_small_network_says_what_was_trained(tmp_path):
    import torch
    from safetensors.torch import save_file

    from soundwright.core.errors import BadInput
    from soundwright.mixing.baselines import SmallNetwork
    from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
    from soundwright.mixing.small_network import read_small

    torch.manual_seed(0)
    theirs = SmallNetwork(16)
    save_file(theirs.state_dict(), tmp_path / "small.safetensors")
    ours, rng = read_small(tmp_path / "small.safetensors"), np.random.default_rng(0)
    stems = rng.normal(size=(3, 4, STEM_FEATURES)).astype(np.float32)
    mix = rng.normal(size=(3, MIX_FEATURES)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(stems), torch.from_numpy(mix))
    for one, other in zip(ours(stems, mix), expected, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-5)
    names = ("a", "b", "c", "d")
    for calls, likely in zip(ours.say([names] * 3, stems, mix), expected[0] > 0, strict=True):
        wanted = {(names[stem], TOOL_NAMES[tool]) for stem, tool in likely.nonzero().tolist()}
        said = {(stem, call.tool) for stem, some in calls.items() for call in some}
        assert said
        assert said <= wanted  # without those that do nothing
    (tmp_path / "small.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="expected the small network"):
        read_small(tmp_path / "small.safetensors")
