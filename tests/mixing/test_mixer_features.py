"""What the mixer sees: exact where arithmetic stands for filtering, and telling where a reference is given."""

from __future__ import annotations

import numpy as np
import pytest

from soundwright.formats.instructions import Call
from soundwright.mixing.bands import CENTRES, NUM_BANDS, eq_shapes, response
from soundwright.mixing.bank import measure_passages, read_bank, write_bank
from soundwright.mixing.distortion import Drawn, Ranges, distort, draw
from soundwright.mixing.executor import MixingTools, add_up
from soundwright.mixing.features import EVIDENCE, MIX_FEATURES, STEM_FEATURES, evidence_kind, features_of
from soundwright.mixing.labels import to_arrays
from soundwright.mixing.look import look
from soundwright.mixing.reference import from_mix, project
from soundwright.mixing.sampling import CONDITIONS, distorted, recoloured, sample
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.statistics import measure, measure_beside, measure_both

RATE = 44_100


@pytest.fixture(scope="module")
def song() -> dict[str, np.ndarray]:
    return make_song(3, 12.0, RATE)


@pytest.fixture(scope="module")
def passages(song):
    return measure_passages("a/song", song, RATE, [5.0])


@pytest.mark.parametrize(
    "call",
    [
        Call("change_volume", {"db": -7.5}),
        Call("apply_pan", {"balance": 0.6}),
        Call("apply_eq", {"low_gain": 6.0, "mid_gain": -9.0, "high_gain": 3.5}),
        Call("apply_high_pass", {"cutoff_hz": 200.0}),
        Call("apply_low_pass", {"cutoff_hz": 3000.0}),
    ],
)
def test_the_response_in_bands_is_what_the_tool_does_to_an_impulse(call: Call):
    impulse = np.zeros((2, RATE), np.float32)
    impulse[:, 0] = 1.0
    spectrum = np.fft.rfft(MixingTools(RATE).apply(impulse, [call]), axis=1)
    bins = np.round(CENTRES).astype(int)  # one bin per Hz
    np.testing.assert_allclose(np.abs(response([call], RATE)), np.abs(spectrum[:, bins]), rtol=0.05, atol=1e-3)


def test_power_over_all_bands_is_the_mean_square_of_what_lies_in_them(song):
    power = measure(song, RATE).cross.real.sum(axis=1)  # [2, S, S]
    for place, sound in enumerate(song.values()):
        expected = np.mean(np.square(sound, dtype=np.float64), axis=1)
        np.testing.assert_allclose(power[:, place, place], expected, rtol=0.1)


@pytest.mark.parametrize("condition", list(CONDITIONS))
def test_examples_by_arithmetic_are_those_of_real_sound(song, passages, condition):
    """Filters keep frames apart only so far: within half a dB in nearly every feature."""
    passage = passages[0]
    hop = 1024
    count = round(5.0 * RATE / hop)
    here, there = ({n: x[:, first * hop : (first + count + 1) * hop] for n, x in song.items()} for first in (0, count))
    drawn = draw(1, 0, "y", here, Ranges(untouched=0.0))
    assert drawn.labels
    calculated = features_of(*distorted(passage, drawn, condition))
    heard, target = distort(drawn, here, RATE)
    other = target if condition.startswith("same") else there
    given = None if condition == "blind" else add_up(other.values()) if condition.endswith("mix") else other
    measured = look(heard, RATE, given).features
    assert calculated.stems.shape == (4, STEM_FEATURES)
    assert calculated.mix.shape == (MIX_FEATURES,)
    off = np.abs(calculated.stems - measured.stems)
    assert np.percentile(off, 97) < 0.1  # half a dB, in units of 6 dB
    assert np.abs(calculated.mix - measured.mix).max() < 0.2
    assert evidence_kind(calculated.stems, calculated.mix) == evidence_kind(measured.stems, measured.mix)


def test_a_mix_of_the_same_performance_shows_what_each_stem_lacks(song):
    drawn = Drawn(
        {
            "vocals": (Call("change_volume", {"db": 6.0}),),
            "drums": (Call("apply_eq", {"low_gain": 3.0, "mid_gain": -6.0, "high_gain": 4.0}),),
            "other": (Call("apply_pan", {"balance": 0.5}),),
        },
        {},
        {},
    )
    heard, target = distort(drawn, song, RATE)
    statistics = measure(heard, RATE)
    mix = {"mix": add_up(target.values())}
    power = measure(mix, RATE).cross[..., 0, 0].real
    evidence = from_mix(statistics.cross, measure_beside(heard, mix, RATE)[..., 0], power)
    order = list(heard)
    assert evidence.fit.min() > 0.98

    def shown(stem: str) -> np.ndarray:
        """The gains in the bands in which the stem is heard beside the others."""
        return np.where(evidence.trust[order.index(stem)] > 0.9, evidence.gains[order.index(stem)], np.nan)

    assert np.nanmedian(shown("vocals")) == pytest.approx(-6.0, abs=0.2)
    assert np.nanmedian(shown("bass")) == pytest.approx(0.0, abs=0.2)
    off = shown("drums") - eq_shapes(RATE) @ [0, -3, 6, -4]
    assert np.nanmax(np.abs(off)) < 0.7
    assert np.isfinite(off).sum() > 8
    found, _, _ = project(evidence, RATE)
    np.testing.assert_allclose(found[order.index("drums")], [0, -3, 6, -4], atol=1.0)
    assert evidence.balance[order.index("other")] == pytest.approx(9.0, abs=1.0)


def test_the_kind_of_evidence_is_told_from_the_sound(song):
    length = 5 * RATE
    here, there = ({n: x[:, s : s + length] for n, x in song.items()} for s in (0, 6 * RATE))
    seen = {
        "none": look(here, RATE).features,
        "aligned": look(here, RATE, add_up(here.values())).features,
        "stems": look(here, RATE, there).features,
        "mix": look(here, RATE, add_up(there.values())).features,
    }
    assert {name: evidence_kind(x.stems, x.mix) for name, x in seen.items()} == {name: name for name in EVIDENCE}


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000, 96_000])
def test_any_rate_and_any_length_gives_finite_features(rate: int):
    for length in (1, 100, rate):
        sound = np.random.default_rng(0).normal(0, 0.1, (2, length)).astype(np.float32)
        seen = look({"a": sound, "b": sound[:, : length // 2 + 1]}, rate, sound).features
        assert np.isfinite(seen.stems).all()
        assert np.isfinite(seen.mix).all()


def test_a_bank_gives_back_what_was_put_in(passages, tmp_path):
    write_bank(tmp_path / "a.npz", passages)
    again = read_bank(tmp_path / "a.npz")
    assert [p.name for p in again] == [p.name for p in passages]
    assert again[0].stems == passages[0].stems
    np.testing.assert_array_equal(again[1].beside, passages[1].beside)
    np.testing.assert_array_equal(again[1].there.spread, passages[1].there.spread)


def test_examples_are_functions_of_seed_epoch_and_item(passages):
    one, again, later = (sample(passages, [0, 1], seed=4, epoch=e) for e in (0, 0, 1))
    np.testing.assert_array_equal(one.stem_features, again.stem_features)
    assert one.labels == again.labels
    assert not np.array_equal(one.stem_features, later.stem_features)
    presence, values = to_arrays(one.labels[0], one.stems[0])
    np.testing.assert_array_equal(presence, one.presence[0])
    np.testing.assert_array_equal(values, one.values[0])


def test_other_colours_change_what_is_heard_and_not_what_a_reference_says(passages):
    rng = np.random.default_rng(0)
    drawn = draw(1, 0, "y", passages[0].stems, Ranges(untouched=0.0))
    plain = features_of(*distorted(passages[0], drawn, "same-stems"))
    coloured = features_of(*distorted(recoloured(passages[0], rng), drawn, "same-stems"))
    away = np.abs(plain.stems - coloured.stems).max(axis=0)
    assert away[:NUM_BANDS].max() > 0.3  # the spectrum of a stem
    gains = slice(-(STEM_FEATURES - 3 * NUM_BANDS - 10) + 8, None)  # what the reference shows, behind the bent sizes
    assert np.median(away[gains][:NUM_BANDS]) < 0.1


@pytest.mark.parametrize("shorter", [0, 30_000])
def test_stems_and_what_stands_beside_them_are_measured_together_as_apart(song, shorter):
    mix = {"mix": add_up(song.values())[:, shorter:]}
    here, there, beside = measure_both(song, mix, RATE)
    for one, other in ((here, measure(song, RATE)), (there, measure(mix, RATE))):
        for name in ("cross", "active", "share", "spread"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(beside, measure_beside(song, mix, RATE))
