"""`sidecar audit`: every fault has its name, files are counted, and nothing is changed."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundwright.core.errors import UsageError
from soundwright.formats import conditions, ecdc, sidecar
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.ecdc import TokenFile, TokenHeader
from soundwright.formats.statistics import Statistics
from soundwright.sidecar.audit import audit
from soundwright.sidecar.audit_report import AuditReport
from soundwright.sidecar.checks import Expected, look_at
from soundwright.sidecar.issues import KINDS
from soundwright.sidecar.ranges import out_of_range

COLUMNS = ("pitch", "amp")
KEYS = ("a.ecdc", "birds/b.ecdc", "birds/c.ecdc", "d.ecdc")
NUM_FRAMES = 20


def write_tokens(path: Path, *, num_frames: int = NUM_FRAMES, num_codebooks: int = 4) -> None:
    codes = np.arange(num_codebooks * num_frames, dtype=np.uint16).reshape(num_codebooks, num_frames) % 1024
    ecdc.write(path, TokenFile.of(TokenHeader("encodec_24khz", num_frames * 320, num_codebooks), codes))


def values(num_frames: int = NUM_FRAMES) -> np.ndarray:
    t = np.linspace(0, 1, num_frames)
    return np.stack([60 + 10 * t, t], axis=1).astype(np.float16)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Four clips with sound sidecars and a schema that declares one of the two ranges."""
    tokens, params = tmp_path / "tokens", tmp_path / "params"
    for key in KEYS:
        write_tokens(tokens / key)
        sidecar.write(params / sidecar.paths(key)[0], values(), COLUMNS, fps=75)
    measured = [Statistics.of(values()[:, d]) for d in range(2)]
    parameters = {
        "pitch": Parameter(range=(0, 127), units="MIDI", declared=True, measured=measured[0]),
        "amp": Parameter(measured=measured[1]),
    }
    conditions.write(params, Conditions(fps=75, columns=COLUMNS, parameters=parameters, num_clips=4))
    conditions.remember_cond_root(tokens, params)
    return tokens, params


def kinds(report: AuditReport) -> dict[str, list[str]]:
    return {key: [issue.kind for issue in issues] for key, issues in report.issues.items()}


def edit(params: Path, key: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the JSON of a sidecar."""
    path = params / sidecar.paths(key)[1]
    header = json.loads(path.read_text())
    change(header)
    path.write_text(json.dumps(header))


def save(params: Path, key: str, array: np.ndarray) -> None:
    """Replaces the values, and lets the JSON agree as a tool without digests would."""
    np.save(params / sidecar.paths(key)[0], array)
    edit(params, key, lambda header: header.pop("values_sha256", None))


def test_sound_trees_pass(trees: tuple[Path, Path]) -> None:
    report = audit(
        audio_root=trees[0], verify_ranges=True, expect_fps=75, expect_dtype="float16", require=["pitch,amp"]
    )
    assert (report.exit_code, report.num_files, report.num_ok, report.issues) == (0, 4, 4, {})
    assert next(report.lines()).startswith("sidecar-audit: 4 files: 4 OK, 0 with problems")
    # Where nothing is declared, it is said that nothing was compared.
    assert report.unverifiable == ("amp",)
    assert "no range is declared for amp: not compared with anything (does not fail the audit)" in report.notes[0]


def test_skeletons_pass(tmp_path: Path) -> None:
    write_tokens(tmp_path / "a.ecdc")
    sidecar.write(tmp_path / "a.cond.npy", np.zeros((NUM_FRAMES, 0), np.float16), [], fps=75)
    assert audit(audio_root=tmp_path).exit_code == 0


def faults() -> dict[str, Callable[[Path, Path], object]]:
    """Kind of issue -> what brings it about in clip `a` (or by itself, for orphans)."""
    key = "a.ecdc"

    def replaced_norm(norm: object) -> Callable[[Path, Path], object]:
        return lambda tokens, params: edit(params, key, lambda header: header.update(norm=norm))

    def written(array: np.ndarray, names: tuple[str, ...] = COLUMNS) -> Callable[[Path, Path], object]:
        return lambda tokens, params: sidecar.write(params / "a.cond.npy", array, names, fps=75)

    def saved(array: np.ndarray) -> Callable[[Path, Path], object]:
        return lambda tokens, params: save(params, key, array)

    low, high = values(), values()
    low[3, 0], high[3, 0] = -1, 128
    wrong = values()
    wrong[5, 1] = np.inf
    one = {"mean": [1], "std": [1], "min": [1], "max": [1]}
    two = {"mean": [1, 1], "std": [1, 1], "min": [2, 1], "max": [1, 1]}
    return {
        "bad_ecdc": lambda tokens, params: (tokens / key).write_bytes(b"ECDC\0"),
        "mixed_codebooks": lambda tokens, params: write_tokens(tokens / key, num_codebooks=8),
        "missing_sidecar": lambda tokens, params: [(params / name).unlink() for name in sidecar.paths(key)],
        "missing_json": lambda tokens, params: (params / "a.cond.json").unlink(),
        "bad_sidecar": lambda tokens, params: (params / "a.cond.json").write_text("{"),
        "bad_shape": saved(np.zeros(NUM_FRAMES, np.float16)),
        "frame_mismatch": written(values(NUM_FRAMES + 1)),
        "stale_sidecar": lambda tokens, params: np.save(params / "a.cond.npy", values()[::-1]),
        "dtype_mismatch": written(values().astype(np.float32)),
        "fps_mismatch": lambda tokens, params: edit(params, key, lambda header: header.update(fps=50)),
        "missing_names": lambda tokens, params: edit(params, key, lambda header: header.update(names=[])),
        "duplicate_names": lambda tokens, params: edit(params, key, lambda h: h.update(names=["pitch", "pitch"])),
        "names_length_mismatch": lambda tokens, params: edit(params, key, lambda h: h["names"].append("tempo")),
        "missing_features": written(values()[:, :1], ("pitch",)),
        "schema_mismatch": written(values()[:, ::-1].copy(), ("amp", "pitch")),
        "nan_or_inf": saved(wrong),
        "norm_invalid": replaced_norm({"mean": ["x"]}),
        "norm_length_mismatch": replaced_norm(one),
        "norm_inverted": replaced_norm(two),
        "range_below_min": written(low),
        "range_above_max": written(high),
        "not_a_class": lambda tokens, params: _declare_class(params),
        "orphan_sidecar": lambda tokens, params: shutil.copy(params / "a.cond.npy", params / "gone.cond.npy"),
    }


def _declare_class(params: Path) -> None:
    known = conditions.read(params)
    assert known
    parameter = Parameter(type="class", classes=("soft", "loud"))
    conditions.write(params, known.model_copy(update={"parameters": {**known.parameters, "amp": parameter}}))


def test_every_kind_of_issue_has_its_test() -> None:
    assert {*faults(), "range_unverifiable"} == set(KINDS)


@pytest.mark.parametrize("kind", faults())
def test_each_fault_is_found_named_and_counted_once_per_file(trees: tuple[Path, Path], kind: str) -> None:
    faults()[kind](*trees)
    report = audit(audio_root=trees[0], verify_ranges=True)
    assert kind in report.files_by_kind
    if kind != "not_a_class":
        (key,) = report.issues
        assert key == ("gone.cond.npy" if kind == "orphan_sidecar" else "a.ecdc")
        assert report.files_by_kind[kind] == 1
    bad = {"orphan_sidecar": 0, "not_a_class": 4}.get(kind, 1)
    assert (report.num_files, report.num_ok) == (4, 4 - bad)
    assert report.exit_code == (0 if kind == "orphan_sidecar" else 1)
    text = "\n".join(report.lines())
    assert kind in text
    assert KINDS[kind] in text


def test_several_faults_of_a_file_are_all_told_and_count_as_one_file(trees: tuple[Path, Path]) -> None:
    array = values(NUM_FRAMES + 3)
    array[0, 0] = np.nan
    save(trees[1], "a.ecdc", array)
    edit(trees[1], "a.ecdc", lambda header: header.update(fps=50, names=["pitch"]))
    report = audit(audio_root=trees[0])
    assert set(kinds(report)["a.ecdc"]) >= {"frame_mismatch", "nan_or_inf", "fps_mismatch", "names_length_mismatch"}
    assert (report.num_ok, report.num_files) == (3, 4)


def test_required_columns_fail_the_audit(trees: tuple[Path, Path]) -> None:
    report = audit(audio_root=trees[0], require=["tempo,bpm, key"])
    assert report.exit_code == 1
    assert report.files_by_kind == {"missing_features": 4}
    assert "tempo, bpm, key; there are pitch, amp" in report.issues["a.ecdc"][0].detail


def test_expectations_of_the_command_line(trees: tuple[Path, Path]) -> None:
    assert audit(audio_root=trees[0], expect_fps=50).files_by_kind == {"fps_mismatch": 4}
    assert audit(audio_root=trees[0], expect_dtype="float32").files_by_kind == {"dtype_mismatch": 4}


def test_columns_that_differ_from_file_to_file_are_found_without_a_schema_too(trees: tuple[Path, Path]) -> None:
    tokens, params = trees
    (params / "conditions.json").unlink()
    sidecar.write(params / "birds/b.cond.npy", values()[:, :1], ["pitch_64_amp"], fps=75)
    report = audit(audio_root=tokens)
    assert kinds(report) == {"birds/b.ecdc": ["schema_mismatch"]}
    assert "most clips have pitch, amp, this one pitch_64_amp" in report.issues["birds/b.ecdc"][0].detail
    assert report.exit_code == 1


def test_what_has_no_declared_range_is_named_once_and_fails_on_request(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    table = tmp_path / "issues.csv"
    assert audit(audio_root=trees[0]).unverifiable == ()
    report = audit(audio_root=trees[0], verify_ranges=True, export_csv=table)
    assert (report.exit_code, report.num_ok, report.issues, len(report.warnings)) == (0, 4, {}, 1)
    assert not any("range_unverifiable" in line for line in report.lines())  # the note has said it
    assert table.read_text().splitlines()[1:] == ["range_unverifiable,,conditions.json,amp: no range is declared"]
    strict = audit(audio_root=trees[0], verify_ranges=True, fail_on=["range_unverifiable"])
    assert (strict.exit_code, strict.num_ok, strict.done, len(strict.failures)) == (1, 4, 4, 1)
    assert "  conditions.json: range_unverifiable: amp: no range is declared" in strict.lines()
    assert "does not fail" not in strict.notes[0]


def test_without_a_schema_no_range_is_verifiable(trees: tuple[Path, Path]) -> None:
    (trees[1] / "conditions.json").unlink()
    report = audit(audio_root=trees[0], verify_ranges=True)
    assert (report.exit_code, report.issues, report.unverifiable) == (0, {}, ("pitch", "amp"))


def test_a_class_without_names_is_unverifiable_and_still_a_whole_number(trees: tuple[Path, Path]) -> None:
    known = conditions.read(trees[1])
    assert known
    conditions.write(
        trees[1], known.model_copy(update={"parameters": {**known.parameters, "amp": Parameter(type="class")}})
    )
    report = audit(audio_root=trees[0], verify_ranges=True)
    assert report.files_by_kind == {"not_a_class": 4}
    assert report.unverifiable == ("amp",)


@given(st.floats(-60_000, 60_000), st.floats(0, 1000), st.sampled_from(["float16", "float32"]))
def test_a_value_at_its_limit_is_no_fault_in_any_type(low: float, span: float, dtype: str) -> None:
    high = low + span
    stored = np.array([[low], [high]]).astype(dtype)
    assert list(out_of_range(stored, ("x",), {"x": Parameter(range=(low, high))}, 1e-6)) == []


def test_a_value_beyond_the_resolution_is_a_fault(trees: tuple[Path, Path]) -> None:
    array = values()
    array[0, 0] = 127.125  # two steps of float16 above 127
    sidecar.write(trees[1] / "a.cond.npy", array, COLUMNS, fps=75)
    assert audit(audio_root=trees[0], verify_ranges=True).files_by_kind == {"range_above_max": 1}
    assert audit(audio_root=trees[0], verify_ranges=True, range_tol=0.2).exit_code == 0


def test_tokens_that_were_encoded_again_make_a_sidecar_stale(tmp_path: Path) -> None:
    from soundwright.sidecar.init import init

    tokens, params = tmp_path / "tokens", tmp_path / "params"
    for key in KEYS:
        write_tokens(tokens / key)
    init(audio_root=tokens, cond_root=params)
    os.utime(tokens / "d.ecdc", (1, 1))  # another date alone says nothing
    assert audit(audio_root=tokens).exit_code == 0
    data = bytearray((tokens / "a.ecdc").read_bytes())
    data[-5] ^= 1
    (tokens / "a.ecdc").write_bytes(data)
    assert kinds(audit(audio_root=tokens)) == {"a.ecdc": ["stale_sidecar"]}


def test_a_part_of_the_tree_is_audited_by_the_schema_and_the_record_of_the_whole(tmp_path: Path) -> None:
    from soundwright.sidecar.init import init

    tokens, params = tmp_path / "tokens", tmp_path / "params"
    for key in KEYS:
        write_tokens(tokens / key)
    init(audio_root=tokens, cond_root=params)
    report = audit(audio_root=tokens / "birds")
    assert (report.exit_code, report.num_ok, report.notes) == (0, 2, [])
    data = bytearray((tokens / "birds/b.ecdc").read_bytes())
    data[-5] ^= 1
    (tokens / "birds/b.ecdc").write_bytes(data)
    assert kinds(audit(audio_root=tokens / "birds")) == {"b.ecdc": ["stale_sidecar"]}


def test_sidecars_of_older_tools_pass_or_are_named(trees: tuple[Path, Path]) -> None:
    tokens, params = trees
    (params / "conditions.json").unlink()
    for key in KEYS:
        array = values()
        column = {"min": 0, "max": 1, "mean": 0.5, "std": 0.1, "units": "", "doc_string": ""}
        version_1 = {"schema_version": 1, "fps": 75, "names": list(COLUMNS), "source_rate": 75}
        version_1["norm"] = {"mean": [], "std": [], "min": [], "max": []}
        version_2 = {"schema_version": 2, "fps": 75, "source_rate": 75, "features": dict.fromkeys(COLUMNS, column)}
        np.save(params / sidecar.paths(key)[0], array)
        (params / sidecar.paths(key)[1]).write_text(json.dumps(version_2 if key == "a.ecdc" else version_1))
    assert audit(audio_root=tokens).exit_code == 0
    (params / "a.cond.json").rename(params / "a.cond.cond.json")
    report = audit(audio_root=tokens)
    assert kinds(report) == {"a.ecdc": ["missing_json"], "a.cond.cond.json": ["orphan_sidecar"]}
    assert "a.cond.cond.json, rename it" in report.issues["a.ecdc"][0].detail


def test_what_passes_can_be_packed(trees: tuple[Path, Path]) -> None:
    edit(trees[1], "a.ecdc", lambda header: header.update(source_rate="x"))
    assert kinds(audit(audio_root=trees[0])) == {"a.ecdc": ["bad_sidecar"]}


def test_missing_files_of_every_combination(trees: tuple[Path, Path]) -> None:
    tokens, params = trees
    (params / "a.cond.npy").unlink()
    assert kinds(audit(audio_root=tokens)) == {"a.ecdc": ["bad_sidecar"]}
    (tokens / "a.ecdc").unlink()
    assert kinds(audit(audio_root=tokens)) == {"a.cond.json": ["orphan_sidecar"]}


def test_fail_on(trees: tuple[Path, Path]) -> None:
    faults()["orphan_sidecar"](*trees)
    faults()["nan_or_inf"](*trees)
    tolerant = audit(audio_root=trees[0], fail_on=["none"])
    assert (tolerant.exit_code, tolerant.failures, len(tolerant.warnings)) == (0, [], 2)
    usual = audit(audio_root=trees[0])
    assert (usual.total, usual.done, usual.skipped, [key for key, _ in usual.failures]) == (4, 3, 0, ["a.ecdc"])
    assert audit(audio_root=trees[0], fail_on=["orphan_sidecar"]).exit_code == 1
    assert audit(audio_root=trees[0], fail_on=["bad_ecdc,missing_sidecar"]).exit_code == 0
    assert "(does not fail the audit)" in "\n".join(audit(audio_root=trees[0]).lines())
    with pytest.raises(UsageError, match="--fail-on typo"):
        audit(audio_root=trees[0], fail_on=["bad_ecdc,typo"])


def test_list_and_csv(trees: tuple[Path, Path], tmp_path: Path) -> None:
    tokens, params = trees
    shutil.copy(params / "a.cond.npy", params / "gone.cond.npy")
    table = tmp_path / "new" / "issues.csv"
    report = audit(audio_root=tokens, require=["tempo"], listed="2", export_csv=table)
    assert sum("tempo" in line for line in report.lines()) == 2
    assert list(report.lines())[-1].startswith("  ... and 3 more")
    for listed, count in (("0", 0), ("all", 4), ("-1", 4)):
        lines = audit(audio_root=tokens, require=["tempo"], listed=listed).lines()
        assert sum("tempo;" in line for line in lines) == count
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["type", "rel_ecdc", "rel_cond", "detail"]
    assert rows[1] == {
        "type": "missing_features",
        "rel_ecdc": "birds/b.ecdc",
        "rel_cond": "birds/b.cond.npy",
        "detail": "tempo; there are pitch, amp",
    }
    assert (rows[4]["type"], rows[4]["rel_ecdc"], rows[4]["rel_cond"]) == ("orphan_sidecar", "", "gone.cond.npy")
    with pytest.raises(UsageError, match="--list few"):
        audit(audio_root=tokens, listed="few")


def test_shards_share_the_files_and_their_findings(trees: tuple[Path, Path]) -> None:
    tokens, params = trees
    shutil.copy(params / "a.cond.npy", params / "gone.cond.npy")
    write_tokens(tokens / "d.ecdc", num_codebooks=8)
    whole = kinds(audit(audio_root=tokens, require=["tempo"]))
    parts = [audit(audio_root=tokens, require=["tempo"], shard_index=i, shard_count=3) for i in range(3)]
    assert sum(part.num_files for part in parts) == 4
    merged: dict[str, list[str]] = {}
    for part in parts:
        merged |= kinds(part)
    assert merged == whole
    with pytest.raises(UsageError, match="--shard-count"):
        audit(audio_root=tokens, shard_index=0)


def test_nothing_is_changed(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for kind in ("bad_sidecar", "mixed_codebooks", "orphan_sidecar"):
        faults()[kind](*trees)

    def state() -> dict[Path, tuple[bytes, int]]:
        roots = (path for root in trees for path in root.rglob("*"))
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in roots if path.is_file()}

    before = state()
    audit(audio_root=trees[0], html=tmp_path / "a.html", export_csv=tmp_path / "a.csv")
    assert state() == before


def test_the_page_has_a_picture_for_each_problem_file(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    tokens, params = trees
    sidecar.write(params / "birds/b.cond.npy", values() * 3, COLUMNS, fps=75)
    faults()["missing_sidecar"](tokens, params)
    evil = "<script>alert(1)</script>.ecdc"
    write_tokens(tokens / evil.replace("/", "_"))
    page = tmp_path / "audit.html"
    report = audit(audio_root=tokens, verify_ranges=True, html=page)
    assert len(report.issues) == 3
    text = page.read_text()
    assert text.count("<img") == 3
    assert text.count("conditions of birds/b.ecdc over time") == 1
    assert text.count("tokens of a.ecdc") == 1
    assert "<script" not in text
    assert "The audit fails." in text
    faultless = tmp_path / "fine.html"
    audit(audio_root=tokens, fail_on=["orphan_sidecar"], html=faultless)
    assert "The audit passes." in faultless.read_text()


def test_pictures_are_limited_and_it_is_said(
    trees: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    from soundwright.sidecar import audit_page

    monkeypatch.setattr(audit_page, "MAX_PICTURES", 2)
    audit(audio_root=trees[0], require=["tempo"], html=tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text()
    assert text.count("<img") == 2
    assert "Pictures are shown for the first 2 files." in text


def test_folders_that_are_not_there(trees: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a folder"):
        audit(audio_root=tmp_path / "nowhere", cond_root=trees[1])
    with pytest.raises(UsageError, match="folder of the sidecars"):
        audit(audio_root=trees[0], cond_root=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="--suffix"):
        audit(audio_root=trees[0], suffix=".txt")
    shutil.rmtree(trees[1])
    trees[1].mkdir()
    assert audit(audio_root=trees[0]).files_by_kind == {"missing_sidecar": 4}


def test_a_damaged_sidecar_of_any_kind_is_told_not_raised(trees: tuple[Path, Path]) -> None:
    npy, header = trees[1] / "a.cond.npy", trees[1] / "a.cond.json"
    whole = npy.read_bytes(), header.read_bytes()
    for i, data in enumerate(whole):
        for cut in range(0, len(data), 7):
            (npy, header)[i].write_bytes(data[:cut])
            assert look_at(npy, None, Expected()).issues
        (npy, header)[i].write_bytes(data)
    for text in ("[]", "null", "7", '{"schema_version": 1}', '{"schema_version": 2, "features": []}', '{"a": NaN}'):
        header.write_text(text)
        assert look_at(npy, None, Expected()).issues


def test_the_documented_command_line(trees: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    from soundwright.cli.root import run

    line = (
        f"sidecar audit --audio-root {trees[0]} --cond-root {trees[1]} --expect-fps 75 --expect-dtype float16 "
        "--require tempo,bpm,key --verify-ranges"
    )
    assert run(line.split()) == 1
    assert "missing_features: 4 files" in capsys.readouterr().out
    assert run([*line.replace("tempo,bpm,key", "pitch,amp").split(), "--list", "0"]) == 0
