"""Loudness and true peak of what `mix fix` writes, and its words."""

from __future__ import annotations

import numpy as np
import pytest

from soundwright.formats.instructions import Call
from soundwright.mixing.executor import add_up
from soundwright.mixing.fix_master import level_match, master, measure
from soundwright.mixing.fix_words import describe, expected_error
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.tools import TOOLS

RATE = 22_050


def test_a_loud_mix_is_limited_and_a_hopeless_one_is_told() -> None:
    rng = np.random.default_rng(3)
    peaky = (0.02 * rng.standard_normal((2, 3 * RATE))).astype(np.float32)
    peaky[:, :: RATE // 4] = 0.9
    for loudness, reached in ((-22.0, True), (-14.0, False)):
        mastered = master(peaky, measure(peaky, RATE), RATE, loudness)
        assert mastered.level.true_peak_dbtp is not None
        assert mastered.level.true_peak_dbtp <= -1.0
        assert (mastered.level.loudness_lufs == pytest.approx(loudness, abs=0.1)) == reached
        assert bool(mastered.notes) != reached
        assert reached or "louder would need a limiter" in mastered.notes[0]


def test_an_ideal_meter_finds_no_peak_above_the_ceiling() -> None:
    """Of music; a meter of four points per sample, as BS.1770 has it, does not see all of a peak."""
    soxr = pytest.importorskip("soxr")
    for seed, loudness in ((0, -14.0), (3, -8.0)):
        song = add_up(make_song(seed, 4.0, RATE).values())
        mastered = master(song, measure(song, RATE), RATE, loudness)
        ideal = soxr.resample(mastered.samples.T.astype(np.float64), RATE, 8 * RATE, quality="VHQ")
        assert 20 * np.log10(np.abs(ideal).max()) < -1.0


def test_before_and_after_are_compared_at_one_loudness() -> None:
    rng = np.random.default_rng(3)
    quiet, loud = (gain * rng.standard_normal((2, 2 * RATE)).astype(np.float32) for gain in (0.01, 0.5))
    *pair, matched = level_match((quiet, measure(quiet, RATE)), (loud, measure(loud, RATE)), -14.0)
    assert matched.loudness_lufs is not None
    assert matched.loudness_lufs < -10
    for original, turned in zip((quiet, loud), pair, strict=True):
        level = measure(turned, RATE)
        assert level.loudness_lufs == pytest.approx(matched.loudness_lufs, abs=0.05)
        assert level.true_peak_dbtp is not None
        assert level.true_peak_dbtp <= -0.99
        assert np.ptp(turned[turned != 0] / original[turned != 0]) < 1e-3


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_has_words(name: str) -> None:
    call = Call(name, {p.name: p.low if p.neutral != p.low else p.high for p in TOOLS[name].parameters})
    words = describe(call)
    assert 5 < len(words) < 120
    assert words != describe(Call(name, {p.name: p.neutral or p.default for p in TOOLS[name].parameters}))
    assert expected_error(call, {}) == ""
    errors = {p.name: 0.25 for p in TOOLS[name].parameters}
    assert expected_error(call, errors).startswith("expected error ")
