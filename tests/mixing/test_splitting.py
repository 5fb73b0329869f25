"""The split by artist and song: both sides where possible, and steady."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundwright.mixing.splitting import validation_songs

SONGS = st.sets(st.tuples(st.sampled_from("ABCDE"), st.text("xyz", min_size=1, max_size=3)), max_size=20)


@given(SONGS, st.floats(0.01, 0.9), st.integers(0, 5))
def test_no_artist_is_on_both_sides_and_both_have_songs(songs: set[tuple[str, str]], part: float, seed: int) -> None:
    validating = validation_songs(songs, part, seed)
    training = songs - validating
    assert validating <= songs
    assert validating == validation_songs(sorted(songs, reverse=True), part, seed)
    if len(songs) < 2:
        assert not validating
        return
    assert validating
    assert training
    if len({artist for artist, _ in songs}) > 1:
        assert not {artist for artist, _ in validating} & {artist for artist, _ in training}


def test_about_the_part_that_was_asked_for_validates() -> None:
    songs = [(f"artist {a}", f"song {s}") for a in range(20) for s in range(4)]
    assert len(validation_songs(songs, 0.1, 42)) == 8
    assert len(validation_songs(songs, 0.25, 42)) == 20
    assert validation_songs(songs, 0.1, 1) != validation_songs(songs, 0.1, 2)
    assert validation_songs(songs, 0.0, 1) == set()


def test_one_artist_is_split_by_song() -> None:
    assert len(validation_songs([("A", str(number)) for number in range(10)], 0.2, 0)) == 2


@pytest.mark.parametrize("seed", range(5))
def test_an_artist_with_most_of_the_songs_trains(seed: int) -> None:
    songs = [("A", str(number)) for number in range(99)] + [("B", "one")]
    assert validation_songs(songs, 0.1, seed) == {("B", "one")}
