"""Defects of the audit seen in the tool that document 002 describes (lonce/EncHF_Dataset).

The numbers are those of our list of its defects.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundwright.formats import conditions, ecdc, sidecar
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.ecdc import TokenFile, TokenHeader
from soundwright.sidecar.audit import audit


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Three clips with one column in float16, and beside them the schema."""
    for key in ("a", "b", "c"):
        codes = np.zeros((2, 10), np.uint16)
        ecdc.write(tmp_path / f"{key}.ecdc", TokenFile.of(TokenHeader("encodec_24khz", 3200, 2), codes))
        write(tmp_path, key, np.full(10, 440.3))
    parameters = {"pitch": Parameter(range=(440.3, 880.3), units="Hz", declared=True)}
    conditions.write(tmp_path, Conditions(fps=75, columns=("pitch",), parameters=parameters))
    return tmp_path


def write(folder: Path, key: str, column: np.ndarray, name: str = "pitch") -> None:
    sidecar.write(folder / f"{key}.cond.npy", column.astype(np.float16)[:, None], [name], fps=75)


def test_6_columns_that_differ_are_told_without_being_asked_for(tokens: Path) -> None:
    """pitch in one file, pitch_64_amp in the next: the audit was silent unless --require was given."""
    write(tokens, "b", np.zeros(10), name="pitch_64_amp")
    assert audit(audio_root=tokens).exit_code == 1


def test_22_files_are_counted_not_issues(tokens: Path) -> None:
    """ "OK files" was the total minus the number of issues, and could fall below zero."""
    for key in ("a", "b"):
        array = np.full((11, 2), np.nan, np.float32)
        np.save(tokens / f"{key}.cond.npy", array)
    report = audit(audio_root=tokens, require=["tempo", "bpm"])
    assert sum(len(issues) for issues in report.issues.values()) > 3 * report.num_files
    assert report.num_ok == 0
    assert audit(audio_root=tokens).num_ok == 1


def test_22_require_fails_by_default(tokens: Path) -> None:
    """missing_features did not change the exit code."""
    assert audit(audio_root=tokens, require=["tempo,bpm,key"]).exit_code == 1


def test_23_ranges_are_those_of_the_dataset_not_of_the_same_clip(tokens: Path) -> None:
    """Each file was compared with the extremes computed from it, which it cannot exceed."""
    assert audit(audio_root=tokens, verify_ranges=True).exit_code == 0
    write(tokens, "c", np.linspace(440.3, 900, 10))
    report = audit(audio_root=tokens, verify_ranges=True)
    assert report.files_by_kind == {"range_above_max": 1}
    assert report.exit_code == 1


def test_23_ranges_are_not_the_extremes_of_the_same_data(tokens: Path) -> None:
    """Where nothing was declared, values were compared with what had been measured on them, and passed."""
    from soundwright.formats.statistics import Statistics

    known = conditions.read(tokens)
    assert known
    measured = Statistics(count=30, min=0.0, max=1.0, mean=0.5, std=0.1)
    for parameter, unverifiable in (
        (Parameter(measured=measured), ("pitch",)),
        (Parameter(range=(0, 500), measured=measured), ()),
    ):
        conditions.write(tokens, known.model_copy(update={"parameters": {"pitch": parameter}}))
        report = audit(audio_root=tokens, verify_ranges=True)
        assert (report.exit_code, report.unverifiable) == (0, unverifiable)
    assert audit(audio_root=tokens, verify_ranges=True, fail_on=["range_unverifiable"]).exit_code == 0
    conditions.write(tokens, known.model_copy(update={"parameters": {"pitch": Parameter(measured=measured)}}))
    assert audit(audio_root=tokens, verify_ranges=True, fail_on=["range_unverifiable"]).exit_code == 1


def test_23_the_tolerance_respects_float16(tokens: Path) -> None:
    """440.3 is 440.25 in float16; 1e-6 called it out of range."""
    assert sidecar.read(tokens / "a.cond.npy").values.max() == 440.25
    assert audit(audio_root=tokens, verify_ranges=True).exit_code == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_23_what_is_not_finite_fails(tokens: Path, value: float) -> None:
    np.save(tokens / "a.cond.npy", np.full((10, 1), value, np.float16))
    report = audit(audio_root=tokens)
    assert "nan_or_inf" in report.files_by_kind
    assert report.exit_code == 1


def test_23_orphans_stale_sidecars_and_missing_json_are_told(tokens: Path) -> None:
    (tokens / "a.cond.json").unlink()
    (tokens / "b.ecdc").unlink()
    np.save(tokens / "c.cond.npy", np.zeros((10, 1), np.float16))
    assert set(audit(audio_root=tokens).files_by_kind) == {"missing_json", "orphan_sidecar", "stale_sidecar"}
