"""What producers give, how they are found, and how their options are read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.codec import registry
from soundwright.core.errors import BadInput, UsageError
from soundwright.formats import ecdc
from soundwright.formats.features import Feature
from soundwright.sidecar.producers import catalog, options
from soundwright.sidecar.producers import sound as sound_module
from soundwright.sidecar.producers.contract import Clip
from soundwright.sidecar.producers.from_audio import block_level_db, spectral_centroid
from soundwright.sidecar.producers.lin import Lin, LinOptions
from soundwright.sidecar.producers.sound import SoundSource
from soundwright.sidecar.values import as_column, check_name, store

HERE = Path("x.ecdc")


# --- ramps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["gain", "gain=1", "gain=1:2:3", "gain=a:b", "=0:1"])
def test_a_wrong_line_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--lin"):
        Lin(LinOptions(lin=[text]))


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        Lin(LinOptions(lin=["a=0:1", "a=1:2"]))


@pytest.mark.parametrize(("text", "limits"), [("0:1", (0, 1)), ("3:-2", (-2, 3)), ("5:5", (5, 5))])
def test_the_ends_of_a_line_are_its_range(text: str, limits: tuple[float, float]) -> None:
    assert Lin(LinOptions(lin=[f"x={text}"])).features(Clip("x.ecdc", HERE))["x"].range == limits


# --- tables ---------------------------------------------------------------------------------------------------------


def write_table(path: Path, rows: list[list[object]]) -> Path:
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.worksheets[0].append(row)
        book.save(path)
    else:
        separator = {".csv": ",", ".tsv": "\t", ".semi": ";"}[path.suffix]
        path.write_text("\n".join(separator.join(str(cell) for cell in row) for row in rows), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".semi", ".xlsx"])
def test_a_table_is_joined_by_file_name(shop, tmp_path, ending: str) -> None:
    for key in ("k1", "deep/k2", "deep/k3"):
        shop.token(key)
    for name in list(shop.tokens.rglob("*pitch*")):
        name.unlink()
    rows = [["file", "tempo", "key"], ["k1.wav", 120, "C"], ["deep/k2", 99.5, "A"], ["k3.ecdc", 0.25, "C"]]
    table = write_table(tmp_path / f"t{ending}", rows)
    assert shop.add("--table", str(table), producer="table").exit_code == 0
    assert [list(shop.read(key).values[0]) for key in ("k1", "deep/k2", "deep/k3")] == [[120, 1], [99.5, 0], [0.25, 1]]
    assert shop.conditions().parameters["key"].classes == ("A", "C")
    # a changed table is read again, an unchanged one is not
    assert shop.add("--table", str(table), producer="table").skipped == 3
    rows[1][1] = 121
    write_table(table, rows)
    shop.add("--table", str(table), producer="table")
    assert shop.read("k1").column("tempo")[0] == 121
    # a new class goes to the end: the indices in files keep their meaning
    rows[2][2] = "B"
    write_table(table, rows)
    shop.add("--table", str(table), producer="table")
    assert shop.conditions().parameters["key"].classes == ("A", "C", "B")
    assert [shop.read(key).column("key")[0] for key in ("k1", "deep/k2", "deep/k3")] == [1, 2, 1]


def test_rows_and_cells_that_are_missing(shop, tmp_path) -> None:
    for name in list(shop.tokens.rglob("*pitch*")):
        name.unlink()
    for key in ("k1", "k2", "k3"):
        shop.token(key)
    table = write_table(tmp_path / "t.csv", [["file", "a", "b"], ["k1", 1, 1], ["k2", 2, ""], ["gone", 3, 3]])
    summary = shop.add("--table", str(table), producer="table")
    told = {key: str(error) for key, error in summary.failures}
    assert "has no b" in told["k2.ecdc"]
    assert "has no row in" in told["k3.ecdc"]
    assert any("1 rows have no clip: gone (row 4)" in note for note in summary.notes)
    assert shop.add("--table", str(table), "--table-columns", "a", producer="table", mode="overwrite").done == 2


@pytest.mark.parametrize(
    ("rows", "flags", "told"),
    [
        ([["file", "a"], ["k", 1], ["k.wav", 2]], [], "row 3 is for 'k', as row 2"),
        ([["file", "a", "a"], ["k", 1, 2]], [], "named twice"),
        ([["file", "a"], ["k", 1], ["l", "n/a"]], [], "column a has numbers, and 'n/a' in row 3"),
        ([["file", "a"], ["k", 1]], ["--table-key", "name"], "has no column 'name'"),
        ([["file", "a"], ["k", 1]], ["--table-columns", "b"], "has no column 'b'"),
        ([], [], "no row of column names"),
    ],
)
def test_a_table_that_makes_no_sense_is_told(shop, tmp_path, rows, flags, told: str) -> None:
    table = write_table(tmp_path / "t.csv", rows)
    with pytest.raises(UsageError, match=re.escape(told)) as caught:
        shop.add("--table", str(table), *flags, producer="table")
    assert caught.value.path == table


def test_unreadable_tables_are_told(shop, tmp_path) -> None:
    (tmp_path / "bad.xlsx").write_bytes(b"no zip")
    (tmp_path / "bad.csv").write_bytes(b"f,a\nk,\xff\n")
    write_table(tmp_path / "good.xlsx", [["file", "a"]])
    for flags, told in [
        (["--table", str(tmp_path / "bad.xlsx")], "is no .xlsx file"),
        (["--table", str(tmp_path / "bad.csv")], "is not UTF-8"),
        (["--table", str(tmp_path / "none.csv")], "cannot be read"),
        (["--table", str(tmp_path / "good.xlsx"), "--table-sheet", "no"], "has no sheet 'no'"),
        ([], "nothing to read"),
    ]:
        with pytest.raises(UsageError, match=told):
            shop.add(*flags, producer="table")


# --- sound ----------------------------------------------------------------------------------------------------------

RATE = 24_000


def tone(hz: float, level: float, num_samples: int) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(num_samples) / RATE)).astype(np.float32)


def test_level_of_silence_full_scale_and_a_tone() -> None:
    samples = np.concatenate([np.zeros(320, np.float32), np.ones(320, np.float32), tone(1500, 0.1, 320)])
    np.testing.assert_allclose(block_level_db(samples, 320), [-120, 0, -20 - 3.0103], atol=1e-3)


@pytest.mark.parametrize("hz", [200.0, 1000.0, 6000.0])
def test_the_centroid_of_a_tone_is_its_frequency(hz: float) -> None:
    found = spectral_centroid(tone(hz, 0.1, 320 * 40), 320, RATE)
    assert len(found) == 40
    np.testing.assert_allclose(found[3:-3], hz, rtol=0.01)
    assert spectral_centroid(np.zeros(3200, np.float32), 320, RATE).tolist() == [0] * 10


def alone(shop) -> None:
    for path in list(shop.tokens.rglob("*pitch*")):
        path.unlink()


def test_sound_is_measured_on_the_recording(shop, tmp_path) -> None:
    alone(shop)
    shop.token("deep/t", RATE)
    recordings = tmp_path / "wavs"
    (recordings / "deep").mkdir(parents=True)
    samples = np.concatenate([tone(440, 0.5, RATE // 2), np.zeros(RATE // 2, np.float32)])
    soundfile.write(recordings / "deep" / "t.flac", samples, RATE)
    assert shop.add(producer="from_audio", audio_files=recordings).exit_code == 0
    found = shop.read("deep/t")
    assert found.names == ("level_db", "f0_hz", "voiced", "centroid_hz")
    middle = slice(5, 30)
    np.testing.assert_allclose(found.column("level_db")[middle], 20 * np.log10(0.5 / np.sqrt(2)), atol=0.3)
    np.testing.assert_allclose(found.column("f0_hz")[middle], 440, rtol=0.005)
    assert set(found.column("voiced")[middle]) == {1}
    assert set(found.column("voiced")[45:]) == {0}
    assert found.column("level_db")[-1] == -120
    schema = shop.conditions()
    assert schema.parameters["f0_hz"].units == "Hz"
    assert schema.parameters["voiced"].classes == ("unvoiced", "voiced")
    # a changed recording is measured again
    assert shop.add(producer="from_audio", audio_files=recordings).skipped == 1
    soundfile.write(recordings / "deep" / "t.flac", 0.1 * samples, RATE)
    shop.add(producer="from_audio", audio_files=recordings)
    np.testing.assert_allclose(shop.read("deep/t").column("level_db")[middle], -29.0, atol=0.5)


@pytest.mark.parametrize("hz", [1590.0, 1625.0, 1655.0])
def test_no_pitch_lies_above_the_highest_and_that_is_its_declared_range(shop, tmp_path, hz: float) -> None:
    alone(shop)
    shop.token("t", RATE)
    (tmp_path / "wavs").mkdir()
    soundfile.write(tmp_path / "wavs" / "t.wav", tone(hz, 0.5, RATE), RATE)
    assert shop.add(producer="from_audio", audio_files=tmp_path / "wavs").exit_code == 0
    assert shop.conditions().parameters["f0_hz"].range == (0, 1600)
    assert shop.read("t").column("f0_hz").max() <= 1600


class ToyCodec:
    """Decodes every code to a constant level."""

    class info:
        name, revision, sample_rate, hop = "encodec_24khz", "toy", RATE, 320

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return np.full(codes.shape[1] * 320, 0.1, np.float32)


def test_without_recording_the_tokens_are_decoded(shop, tmp_path, monkeypatch) -> None:
    alone(shop)
    asked = []
    monkeypatch.setattr(registry, "load_codec", lambda name, device: asked.append((name, device)) or ToyCodec())
    sound_module._codec.cache_clear()
    shop.token("t")
    assert shop.add("--audio-feats", "rms_db", producer="from_audio", audio_device="cpu").exit_code == 0
    assert asked == [("encodec_24khz", "cpu")]
    np.testing.assert_allclose(shop.read("t").column("rms_db"), -20, atol=0.02)
    (tmp_path / "wavs").mkdir()
    soundfile.write(tmp_path / "wavs" / "other.wav", np.zeros(10), RATE)
    summary = shop.add("--audio-feats", "rms_db", producer="from_audio", audio_files=tmp_path / "wavs", dtype="float32")
    assert "measured on the decoded tokens" in summary.warnings[0][1]
    sound_module._codec.cache_clear()


def test_a_codec_that_cannot_be_had_is_asked_for_once(shop, monkeypatch) -> None:
    asked = []

    def load(name: str, device: str) -> None:
        asked.append(name)
        raise UsageError("no weights", remedy="fetch them")

    monkeypatch.setattr(registry, "load_codec", load)
    sound_module._codec.cache_clear()
    summary = shop.add(producer="from_audio", audio_codec="mine")
    assert [str(error) for _, error in summary.failures] == ["no weights -> fetch them"] * 3
    assert asked == ["mine"]
    monkeypatch.setattr(registry, "load_codec", lambda name, device: ToyCodec())
    sound_module._codec.cache_clear()
    header = ecdc.TokenHeader("encodec_24khz", 3200, 2, revision="another")
    with pytest.raises(BadInput, match="codec encodec_24khz here has toy -> give --audio-codec"):
        sound_module.sound_of("t.ecdc", HERE, header, SoundSource())
    sound_module._codec.cache_clear()


def test_a_recording_of_another_length_is_refused(shop, tmp_path) -> None:
    alone(shop)
    shop.token("t", 3200)
    (tmp_path / "wavs").mkdir()
    soundfile.write(tmp_path / "wavs" / "t.wav", tone(440, 0.5, 6400), RATE)
    [(_, error)] = shop.add(producer="from_audio", audio_files=tmp_path / "wavs").failures
    assert "has 6400 samples at 24000 Hz, its token file 3200" in str(error)
    soundfile.write(tmp_path / "wavs" / "t.flac", tone(440, 0.5, 3200), RATE)
    [(_, error)] = shop.add(producer="from_audio", audio_files=tmp_path / "wavs").failures
    assert "several recordings have its name: t.flac, t.wav" in str(error)


def test_a_recording_that_was_not_encoded_is_told(tmp_path) -> None:
    from soundwright.formats.ecdc import TokenHeader

    soundfile.write(tmp_path / "t.wav", tone(440, 0.5, 3100), RATE)
    header = TokenHeader("encodec_24khz", 3100, 2, source="0" * 64)
    samples, warning = sound_module.sound_of(
        "t.ecdc", HERE, header, SoundSource(sound_module.find_recordings(tmp_path))
    )
    assert len(samples) == 3200
    assert not samples[3100:].any()
    assert "is not the file that was encoded" in str(warning)


def test_unknown_measurements_are_refused(shop) -> None:
    with pytest.raises(UsageError, match="--audio-feats loudness"):
        shop.add("--audio-feats", "loudness", producer="from_audio")


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "NaN or infinite"),
        ([1.0, float("inf"), 3.0], "NaN or infinite"),
        ([1.0, 2.0], "expected one value per frame"),
        (np.zeros((3, 1)), "expected one value per frame"),
        ({"a": 1}, "expected numbers"),
    ],
)
def test_impossible_values_are_told(value: object, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        as_column("a", value, 3, Feature(), HERE)  # type: ignore[arg-type]


@given(st.lists(st.floats(-70000, 70000), min_size=1, max_size=20), st.sampled_from(["float16", "float32"]))
@settings(max_examples=200, deadline=None)
def test_what_is_stored_is_what_was_given(values: list[float], dtype: str) -> None:
    column = np.array(values)
    try:
        stored = store("a", column, dtype, Feature(), HERE).astype(float)  # type: ignore[arg-type]
    except BadInput:
        return
    scale = np.abs(column).max()
    assert (np.abs(stored - column) <= (2.0**-11 if dtype == "float16" else 2.0**-24) * scale).all()
    whole = column == np.rint(column)
    np.testing.assert_array_equal(stored[whole], column[whole])


def test_tiny_values_do_not_vanish() -> None:
    with pytest.raises(BadInput, match="float16 cannot hold 1e-08"):
        store("a", np.full(3, 1e-8), "float16", Feature(), HERE)
    store("a", np.linspace(0, 1, 100_001)[1:], "float16", Feature(), HERE)  # near zero, on the scale of one


@pytest.mark.parametrize("name", ["", " a", "a,b", "a\n", 3])
def test_impossible_names_are_told(name: object) -> None:
    with pytest.raises(BadInput, match="the name"):
        check_name(name, HERE, "mine")


# --- finding producers and reading their options --------------------------------------------------------------------

MINE = '''
"""A file of the user's."""
from soundwright.sidecar.producers import Options, Producer

class MineOptions(Options):
    device: str = "cpu"
    """Where."""
    tempo_scale: float = 1.0
    """Factor."""

class Mine(Producer):
    """Tempo of everything."""
    Options = MineOptions
    def produce(self, clip):
        return {"NAME": 100 * self.options.tempo_scale}
'''


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "tempo.py").write_text(MINE.replace("NAME", "tempo"))
    (folder / "other.py").write_text(MINE.replace("NAME", "other"))
    return folder


def test_a_users_file_is_found_by_name_file_and_path(shop, mine, monkeypatch) -> None:
    for reference in ("tempo", "tempo.py", str(mine / "tempo.py")):
        assert catalog.find(reference, mine).file == (mine / "tempo.py").resolve()
    monkeypatch.syspath_prepend(str(mine))
    assert catalog.find("tempo:Mine", None).load().__doc__ == "Tempo of everything."
    dotted = catalog.find("soundwright.sidecar.producers.lin", None)
    assert (dotted.name, dotted.load()) == ("lin", Lin)


def test_a_users_own_file_goes_before_a_built_in(mine) -> None:
    (mine / "const.py").write_text(MINE.replace("NAME", "c"))
    assert catalog.find("const", mine).file == (mine / "const.py").resolve()
    assert catalog.find("const", None).file is None


def test_two_producers_share_a_flag_and_hyphens_are_as_good_as_underscores(shop, mine, keys) -> None:
    flags = ["--device=cpu", "--tempo_scale", "0.5"]
    summary = shop.add(*flags, producer=["tempo", "other"], producers_dir=mine)
    assert summary.exit_code == 0
    assert list(shop.read(keys[0]).values[0]) == [50, 50]
    chosen = options.choose([catalog.find("tempo", mine)], ["--tempo-scale", "-2"])
    assert chosen[0].options["tempo_scale"] == -2


def test_an_edited_producer_is_run_again(shop, mine, keys) -> None:
    shop.add(producer="tempo", producers_dir=mine)
    assert shop.add(producer="tempo", producers_dir=mine).skipped == 3
    (mine / "tempo.py").write_text(MINE.replace("NAME", "tempo").replace("100 *", "200 *"))
    shop.add(producer="tempo", producers_dir=mine)
    assert shop.read(keys[0]).column("tempo")[0] == 200


def test_worker_processes_load_a_users_file_themselves(shop, mine) -> None:
    from soundwright.runs.options import RunOptions

    (mine / "tempo.py").write_text(
        MINE.replace("NAME", "tempo").replace("Options = Mine", "slow = True; Options = Mine")
    )
    assert shop.add(producer="tempo", producers_dir=mine, options=RunOptions(workers=2)).exit_code == 0
    assert shop.conditions().num_clips == 3


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        (["--volume", "3"], r"unknown option --volume \(producers: tempo\)"),
        (["--tempo-scale", "fast"], "producer tempo: --tempo-scale 'fast'"),
        (["--tempo-scale", "1", "--tempo-scale", "2"], "producer tempo: .*multiple times"),
        (["--tempo-scale"], "producer tempo"),
        (["fast"], "unexpected argument 'fast'"),
        (["--device", "cpu", "extra"], "producer tempo"),
    ],
)
def test_wrong_options_name_the_producer(mine, tokens: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        options.choose([catalog.find("tempo", mine)], tokens)


def test_an_option_that_could_never_be_given_is_refused(shop, mine) -> None:
    (mine / "tempo.py").write_text(MINE.replace("device", "mode"))
    with pytest.raises(UsageError, match="its option --mode is one of sidecar add itself -> call it e.g. --tempo-mode"):
        shop.add(producer="tempo", producers_dir=mine)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nothing_of_this_name", "does not import"),
        ("x = (", "does not import"),
        ("x = 1", "expected one subclass of Producer, found none"),
        (MINE + "class Second(Mine): pass", "found Mine, Second"),
    ],
)
def test_a_broken_file_is_told_and_does_not_hide_the_others(mine, text: str, told: str) -> None:
    (mine / "broken.py").write_text(text)
    source = catalog.find("broken", mine)
    with pytest.raises(UsageError, match=told):
        source.load()
    lines = [options.summary_line(one, 10) for one in catalog.available(mine)]
    assert any("Tempo of everything." in line for line in lines)
    assert any(line.startswith("broken") and "cannot be used" in line for line in lines)


@pytest.mark.parametrize("reference", ["nope", "nope.py", "nope.mod", "soundwright.core.errors:UsageError"])
def test_a_producer_that_is_not_there_is_told(reference: str) -> None:
    with pytest.raises(UsageError):
        catalog.find(reference, None).load()


def test_a_producer_that_fails_concerns_one_clip(shop, mine) -> None:
    (mine / "tempo.py").write_text(
        MINE.replace('{"NAME": 100 * self.options.tempo_scale}', '{"t": 1 / (clip.num_frames - 1)}')
    )
    summary = shop.add(producer="tempo", producers_dir=mine)
    [(_, error)] = summary.failures
    assert "producer tempo failed: ZeroDivisionError" in str(error)
    assert "tempo.py, line" in str(error)
    assert summary.done == 2


def test_a_producer_must_announce_what_it_gives(shop, mine) -> None:
    liar = MINE.replace("NAME", "t") + "    def features(self, clip):\n        return {'u': None}\n"
    (mine / "tempo.py").write_text(liar.replace("None", "__import__('soundwright').sidecar.producers.Feature()"))
    summary = shop.add(producer="tempo", producers_dir=mine)
    assert "gives ['t'] and announces ['u']" in str(summary.failures[0][1])


def test_a_clip_tells_what_it_is(shop) -> None:
    path = shop.token("deep/x.y_p3", 641, 4)
    clip = Clip("deep/x.y_p3.ecdc", path)
    assert (clip.stem, clip.num_frames, clip.fps, clip.hop, clip.sample_rate) == ("x.y_p3", 3, 75, 320, RATE)
    assert clip.header.num_codebooks == 4
