"""What references did to good mixes, and words to what they do not name."""

from __future__ import annotations

import numpy as np
import pytest

from soundwright.formats.instructions import Call
from soundwright.mixing.executor import MixingTools, add_up
from soundwright.mixing.look import look
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.suggest import suggest

RATE = 44_100
FAULT = {
    "drums": (Call("change_volume", {"db": 6.0}),),
    "vocals": (
        Call("change_volume", {"db": -5.0}),
        Call("apply_eq", {"low_gain": 6.0, "mid_gain": -3.0, "high_gain": -6.0}),
    ),
    "other": (Call("apply_pan", {"balance": 0.6}),),
}


@pytest.fixture(scope="module")
def song() -> dict[str, np.ndarray]:
    return make_song(3, 10.0, RATE)


@pytest.fixture(scope="module")
def heard(song) -> dict[str, np.ndarray]:
    return MixingTools(RATE).mix(song, FAULT)[0]


@pytest.fixture(scope="module")
def good(song) -> np.ndarray:
    return add_up(song.values())


def calls(said) -> dict[tuple[str, str], Call]:
    return {(stem, call.tool): call for stem, some in said.instructions.items() for call in some}


@pytest.mark.parametrize("late", [4, 88, 220, -220])
def test_a_reference_a_moment_late_wrecked_a_good_mix(song, good, late):
    """A gain per frequency explains a late reference too, so 2 ms became 12 dB of EQ at full confidence."""
    moved = np.pad(good, ((0, 0), (late, 0))) if late > 0 else good[:, -late:]
    said = suggest(song, RATE, "fix this mix", moved)
    assert said.instructions == {}
    assert any("brought in time" in note for note in said.notes)


def test_everything_wrong_is_found_beside_a_mix_of_the_same_performance(heard, good):
    """The network overlooked an EQ that the reference showed plainly, and the volume was bent to make up for it."""
    said = calls(suggest(heard, RATE, "fix this mix", good))
    assert said.keys() == {
        ("drums", "change_volume"),
        ("vocals", "change_volume"),
        ("vocals", "apply_eq"),
        ("other", "apply_pan"),
    }
    assert said["drums", "change_volume"].arguments["db"] == pytest.approx(-6, abs=0.5)
    assert said["vocals", "change_volume"].arguments["db"] == pytest.approx(5, abs=0.5)
    assert said["other", "apply_pan"].arguments["balance"] == pytest.approx(-0.6)


@pytest.mark.parametrize(
    ("prompt", "changed"),
    [
        ("drums up 3 dB", {("drums", "change_volume")}),
        ("bass up 6 dB", {("bass", "change_volume")}),
        ("leave the drums alone", {("drums", "change_volume")}),
        ("vocals 2 dB brighter", {("vocals", "apply_eq")}),
    ],
)
def test_words_changed_the_amounts_of_what_they_do_not_name(heard, good, prompt, changed):
    """Beside a mix the amounts were fitted around what the words had set or taken out."""
    plain, worded = (calls(suggest(heard, RATE, text, good)) for text in ("fix this mix", prompt))
    assert {key for key in plain.keys() | worded.keys() if plain.get(key) != worded.get(key)} == changed


def test_a_named_band_froze_the_others(heard, song):
    said = calls(suggest(heard, RATE, "vocals 2 dB brighter", song))
    assert said["vocals", "apply_eq"].arguments == {"low_gain": -6.0, "mid_gain": 3.0, "high_gain": 2.0}


@pytest.mark.parametrize("louder_db", [6.0, -6.0])
def test_a_louder_reference_shifted_faders_of_good_stems(song, good, louder_db):
    gain = np.float32(10 ** (louder_db / 20))
    assert suggest(song, RATE, "fix this mix", good * gain).instructions == {}
    loud = song | {"drums": MixingTools(RATE).change_volume(song["drums"], db=6.0)}
    said = suggest(loud, RATE, "fix this mix", good * gain)
    assert said.instructions == {"drums": (Call("change_volume", {"db": -6.0}),)}
    told = f"{abs(louder_db):.1f} dB {'louder' if louder_db > 0 else 'softer'} as a whole: not followed"
    assert any(told in note for note in said.notes)


def test_a_bass_of_another_section_was_8_db_too_soft(song):
    """Volume and tone of a bass without highs can be told apart in many ways; as a whole it was as loud."""
    half = song["bass"].shape[1] // 2
    here, there = ({name: x[:, part] for name, x in song.items()} for part in (slice(half), slice(half, None)))
    there = {name: x * np.float32(np.sqrt(np.mean(here[name] ** 2) / np.mean(x**2))) for name, x in there.items()}
    said = suggest(here, RATE, "fix this mix", there)
    assert "bass" not in said.instructions


def test_a_reference_of_another_length_gave_a_good_bass_an_eq(song, good):
    half = {name: sound[:, : 4 * RATE] for name, sound in song.items()}
    for stems, reference in ((half, good), (song, good[:, : 4 * RATE])):
        assert look(stems, RATE, reference).kind == "aligned"
        assert suggest(stems, RATE, "fix this mix", reference).instructions == {}


def test_a_place_is_a_place_wherever_the_stem_stands(heard):
    """`other` stands 0.6 to the right; 0.3 to the left of that is still on the right."""
    for prompt, end in (
        ("pan the other 30% left", -0.3),
        ("put the other hard left", -1.0),
        ("other to the left", -0.3),
    ):
        said = calls(suggest(heard, RATE, prompt))
        present = look(heard, RATE).here.active.sum(axis=1)[:, list(heard).index("other")]
        stands = 10 * np.log10(present[1] / present[0]) / 18
        assert said["other", "apply_pan"].arguments["balance"] == pytest.approx(max(-1, end - stands), abs=0.051)


def test_a_silent_stem_that_is_named_is_not_misunderstood(song):
    silent = song | {"tambourine": 0 * song["drums"]}
    notes = suggest(silent, RATE, "tambourine down 3 dB").notes
    assert any("it is silent" in note for note in notes)
    assert not any("not understood" in note for note in notes)


def test_a_prompt_that_is_no_text_gave_a_traceback(song):
    said = suggest(song, RATE, "\udcff drums down 2 dB")
    assert calls(said)["drums", "change_volume"] == Call("change_volume", {"db": -2.0})


def test_dynamics_have_sizes_and_the_level_of_the_stem(song):
    found = {}
    for prompt in ("compress the vocals a bit", "compress the vocals", "compress the vocals a lot"):
        found[prompt] = calls(suggest(song, RATE, prompt))["vocals", "apply_compressor"].arguments
    assert [arguments["ratio"] for arguments in found.values()] == [2.0, 4.0, 8.0]
    softer = song | {"vocals": song["vocals"] * np.float32(10 ** (-6 / 20))}
    threshold = calls(suggest(softer, RATE, "compress the vocals"))["vocals", "apply_compressor"].arguments
    assert threshold["threshold_db"] == pytest.approx(found["compress the vocals"]["threshold_db"] - 6, abs=1.01)
    both = calls(suggest(song, RATE, "compress the vocals, vocals down 6 dB"))
    assert both["vocals", "apply_compressor"].arguments == threshold  # volume comes first
