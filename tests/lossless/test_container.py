"""Whatever the file, it comes back byte for byte; the codec is the stand-in of `conftest`, which may fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sound_files import aiff, music, noise, packed, wav
from stand_in_codec import StandIn

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.swz import MAX_OVERHEAD, Footer, Kind, Method
from soundwright.formats.swz_read import read_footer
from soundwright.lossless.container import Written, plan_archive, write_archive
from soundwright.lossless.container_read import check_archive, num_steps, read_range, restore_file
from soundwright.lossless.pcm_source import open_source

pytestmark = pytest.mark.usefixtures("stand_in")
SLOW_FIXTURES = [HealthCheck.function_scoped_fixture]


def there_and_back(folder: Path, data: bytes, name: str = "a.wav", threads: int = 1) -> Written:
    """Archives bytes, checks that they come back, and that the archive is not too large."""
    path, archive, back = folder / name, folder / "a.swz", folder / "back"
    path.write_bytes(data)
    source = open_source(path)
    told = []
    written = write_archive(plan_archive(source), archive, threads=threads, tell=lambda: told.append(1))
    assert len(told) == plan_archive(source).num_blocks()
    told.clear()
    footer = restore_file(archive, back, threads=threads, tell=lambda: told.append(1))
    assert len(told) == num_steps(footer)
    assert back.read_bytes() == data
    assert footer == written.footer == read_footer(archive)
    assert written.num_bytes == archive.stat().st_size <= len(data) + MAX_OVERHEAD
    check_archive(archive, source, threads=threads)
    return written


def methods(footer: Footer) -> list[Method]:
    return [block.method for block in footer.blocks]


CHUNKS = st.lists(
    st.tuples(st.sampled_from([b"LIST", b"bext", b"cue ", b"\0\0\0\0"]), st.binary(max_size=40)), max_size=3
)


@settings(max_examples=80, deadline=None, suppress_health_check=SLOW_FIXTURES)
@given(
    bits=st.sampled_from([8, 12, 16, 20, 24, 32, 64]),
    channels=st.integers(1, 9),
    num_samples=st.one_of(st.integers(0, 40), st.integers(2_000, 2_300)),
    quiet=st.booleans(),
    rate=st.sampled_from([0, 1, 8_000, 44_100, 192_000, 0xFFFFFFFF]),
    tag=st.sampled_from([1, 1, 1, 3, 2]),
    form=st.sampled_from([b"RIFF", b"RIFF", b"RIFX", b"RF64"]),
    extensible=st.booleans(),
    before=CHUNKS,
    after=CHUNKS,
    data_size=st.sampled_from([None, None, 0, 1, 7, 0xFFFFFFFF, 0x7FFFFFFF]),
    pad=st.booleans(),
    junk=st.binary(max_size=9),
    seed=st.integers(0, 9),
)
def test_any_wav_comes_back(tmp_path: Path, bits, channels, num_samples, quiet, rate, seed, junk, **header) -> None:
    width = -(-bits // 8)
    count = num_samples * channels
    values = np.random.default_rng(seed).integers(-3, 4, count) if quiet else None
    data = packed(values, 8 * width) if values is not None else noise(count, 1, 8 * width, seed=seed)
    there_and_back(tmp_path, wav(data + junk, channels, rate, bits, **header))


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW_FIXTURES)
@given(
    st.binary(max_size=60),
    st.integers(0, 3_000),
    st.integers(1, 3),
    st.sampled_from([8, 16, 24, 32]),
    st.sampled_from([None, b"sowt", b"fl32", b"ima4"]),
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from([None, 0, 0xFFFFFFFF, 9]),
)
def test_any_aiff_and_any_bytes_come_back(
    tmp_path: Path, junk, num_samples, channels, bits, method, offset, late, size
) -> None:
    data = music(num_samples // channels, channels, bits, order=">") + junk
    file = aiff(data, channels, bits, method=method, offset=offset, late_common=late, sound_size=size)
    there_and_back(tmp_path, file, "a.aiff")
    there_and_back(tmp_path, junk)
    there_and_back(tmp_path, file[: num_samples % len(file)])


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_integer_samples_reach_the_codec(tmp_path: Path, stand_in: StandIn, bits: int, channels: int) -> None:
    written = there_and_back(tmp_path, wav(music(40_000, channels, bits), channels, bits=bits))
    assert stand_in.encoded[0] == ((channels, 20_000), bits)
    assert methods(written.footer)[1:] == [Method.CODEC, Method.CODEC]
    assert written.num_bytes < written.footer.length


def test_twenty_four_bits_in_thirty_two_cost_no_fourth_byte(tmp_path: Path) -> None:
    loud = 256 * np.frombuffer(music(40_000), "<i2").astype(np.int64)
    of_24 = there_and_back(tmp_path, wav(packed(loud, 24), bits=24))
    of_32 = there_and_back(tmp_path, wav(packed(loud << 8, 32), bits=32))
    assert of_32.num_bytes < of_24.num_bytes + 200


def test_floats_are_packed_and_the_codec_is_not_asked(tmp_path: Path, stand_in: StandIn) -> None:
    samples = np.sin(np.arange(30_000) / 20).astype("<f4")
    written = there_and_back(tmp_path, wav(samples.tobytes(), bits=32, tag=3))
    assert methods(written.footer)[1:] == [Method.PLANES]
    assert written.num_bytes < 0.95 * written.footer.length
    assert stand_in.encoded == []


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_nothing(tmp_path: Path, threads: int) -> None:
    data = wav(music(150_000, 2), 2, after=[(b"LIST", noise(3_000_000, 1, 8))])
    there_and_back(tmp_path, data)
    one = (tmp_path / "a.swz").read_bytes()
    there_and_back(tmp_path, data, threads=threads)
    assert (tmp_path / "a.swz").read_bytes() == one


def test_what_the_codec_gets_wrong_is_stored_raw_and_counted(tmp_path: Path, stand_in: StandIn) -> None:
    data = wav(music(100_000), after=[(b"LIST", bytes(5_000))])
    stand_in.wrong = True
    written = there_and_back(tmp_path, data)
    assert written.num_failed == 4
    assert methods(written.footer) == [Method.RAW] * 5 + [Method.DEFLATE]
    assert written.footer.sound is not None
    assert written.footer.sound.num_failed == 4
    stand_in.wrong, stand_in.fault = False, ValueError("no such state")
    assert there_and_back(tmp_path, data).num_failed == 4
    # Without anything that shrinks it is stored as a whole, and still told.
    written = there_and_back(tmp_path, wav(music(100_000)))
    assert (written.footer.kind, written.num_failed) == (Kind.STORED, 4)


def test_a_fault_of_the_machine_is_no_fault_of_the_codec(tmp_path: Path, stand_in: StandIn) -> None:
    stand_in.fault = MemoryError()  # type: ignore[assignment]
    with pytest.raises(MemoryError):
        there_and_back(tmp_path, wav(music(100_000)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("length", [0, 1, 2, 43, 100, 5_000, 3_000_000])
def test_noise_grows_by_at_most_64_bytes(tmp_path: Path, length: int) -> None:
    data = noise(length, 1, 8)
    written = there_and_back(tmp_path, data, "a.1234567")
    assert written.footer.kind is Kind.STORED
    there_and_back(tmp_path, wav(data))
    there_and_back(tmp_path, wav(data[: length // 6 * 6], 2, bits=24))


def test_a_file_of_no_known_kind_is_deflated(tmp_path: Path) -> None:
    written = there_and_back(tmp_path, b"words and words " * 200_000, "notes.txt")
    assert written.footer.kind is Kind.BYTES
    assert len(written.footer.blocks) == 4
    assert written.num_bytes < 20_000
    assert written.footer.suffix == ".txt"


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_S8", 8), ("PCM_16", 16), ("PCM_24", 24)])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_flac_comes_back_as_wav_with_equal_samples(tmp_path: Path, subtype: str, bits: int, channels: int) -> None:
    values = np.random.default_rng(1).integers(-(1 << bits - 1), 1 << bits - 1, (9_001, channels))
    values[:2] = [[-(1 << bits - 1)], [(1 << bits - 1) - 1]]
    soundfile.write(tmp_path / "a.flac", (values << 32 - bits).astype(np.int32), 96_000, subtype=subtype)
    source = open_source(tmp_path / "a.flac")
    written = write_archive(plan_archive(source), tmp_path / "a.swz")
    assert written.footer.from_flac
    assert written.footer.suffix == ".wav"
    check_archive(tmp_path / "a.swz", source)
    restore_file(tmp_path / "a.swz", tmp_path / "a.wav")
    back, rate = soundfile.read(tmp_path / "a.wav", dtype="int32", always_2d=True)
    assert rate == 96_000
    assert np.array_equal(back >> 32 - bits, values)
    assert soundfile.info(tmp_path / "a.wav").subtype == ("PCM_U8" if bits == 8 else subtype)
    # By an independent program, whose WAV files need not have our header.
    subprocess.run(["flac", "-d", "-s", "-f", "-o", "theirs.wav", "a.flac"], cwd=tmp_path, check=True)
    theirs, _ = soundfile.read(tmp_path / "theirs.wav", dtype="int32", always_2d=True)
    assert np.array_equal(back, theirs)


def test_a_damaged_flac_file_is_told_by_its_own_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.frombuffer(music(40_000), "<i2"), 44_100, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match="do not have the digest that it names"):
        write_archive(plan_archive(open_source(path)), tmp_path / "a.swz")
    assert not (tmp_path / "a.swz").exists()


def test_flac_of_unknown_length_is_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.frombuffer(music(4_000), "<i2"), 44_100, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    for count in (0, 0xFFFFFFFF):  # unknown, and more than WAV holds
        data[22:26] = count.to_bytes(4, "big")
        written = there_and_back(tmp_path, bytes(data), "b.flac")
        assert not written.footer.from_flac
        assert written.footer.suffix == ".flac"


@pytest.mark.parametrize(("bits", "tag"), [(16, 1), (32, 3)])
def test_a_part_is_that_part_and_costs_its_blocks_only(tmp_path: Path, stand_in: StandIn, bits: int, tag: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(-900, 900, (200_000, 2)).astype("<i2") if tag == 1 else rng.random((200_000, 2)).astype("<f4")
    there_and_back(tmp_path, wav(values.tobytes(), 2, 50_000, bits, tag=tag))
    stand_in.decoded = 0
    part, rate = read_range(tmp_path / "a.swz", 0.6, 0.25)
    assert rate == 50_000
    assert np.array_equal(part, values[30_000:42_500].T)
    assert stand_in.decoded == (1 if tag == 1 else 0)
    for start_s, duration_s in [(0, 9), (3.9, 5), (0.6, 0), (4, 1), (100, 1), (0.65, 0.02), (0.5, 2.5)]:
        part, _ = read_range(tmp_path / "a.swz", start_s, duration_s)
        assert np.array_equal(part, values[round(start_s * rate) : round((start_s + duration_s) * rate)].T)
    for times in [(-1, 1), (0, -1), (float("nan"), 1), (0, float("inf"))]:
        with pytest.raises(UsageError, match="give times"):
            read_range(tmp_path / "a.swz", *times)
    there_and_back(tmp_path, b"no sound")
    with pytest.raises(UsageError, match="stored as it is"):
        read_range(tmp_path / "a.swz", 0, 1)


def test_a_file_that_changes_meanwhile_gives_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(music(1_000)))
    for data in (wav(music(900)), wav(music(1_100))):
        source = open_source(path)
        path.write_bytes(data)
        with pytest.raises(BadInput, match="while it was read"):
            write_archive(plan_archive(source), tmp_path / "a.swz")
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


def test_another_file_does_not_pass_the_check(tmp_path: Path) -> None:
    data = wav(music(90_000))
    there_and_back(tmp_path, data)
    for other, told in [(data[:-2] + b"ab", "differs"), (data[:-2], "differs"), (data + b"a", "has less")]:
        (tmp_path / "b.wav").write_bytes(other)
        with pytest.raises(BadInput, match=told):
            check_archive(tmp_path / "a.swz", open_source(tmp_path / "b.wav"))


MEMORY = """
import resource, sys, zlib
from pathlib import Path
from soundwright.lossless.container import plan_archive, write_archive
from soundwright.lossless.container_read import restore_file
from soundwright.lossless.pcm_source import open_source
folder = Path(sys.argv[1])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
write_archive(plan_archive(open_source(folder / "long.rf64")), folder / "long.swz", threads=2)
restore_file(folder / "long.swz", folder / "back.rf64", threads=2)
print(peak() - before)
"""


def test_memory_does_not_follow_the_length(tmp_path: Path) -> None:
    """120 MB of floats and 60 MB of foreign bytes within 60 MB; blocks have 3.5 MB."""
    with open(tmp_path / "long.rf64", "wb") as file:
        file.write(wav(b"", 2, bits=32, tag=3, data_size=120_000_000, pad=False))
        file.truncate(180_000_000)
    answer = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)], check=True, capture_output=True, text=True
    ).stdout
    assert int(answer) < 60_000
    assert (tmp_path / "long.swz").stat().st_size < 1_000_000
