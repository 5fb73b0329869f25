"""The page of an audit: counts, the schema, and for each problem file what is wrong with it and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from soundwright.audio.canvas import load_matplotlib
from soundwright.core.errors import BadInput, show_path
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.tokens import read_tokens
from soundwright.runs.report import Badge, Block, Cell, Details, Facts, Figure, Page, Table, Text
from soundwright.sidecar.checks import Expected, look_at
from soundwright.sidecar.issues import KINDS, Issue
from soundwright.sidecar.ranges import limits_of, slack

if TYPE_CHECKING:
    from soundwright.sidecar.audit_report import AuditReport

#: A page with more pictures would be slow to open; the files behind these are listed without one.
MAX_PICTURES = 100


def check_pictures() -> None:
    """Raises early what would otherwise be raised after the work.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    load_matplotlib("a page with pictures")


def write_page(path: Path, report: AuditReport, known: Conditions | None, expected: Expected) -> None:
    """Writes the page as one file."""
    bad = report.num_files - report.num_ok
    verdict = "Nothing is wrong." if not report.issues else f"{bad} of {report.num_files} files have problems."
    page = Page("Sidecar audit", lead=f"{show_path(report.audio_root)} with {show_path(report.cond_root)}")
    counts = {"files": report.num_files, "OK": report.num_ok, "with problems": bad, "orphans": len(report.orphans)}
    failed = bool(report.exit_code)
    passed = Text(f"{verdict} The audit {'fails' if failed else 'passes'}.", "bad" if failed else "good")
    page.section(
        "Result", Facts(counts), passed, *_counts(report), *(Text(show_path(note), "muted") for note in report.notes)
    )
    if known and known.parameters:
        page.section("Parameters of the dataset", _parameters(known))
    if report.issues:
        blocks: list[Block] = []
        for number, (key, issues) in enumerate(report.issues.items()):
            blocks.append(_problem(key, issues, report, known, expected, with_picture=number < MAX_PICTURES))
        if len(report.issues) > MAX_PICTURES:
            blocks.insert(0, Text(f"Pictures are shown for the first {MAX_PICTURES} files.", "muted"))
        page.section("Problem files", *blocks)
    page.write(path)


def _counts(report: AuditReport) -> list[Block]:
    rows: list[list[Cell]] = [
        [kind, count, KINDS[kind], Badge("fails", "bad") if kind in report.fail_on else Badge("tolerated", "warn")]
        for kind, count in report.files_by_kind.items()
    ]
    return [Table(["issue", "files", "meaning", ""], rows)] if rows else []


def _parameters(known: Conditions) -> Table:
    rows: list[list[Cell]] = []
    for name, parameter in known.parameters.items():
        declared = ", ".join(parameter.classes or ())
        if parameter.range is not None:
            declared = f"{parameter.range[0]:g} .. {parameter.range[1]:g}"
        found = parameter.measured
        measured = "" if found is None else f"{found.min:.4g} .. {found.max:.4g}"
        mean = "" if found is None else f"{found.mean:.4g} ± {found.std:.2g}"
        rows.append([name, parameter.type, parameter.units, declared, measured, mean])
    return Table(["name", "type", "units", "declared", "measured", "mean"], rows)


def _problem(
    key: str,
    issues: tuple[Issue, ...],
    report: AuditReport,
    known: Conditions | None,
    expected: Expected,
    *,
    with_picture: bool,
) -> Block:
    table = Table(["issue", "detail"], [[Badge(issue.kind, "bad"), show_path(issue.detail)] for issue in issues])
    picture = _picture(key, report, known, expected) if with_picture else None
    kinds = ", ".join(dict.fromkeys(issue.kind for issue in issues))
    blocks: list[Block] = [table] if picture is None else [table, picture]
    return Details(f"{show_path(key)}: {kinds}", *blocks, is_open=True)


def _picture(key: str, report: AuditReport, known: Conditions | None, expected: Expected) -> Figure | None:
    """The conditions of a file where they can be read, else its tokens; None where neither can be."""
    from soundwright.audio.pictures import curves, token_grid

    npy = report.rel_cond[key]
    if npy.endswith(".npy"):
        looked = look_at(report.cond_root / npy, None, expected)
        if looked.values is not None and looked.values.size:
            num_features = looked.values.shape[1]
            names = looked.names if looked.names and len(looked.names) == num_features else None
            shown = names or tuple(f"column {d}" for d in range(num_features))
            parameters = [known.parameters.get(name) if known else None for name in shown]
            png = curves(
                looked.values.astype(np.float32),
                shown,
                looked.fps or (known.fps if known else 75.0),
                units=[parameter.units if parameter else "" for parameter in parameters],
                ranges=[_band(parameter, looked.values.dtype, expected) for parameter in parameters],
            )
            return Figure(png, f"conditions of {show_path(key)} over time", "red: not finite, or out of range")
    if key in report.orphans:
        return None
    try:
        tokens = read_tokens(report.audio_root / key)
    except BadInput:
        return None  # the table above says so
    if tokens.codes.size == 0:
        return None
    return Figure(token_grid(tokens.codes, tokens.frame_rate), f"tokens of {show_path(key)}", "its tokens")


def _band(parameter: Parameter | None, dtype: np.dtype[Any], expected: Expected) -> tuple[float, float] | None:
    limits = limits_of(parameter) if expected.verify_ranges else None
    if limits is None:
        return None
    low, high = (slack(limit, dtype, expected.range_tol) for limit in limits)
    return limits[0] - low, limits[1] + high
