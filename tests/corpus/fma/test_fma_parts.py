"""The pieces that `corpus fma` is made of: reading by ranges, and the order of tracks."""

from __future__ import annotations

import io
import os
import zipfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from fma_archive import make_archive
from fma_server import serving
from hypothesis import given
from hypothesis import strategies as st

from soundwright.corpus.fma.archive import Archive, keep_directory
from soundwright.corpus.fma.ranges import RangeFile
from soundwright.corpus.fma.remote import Patience, Remote
from soundwright.corpus.fma.selection import balanced, beginning, shuffled

CONTENT = bytes(range(256)) * 3

reads = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 900), st.just(0)),
        st.tuples(st.just("seek"), st.integers(-900, 900), st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END])),
        st.tuples(st.just("expect"), st.integers(0, 700), st.integers(0, 300)),
    ),
    max_size=30,
)


@given(st.integers(0, len(CONTENT)), reads)
def test_a_range_file_reads_as_the_file_itself(tail_length: int, calls: list[tuple[str, int, int]]) -> None:
    fetched: list[tuple[int, int]] = []

    def fetch(start: int, stop: int) -> bytes:
        assert 0 <= start < stop <= len(CONTENT) - tail_length
        fetched.append((start, stop))
        return CONTENT[start:stop]

    ours, true = RangeFile(len(CONTENT), fetch, CONTENT[len(CONTENT) - tail_length :]), io.BytesIO(CONTENT)
    for call, a, b in calls:
        if call == "read":
            assert ours.read(a) == true.read(a)
        elif call == "expect":
            ours.expect(a, a + b)
        else:
            base = {os.SEEK_SET: 0, os.SEEK_CUR: true.tell(), os.SEEK_END: len(CONTENT)}[b]
            if base + a < 0:
                with pytest.raises(OSError, match="Invalid argument"):
                    ours.seek(a, b)
            else:
                assert ours.seek(a, b) == true.seek(base + a)
        assert ours.tell() == true.tell()


def test_what_is_expected_comes_in_one_request() -> None:
    fetched: list[tuple[int, int]] = []

    def fetch(start: int, stop: int) -> bytes:
        fetched.append((start, stop))
        return CONTENT[start:stop]

    file = RangeFile(len(CONTENT), fetch, CONTENT[-100:])
    file.expect(10, 300)
    file.seek(10)
    while file.tell() < 300:
        file.read(7)
    assert fetched[0] == (10, 300)
    assert len(fetched) == 2  # the last read of seven bytes reaches beyond


def test_the_archives_of_these_tests_are_as_the_published_ones(tmp_path: Path) -> None:
    make_archive(tmp_path / "fma_small.zip", [2, 3])
    data = (tmp_path / "fma_small.zip").read_bytes()
    assert b"PK\x06\x06" in data  # end record of zip64
    with zipfile.ZipFile(tmp_path / "fma_small.zip") as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_BZIP2}
        assert archive.namelist()[1:3] == ["fma_small/checksums", "fma_small/000/000002.mp3"]


def test_a_long_directory_comes_in_two_requests_and_is_kept(tmp_path: Path) -> None:
    make_archive(tmp_path / "fma_large.zip", {i: bytes(i % 7) for i in range(1500)}, compression=zipfile.ZIP_STORED)
    with serving(tmp_path) as server:
        url, kept = f"{server.url}/fma_large.zip", tmp_path / "kept"
        keep_directory(Remote(url, Patience()), kept)
        assert [asked.status for asked in server.log] == [206, 206]
        with zipfile.ZipFile(tmp_path / "fma_large.zip") as archive:
            size = (tmp_path / "fma_large.zip").stat().st_size - archive.start_dir
            assert server.bytes_sent == size > 1 << 16
            names = {name for name in archive.namelist() if name.endswith(".mp3")}
        with closing(Archive(url, kept).open()) as opened:
            assert {f"fma_large/{key}" for key in opened.tracks} == names
        with closing(Archive(str(tmp_path / "fma_large.zip")).open()) as local:
            assert local.digest == opened.digest
        assert len(server.log) == 2


def test_the_order_is_the_same_for_ever() -> None:
    keys = [f"000/{i:06d}.mp3" for i in range(10)]
    assert [key[-5] for key in shuffled(keys, 42)] == list("1973280546"), "tracks of published seeds would change"
    assert shuffled(reversed(keys), 42) == shuffled(keys, 42) != shuffled(keys, 43)


@given(st.dictionaries(st.text(max_size=4), st.sampled_from(["", "Folk", "Pop", "Rock"])), st.integers(0, 9))
def test_every_beginning_of_a_balanced_order_is_balanced(genres: dict[str, str], seed: int) -> None:
    order = balanced(genres, seed)
    left = Counter(genre for genre in genres.values() if genre)
    assert sorted(order) == sorted(key for key, genre in genres.items() if genre)
    taken: Counter[str] = Counter()
    for key in order:
        taken[genres[key]] += 1
        left[genres[key]] -= 1
        going_on = [taken[genre] for genre in left if left[genre]]
        assert not going_on or max(taken.values()) - min(going_on) <= 1


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 20))
def test_a_beginning_has_as_many_good_ones_as_asked_for(good: list[bool], number: int) -> None:
    order = [str(i) for i in range(len(good))]
    bad = [key for key, is_good in zip(order, good, strict=True) if not is_good]
    keys = beginning(order, number, bad)
    assert keys == order[: len(keys)]
    assert sum(key not in bad for key in keys) == min(number, sum(good))
    assert keys == order or keys[-1] not in bad
