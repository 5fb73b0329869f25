"""A reference that begins elsewhere is brought in time; one of other music stays where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundwright.audio.files import write_wav
from soundwright.mixing.alignment import SAME, explained, lateness, shifted
from soundwright.mixing.executor import MixingTools, add_up
from soundwright.mixing.fix import fix
from soundwright.mixing.song_maker import make_song

RATE = 22_050


@pytest.fixture(scope="module")
def song() -> dict[str, np.ndarray]:
    return make_song(6, 10.0, RATE)


def moved(sound: np.ndarray, late: int) -> np.ndarray:
    """As `shifted`, the other way."""
    return np.pad(sound, ((0, 0), (late, 0))) if late > 0 else sound[:, -late:]


@pytest.mark.parametrize("late", [1, 12, 551, 1105, 4 * RATE, -3, -300, -2 * RATE])
def test_a_shift_is_found_to_the_sample_whatever_was_done_to_the_stems(song, late):
    tools = MixingTools(RATE)
    heard = song | {
        "drums": tools.change_volume(song["drums"], db=9.0),
        "vocals": tools.apply_eq(song["vocals"], low_gain=6, mid_gain=-4, high_gain=5),
        "bass": tools.apply_pan(song["bass"], balance=0.8),
    }
    reference = moved(add_up(song.values()), late)
    assert lateness(heard, reference, RATE) == late
    mix = add_up(song.values())
    back = shifted(reference, late)
    length = min(back.shape[1], mix.shape[1])
    start = max(0, -late)
    np.testing.assert_array_equal(back[:, start:length], mix[:, start:length])


def test_an_equaliser_on_all_stems_does_not_move_it_by_a_sample(song):
    tools = MixingTools(RATE)
    dull = {name: tools.apply_eq(sound, low_gain=9, mid_gain=-6, high_gain=-9) for name, sound in song.items()}
    for late in (0, 44, -7):
        assert lateness(dull, moved(add_up(song.values()), late) if late else add_up(song.values()), RATE) == late


def test_what_is_in_time_stays(song):
    assert lateness(song, add_up(song.values()), RATE) == 0


def test_other_music_silence_and_a_few_samples_are_not_moved(song):
    other = add_up(make_song(7, 10.0, RATE).values())
    assert lateness(song, other, RATE) == 0
    assert lateness(song, np.zeros((2, RATE), np.float32), RATE) == 0
    assert lateness(song, other[:, :3], RATE) == 0
    assert lateness({name: 0 * sound for name, sound in song.items()}, other, RATE) == 0


def test_stems_explain_their_own_mix_and_no_other(song):
    mix = add_up(song.values())
    assert explained(song, mix) == pytest.approx(1, abs=1e-6)
    assert explained(song, add_up(make_song(7, 10.0, RATE).values())) < SAME / 2
    assert explained(song, 0 * mix) == 0.0


@pytest.mark.parametrize("kind", ["mix", "stems"])
def test_a_late_reference_still_gives_the_exact_amount(song, tmp_path: Path, kind):
    loud = song | {"drums": MixingTools(RATE).change_volume(song["drums"], db=8.0)}
    reference = tmp_path / "good" if kind == "stems" else tmp_path / "good.wav"
    late = {name: moved(sound, 1105) for name, sound in song.items()}
    for name, sound in loud.items():
        write_wav(tmp_path / "song" / f"{name}.wav", sound, RATE, subtype="FLOAT")
        if kind == "stems":
            write_wav(reference / f"{name}.wav", late[name], RATE, subtype="FLOAT")
    if kind == "mix":
        write_wav(reference, add_up(late.values()), RATE, subtype="FLOAT")
    mixed = fix([tmp_path / "song"], prompt="fix this mix", reference=reference, dry_run=True)
    assert mixed.steps.instructions()["drums"][0].arguments == {"db": -8.0}
    assert mixed.steps.notes[0] == "the reference begins 50.11 ms later than the stems: brought in time"
