"""Rendered songs: scores of any artist, and stems with the levels of a mix."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from soundwright.audio.files import read_audio
from soundwright.audio.lufs import integrated_loudness
from soundwright.core.errors import UsageError
from soundwright.recipes import rendered_songs
from soundwright.recipes.song_score import STEMS, STYLES, make_artist, make_score


@pytest.mark.parametrize("style", STYLES)
def test_scores_are_playable_and_their_sections_differ(style: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        score = make_score(rng, make_artist(rng, style), 30.0)
        assert set(score.notes) == set(STEMS)
        for notes in score.notes.values():
            assert notes
            for note in notes:
                assert 0 <= note.start_s < note.start_s + note.duration_s <= 30.05
                assert 24 <= note.key <= 100
                assert 1 <= note.velocity <= 127
                assert 0 <= note.program <= 127
        channels = [{note.channel for note in score.notes[stem]} for stem in STEMS]
        assert not any(a & b for a, b in itertools.combinations(channels, 2))
        assert [label for _, _, label in score.sections][:2] == ["verse", "chorus"]
        assert score.sections[-1][1] == 30.0
        (start, middle, _), (_, end, _) = score.sections[:2]
        counts = [
            sum(low - 0.01 <= note.start_s < high - 0.01 for note in score.notes["other"])
            for low, high in ((start, middle), (middle, end))
        ]
        assert counts[1] > counts[0]


def test_artists_and_songs_differ_and_are_functions_of_the_seed() -> None:
    def song(seed: int) -> object:
        rng = np.random.default_rng(seed)
        return make_score(rng, make_artist(rng, "pop"), 10.0)

    assert song(1) == song(1)
    assert song(1) != song(2)


def test_bass_is_low_and_the_lead_is_high() -> None:
    rng = np.random.default_rng(0)
    for style in STYLES:
        notes = make_score(rng, make_artist(rng, style), 30.0).notes
        keys = {stem: float(np.median([note.key for note in notes[stem]])) for stem in STEMS}
        assert 24 <= keys["bass"] < keys["other"] < keys["vocals"] <= 90


def test_missing_tools_are_named_with_the_line_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="needs fluidsynth.* -> apt install fluidsynth fluid-soundfont-gm"):
        rendered_songs.render_songs(tmp_path / "songs", songs=1)


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="needs fluidsynth and FluidR3 GM")
def test_a_song_has_stems_at_their_levels_and_is_rendered_once(tmp_path: Path) -> None:
    folders = rendered_songs.render_songs(tmp_path, songs=1, duration_s=6.0, sample_rate=22_050)
    assert [str(folder.relative_to(tmp_path)) for folder in folders] == ["00-rock/song-1"]
    stems = {stem: read_audio(folders[0] / "stems" / f"{stem}.wav") for stem in STEMS}
    assert {samples.shape for samples in stems.values()} == {(2, 6 * 22_050)}
    assert np.abs(np.sum(list(stems.values()), axis=0)).max() <= 0.99
    loudness = {stem: integrated_loudness(samples, 22_050) for stem, samples in stems.items()}
    wanted = {stem: rendered_songs.LEVELS[stem] + rendered_songs.STYLE_LEVELS["rock"].get(stem, 0) for stem in STEMS}
    apart = [loudness[stem] - wanted[stem] for stem in STEMS]
    assert max(apart) - min(apart) < 5
    facts = json.loads((folders[0] / "song.json").read_text())
    assert facts["segments"][0]["label"] == "verse"
    assert "other: " in facts["mix"]
    written = (folders[0] / "stems/drums.wav").stat().st_mtime_ns
    rendered_songs.render_songs(tmp_path, songs=1, duration_s=6.0, sample_rate=22_050)
    assert (folders[0] / "stems/drums.wav").stat().st_mtime_ns == written
