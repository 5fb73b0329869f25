"""Defects seen in the tool that document 002 describes (lonce/EncHF_Dataset), each of which stays away.

The numbers are those of our list of its defects.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

from soundwright.core.errors import UsageError
from soundwright.formats import ecdc, manifest, sidecar
from soundwright.runs.options import RunOptions
from soundwright.runs.summary import RunSummary
from soundwright.sidecar.add import add
from soundwright.sidecar.init import init

HERE = RunOptions(workers=1)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Seven token files, as in the measurement of defect 11."""
    for i in range(7):
        header = ecdc.TokenHeader("encodec_24khz", 72_000, 2)
        codes = np.zeros((2, 225), np.uint16)
        ecdc.write(tmp_path / "ecdc" / f"foo_pitch_{60 + i}.00_amp_.75.ecdc", ecdc.TokenFile.of(header, codes))
    return tmp_path / "ecdc"


def fill(tokens: Path, *flags: str, producer: list[str], **options: object) -> RunSummary:
    summary = add(*flags, audio_root=tokens, producer=producer, create_missing=True, options=HERE, **options)  # type: ignore[arg-type]
    assert isinstance(summary, RunSummary)
    return summary


def test_3_every_built_in_producer_starts() -> None:
    """from_audio.py was a SyntaxError."""
    for name in ("const", "lin", "from_filename", "table", "from_audio"):
        assert importlib.util.find_spec(f"soundwright.sidecar.producers.{name}") is not None
        importlib.import_module(f"soundwright.sidecar.producers.{name}")


def test_4_npy_and_json_change_together(tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between the two left values (225, 2) beside the names []."""
    init(audio_root=tokens, options=HERE)
    real = os.replace

    def crash(source: object, target: object) -> None:
        if str(target).endswith(".cond.json"):
            raise RuntimeError("crash")
        real(source, target)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", crash)
        assert fill(tokens, "--const", "a=1", "b=2", producer=["const"]).exit_code == 1
    [first, *_] = sorted(tokens.glob("*.npy"))
    assert np.load(first).shape == (225, 2)
    with pytest.raises(sidecar.HalfReplaced):
        sidecar.read(first)
    assert fill(tokens, "--const", "a=1", "b=2", producer=["const"]).exit_code == 0
    assert sidecar.read(first).names == ("a", "b")


def test_5_the_json_is_called_like_the_npy(tokens: Path) -> None:
    """`Path("x.cond.npy").with_suffix(".cond.json")` is x.cond.cond.json: names and norm never reached the dataset."""
    init(audio_root=tokens, options=HERE)
    assert (tokens / "foo_pitch_60.00_amp_.75.cond.json").is_file()
    assert not list(tokens.rglob("*.cond.cond.json"))


def test_5_its_own_files_get_the_remedy(tokens: Path) -> None:
    npy_path = tokens / "foo_pitch_60.00_amp_.75.cond.npy"
    np.save(npy_path, np.zeros((225, 0), np.float16))
    raw = {"schema_version": 1, "fps": 75, "names": [], "source_rate": 75, "norm": {}}
    (tokens / "foo_pitch_60.00_amp_.75.cond.cond.json").write_text(json.dumps(raw))
    [(_, error)] = init(audio_root=tokens, options=HERE).failures
    assert "rename it to foo_pitch_60.00_amp_.75.cond.json" in str(error)


def test_6_the_columns_are_the_same_in_every_file(tokens: Path) -> None:
    """They were pitch, pitch_64_amp, tempo or none, file by file, and nothing was said."""
    for name, other in [("foo_pitch_60.00_amp_.75", "foo_tempo_3"), ("foo_pitch_61.00_amp_.75", "foo")]:
        (tokens / f"{name}.ecdc").rename(tokens / f"{other}.ecdc")
    summary = fill(tokens, producer=["from_filename"])
    assert (summary.done, len(summary.failures), summary.exit_code) == (5, 2, 1)
    assert {sidecar.read(path).names for path in tokens.glob("*.npy")} == {("pitch", "amp")}


@pytest.mark.parametrize("flags", [(), ("--filename-regex", r"_(?P<name>\w+)_(?P<value>-?\d+(\.\d+)?)")])
def test_7_file_names_are_not_read_greedily(tokens: Path, flags: tuple[str, ...]) -> None:
    """foo_pitch_64_amp_5 gave {pitch_64_amp: 5}, and the document's own foo_pitch_64.00_amp_.75 only pitch."""
    path = tokens / "foo_pitch_64_amp_5.ecdc"
    (tokens / "foo_pitch_66.00_amp_.75.ecdc").rename(path)
    fill(tokens, *flags, producer=["from_filename"])
    found = sidecar.read(path.with_suffix(".cond.npy"))
    assert dict(zip(found.names, found.values[0], strict=True)) == {"pitch": 64, "amp": 5}
    found = sidecar.read(tokens / "foo_pitch_65.00_amp_.75.cond.npy")
    assert dict(zip(found.names, found.values[0], strict=True)) == {"pitch": 65, "amp": 0.75}


@pytest.mark.parametrize("value", [4097, 70_000])
def test_8_the_default_dtype_loses_no_value(tokens: Path, value: int) -> None:
    """float16 made 4096 of 4097, and infinity of 70000."""
    summary = fill(tokens, "--const", f"scene_id={value}", producer=["const"])
    assert len(summary.failures) == 7
    assert all("--dtype float32" in str(error) for _, error in summary.failures)
    assert fill(tokens, "--const", f"scene_id={value}", producer=["const"], dtype="float32").exit_code == 0


def test_9_append_says_changed_only_where_something_changed(tokens: Path) -> None:
    fill(tokens, "--const", "a=1", producer=["const"])
    fill(tokens, "--const", "b=1", producer=["const"])
    assert fill(tokens, "--const", "a=1", producer=["const"]).notes == [
        "0 sidecars changed, 7 held these values already"
    ]


PRODUCER = """
from soundwright.sidecar.producers import Options, Producer
class O(Options):
    device: str = "cpu"
class P(Producer):
    Options = O
    def produce(self, clip):
        return {"%s": len(self.options.device)}
"""


def test_9_two_producers_may_have_the_same_flag(tokens: Path, tmp_path: Path) -> None:
    """The second one's --device crashed the parser."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(PRODUCER % name)
    summary = fill(tokens, "--device", "cuda", producer=["one", "two"], producers_dir=tmp_path)
    assert summary.exit_code == 0
    assert list(sidecar.read(next(tokens.glob("*.npy"))).values[0]) == [4, 4]


def test_10_half_of_the_shard_options_is_an_error() -> None:
    """It silently did everything."""
    for half in ({"shard_index": 0}, {"shard_count": 2}):
        with pytest.raises(UsageError, match="without"):
            RunOptions(**half)


def test_11_shards_keep_each_others_manifest_rows(tokens: Path, tmp_path: Path) -> None:
    """Three of seven rows were left."""
    for index in range(3):
        options = RunOptions(workers=1, shard_index=index, shard_count=3)
        init(audio_root=tokens, manifest_csv=tmp_path / "m.csv", options=options)
    assert len(manifest.read(tmp_path / "m.csv")) == 7


def test_values_of_any_dtype_and_layout_are_taken(tokens: Path, tmp_path: Path) -> None:
    """`np.asarray(x, copy=False)` is a ValueError on numpy 2 when the dtype changes."""
    (tmp_path / "ints.py").write_text(
        "import numpy as np\nfrom soundwright.sidecar.producers import Producer\n"
        "class P(Producer):\n    def produce(self, clip):\n"
        "        return {'i': np.arange(2 * clip.num_frames, dtype='>i8')[::2], 'l': [True] * clip.num_frames}\n"
    )
    assert fill(tokens, producer=["ints"], producers_dir=tmp_path).exit_code == 0
    assert list(sidecar.read(next(tokens.glob("*.npy"))).values[3]) == [6, 1]


@pytest.mark.parametrize("cells", [("60,5", "61,5"), ("60", "61,5"), ("-,5", "+1,25")])
def test_decimal_commas_are_no_classes(tokens: Path, tmp_path: Path, cells: tuple[str, str]) -> None:
    """A column of 60,5 and 61,5 became a class parameter with the classes "60,5" and "61,5", and nothing was said."""
    rows = [f"foo_pitch_{60 + i}.00_amp_.75;{cells[i % 2]}" for i in range(7)]
    (tmp_path / "t.csv").write_text("\n".join(["file;pitch", *rows]))
    with pytest.raises(UsageError, match=r"column pitch has .* a decimal comma is no number -> .*with a point"):
        fill(tokens, "--table", str(tmp_path / "t.csv"), producer=["table"])
    assert not list(tokens.glob("*.npy"))
    (tmp_path / "t.csv").write_text("\n".join(["file;pitch", *(row.replace(",", ".") for row in rows)]))
    assert fill(tokens, "--table", str(tmp_path / "t.csv"), producer=["table"]).exit_code == 0


def test_another_folder_for_the_sidecars_is_told(tokens: Path, tmp_path: Path) -> None:
    """`sidecar add --cond-root OTHER` changed what the tokens remember without a word."""
    first, other = tmp_path / "first", tmp_path / "other"
    assert not any("from now on" in note for note in init(audio_root=tokens, cond_root=first, options=HERE).notes)
    summary = fill(tokens, "--const", "a=1", producer=["const"], cond_root=other)
    [note] = [note for note in summary.notes if "from now on" in note]
    assert f"was {first}, from now on it is {other} -> to go back: sidecar init --cond-root {first}" in note
    assert not any("from now on" in note for note in fill(tokens, "--const", "a=1", producer=["const"]).notes)
    [note] = [note for note in init(audio_root=tokens, cond_root=first, options=HERE).notes if "from now on" in note]
    assert f"was {other}, from now on it is {first}" in note
    [note] = [note for note in init(audio_root=tokens, cond_root=tokens, options=HERE).notes if "from now on" in note]
    assert f"was {first}, from now on it is {tokens}" in note


@pytest.mark.parametrize("name", ["n" * 235 + "_amp_1", "é" * 115 + "_amp_1.5"])
def test_a_name_as_long_as_the_sidecar_allows(tokens: Path, name: str) -> None:
    """The pending file was called .NAME.cond.json.pending: a name of 240 bytes could be encoded, and had no sidecar."""
    (tokens / "foo_pitch_60.00_amp_.75.ecdc").rename(tokens / f"{name}.ecdc")
    assert init(audio_root=tokens, options=HERE).exit_code == 0
    assert fill(tokens, "--const", "a=1", producer=["const"]).exit_code == 0
    assert sidecar.read(tokens / f"{name}.cond.npy").names == ("a",)
    assert not list(tokens.glob(".*.pending"))
