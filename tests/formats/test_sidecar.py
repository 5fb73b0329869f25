"""Sidecar files: what is written is read back, and a kill between the two files loses nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats import manifest, sidecar
from soundwright.formats.sidecar import Feature, HalfReplaced, MissingSidecar
from soundwright.formats.sidecar_names import pending_of
from soundwright.formats.statistics import Statistics, merge

NAMES = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=5)


def small(value: float = 1.0, num_frames: int = 4) -> np.ndarray:
    return np.full((num_frames, 1), value, np.float16)


class Killed(BaseException):
    """What a kill looks like from inside: no handler for ordinary exceptions sees it."""


@given(data=st.data(), names=NAMES, dtype=st.sampled_from(["float16", "float32"]), num_frames=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read(tmp_path_factory, data, names, dtype, num_frames) -> None:
    values = data.draw(
        arrays.arrays(
            dtype,
            (num_frames, len(names)),
            elements=st.floats(-60000, 60000, width=16 if dtype == "float16" else 32),
        )
    )
    npy_path = tmp_path_factory.mktemp("s") / "x.cond.npy"
    features = {name: Feature(units="Hz", doc=name, range=(-1e5, 1e5)) for name in names[:2]}
    written = sidecar.write(npy_path, values, names, fps=75, features=features)
    found = sidecar.read(npy_path)
    assert found.values.dtype == dtype
    np.testing.assert_array_equal(found.values, values)
    assert found.names == tuple(names)
    assert found.header == written == sidecar.read_header(npy_path) == sidecar.settled_header(npy_path)
    assert all(found.features[name].units == "Hz" for name in names[:2])
    for d, statistics in enumerate(written.statistics()):
        assert statistics == Statistics.of(values[:, d])


def test_the_json_is_what_version_1_readers_expect(tmp_path: Path) -> None:
    sidecar.write(tmp_path / "x.cond.npy", np.array([[0.0], [1.0]], np.float32), ["gain"], fps=75.0)
    text = (tmp_path / "x.cond.json").read_text()
    raw = json.loads(text)
    assert raw["schema_version"] == 1
    assert '"fps": 75,' in text
    assert raw["names"] == ["gain"]
    assert raw["source_rate"] == 75
    assert raw["norm"] == {"mean": [0.5], "std": [0.5], "min": [0.0], "max": [1.0]}
    assert raw["features"]["gain"] == {"units": "", "doc": "", "type": "continuous"}


def test_a_skeleton_has_no_columns(tmp_path: Path) -> None:
    sidecar.write(tmp_path / "x.cond.npy", np.zeros((7, 0), np.float16), [], fps=75)
    assert np.load(tmp_path / "x.cond.npy").shape == (7, 0)
    raw = json.loads((tmp_path / "x.cond.json").read_text())
    assert raw["norm"] == {"mean": [], "std": [], "min": [], "max": []}


@pytest.mark.parametrize(
    ("key", "npy", "json_name"),
    [
        ("x.ecdc", "x.cond.npy", "x.cond.json"),
        ("a.b/foo_pitch_64.00_amp_.75.ecdc", "a.b/foo_pitch_64.00_amp_.75.cond.npy", None),
        ("é\n 1/y.ECDC", "é\n 1/y.cond.npy", None),
    ],
)
def test_paths(key: str, npy: str, json_name: str | None) -> None:
    assert sidecar.paths(key) == (npy, json_name or npy[:-4] + ".json")


@pytest.mark.parametrize("suffix", ["cond", ".npy", "a/b.npy", ""])
def test_an_impossible_suffix_is_refused(suffix: str) -> None:
    with pytest.raises(UsageError, match="--suffix"):
        sidecar.check_suffix(suffix)


@pytest.mark.parametrize("moment", ["pending", "npy", "json"])
def test_a_kill_between_the_files_loses_neither_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    npy_path = tmp_path / "x.cond.npy"
    sidecar.write(npy_path, small(1), ["old"], fps=75)
    real = os.replace
    renames = []

    def replace(source: object, target: object) -> None:
        renames.append(target)
        if len(renames) == ["pending", "npy", "json"].index(moment) + 1:
            raise Killed
        real(source, target)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace)
        with pytest.raises(Killed):
            sidecar.write(npy_path, small(2), ["new"], fps=75)
    expected = ("new", 2) if moment == "json" else ("old", 1)
    if moment == "json":
        with pytest.raises(HalfReplaced, match="half replaced"):
            sidecar.read(npy_path)
    else:
        assert sidecar.read(npy_path).names == ("old",)
    assert sidecar.settled_header(npy_path).names == (expected[0],)
    sidecar.mend(npy_path)
    found = sidecar.read(npy_path)
    assert (found.names, found.values[0, 0]) == ((expected[0],), expected[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.cond.json", "x.cond.npy"]
    assert not sidecar.mend(npy_path)


def test_the_first_write_may_be_killed_too(tmp_path: Path) -> None:
    npy_path = tmp_path / "x.cond.npy"
    sidecar.write(npy_path, small(), ["a"], fps=75)
    (tmp_path / "x.cond.json").rename(pending_of(npy_path))
    with pytest.raises(HalfReplaced):
        sidecar.read(npy_path)
    assert sidecar.mend(npy_path)
    assert sidecar.read(npy_path).names == ("a",)
    npy_path.unlink()
    (tmp_path / "x.cond.json").rename(pending_of(npy_path))
    assert sidecar.mend(npy_path)
    with pytest.raises(MissingSidecar):
        sidecar.read(npy_path)


@given(cut=st.integers(0, 200))
@settings(max_examples=25, deadline=None)
def test_a_cut_file_is_never_used(tmp_path_factory, cut: int) -> None:
    npy_path = tmp_path_factory.mktemp("s") / "x.cond.npy"
    sidecar.write(npy_path, small(1, 40), ["a"], fps=75)
    data = npy_path.read_bytes()
    npy_path.write_bytes(data[: min(cut, len(data) - 1)])
    with pytest.raises(HalfReplaced):
        sidecar.read(npy_path)
    text = (npy_path.parent / "x.cond.json").read_bytes()
    npy_path.write_bytes(data)
    (npy_path.parent / "x.cond.json").write_bytes(text[: min(cut, len(text) - 3)])
    with pytest.raises(BadInput, match="is no sidecar JSON"):
        sidecar.read(npy_path)


def write_raw(folder: Path, raw: object, values: np.ndarray) -> Path:
    np.save(folder / "x.cond.npy", values)
    (folder / "x.cond.json").write_text(json.dumps(raw))
    return folder / "x.cond.npy"


VERSION_1 = {"schema_version": 1, "fps": 75, "names": ["a"], "source_rate": 75, "norm": {}}


def test_a_plain_version_1_file_is_read(tmp_path: Path) -> None:
    found = sidecar.read(write_raw(tmp_path, {**VERSION_1, "further": 1}, small(3)))
    assert (found.names, found.num_frames, found.header.is_ours) == (("a",), 4, False)


def test_version_2_of_the_origin_is_read_and_becomes_version_1(tmp_path: Path) -> None:
    values = np.array([[0.0, 3.0], [1.0, 5.0]], np.float16)
    own = {"min": 0.0, "max": 1.0, "mean": 0.5, "std": 0.5, "units": "none", "doc_string": "how loud"}
    given_range = {"min": 0.0, "max": 127.0, "mean": 4.0, "std": 1.0, "units": "MIDI", "doc_string": ""}
    raw = {"schema_version": 2, "fps": 75, "source_rate": 75, "features": {"gain": own, "pitch": given_range}}
    npy_path = write_raw(tmp_path, raw, values)
    found = sidecar.read(npy_path)
    assert found.names == ("gain", "pitch")
    assert found.features["gain"] == sidecar.SidecarFeature(units="none", doc="how loud")
    assert found.features["pitch"].range == (0.0, 127.0)
    sidecar.write(npy_path, found.values, found.names, fps=found.fps, features=found.features)
    again = sidecar.read(npy_path)
    assert again.header.schema_version == 1
    assert again.features == found.features


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({**VERSION_1, "schema_version": 3}, "schema_version is 3"),
        ({"fps": 75}, "schema_version"),
        ([1], "is no sidecar JSON"),
        ({**VERSION_1, "names": ["a", "a"]}, "twice"),
        ({**VERSION_1, "names": ["a", "b"]}, "expected float values"),
        ({**VERSION_1, "norm": {"mean": [1, 2, 3]}}, "norm has"),
        ({**VERSION_1, "fps": "fast"}, "fps"),
    ],
)
def test_a_wrong_json_is_told(tmp_path: Path, raw: object, told: str) -> None:
    with pytest.raises(BadInput, match=told) as caught:
        sidecar.read(write_raw(tmp_path, raw, small()))
    assert caught.value.path is not None
    assert caught.value.remedy


def test_pickles_are_not_read(tmp_path: Path) -> None:
    npy_path = write_raw(tmp_path, VERSION_1, np.array([{"a": 1}], dtype=object))
    with pytest.raises(BadInput, match="no whole .npy file"):
        sidecar.read(npy_path)


def test_write_refuses_what_does_not_go_together(tmp_path: Path) -> None:
    for values, names in [
        (small(), ["a", "b"]),
        (np.zeros((2, 1)), ["a"]),
        (np.full((2, 1), np.nan, np.float32), ["a"]),
        (np.zeros((2, 2), np.float32), ["a", "a"]),
    ]:
        with pytest.raises(ValueError, match=".+"):
            sidecar.write(tmp_path / "x.cond.npy", values, names, fps=75)
    assert not list(tmp_path.iterdir())


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_merged_statistics_are_those_of_all_values(groups: list[list[float]]) -> None:
    parts = [Statistics.of(np.array(group)) for group in groups]
    merged = merge(parts)
    whole = np.concatenate([np.array(group) for group in groups])
    assert merged is not None
    assert (merged.count, merged.min, merged.max) == (len(whole), whole.min(), whole.max())
    assert merged.mean == pytest.approx(whole.mean(), rel=1e-9, abs=1e-6)
    assert merged.std == pytest.approx(whole.std(), rel=1e-6, abs=1e-3)
    assert merge(parts[::-1]).mean == pytest.approx(merged.mean, rel=1e-12, abs=1e-12)  # type: ignore[union-attr]


def test_a_manifest_is_read_back(tmp_path: Path) -> None:
    rows = [
        manifest.Row('a "b",c\n.ecdc', 'a "b",c\n.cond.npy', 10, 2, 75.0, 8),
        manifest.Row(os.fsdecode(b"\xff.ecdc"), "é.cond.npy", 0, 0, 12.5, 16),
    ]
    manifest.write(tmp_path / "m.csv", rows)
    assert (tmp_path / "m.csv").read_bytes().startswith(b"rel_ecdc,rel_cond,frames,D,fps,codebooks")
    assert manifest.read(tmp_path / "m.csv") == rows
    (tmp_path / "m.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="is no manifest"):
        manifest.read(tmp_path / "m.csv")
