"""The audit of document 002: is there a sound sidecar for every token file? Changes nothing in either tree."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter as Flag

from soundwright.core.errors import SoundwrightError, UsageError, show_path
from soundwright.dataset.schema import remembered_root, schema_folder
from soundwright.formats import conditions, sidecar
from soundwright.formats.conditions import Conditions
from soundwright.formats.ecdc import TokenHeader
from soundwright.formats.features import Dtype
from soundwright.formats.tokens import read_token_header
from soundwright.runs.discover import find_files
from soundwright.runs.events import Ended, ItemDone, Note, Started, emit
from soundwright.runs.ledger import Entry, Fingerprint
from soundwright.runs.options import RunOptions
from soundwright.runs.state import STATE_FOLDER
from soundwright.runs.step import Item
from soundwright.sidecar.audit_report import STEP, AuditReport
from soundwright.sidecar.checks import Expected, Looked, look_at
from soundwright.sidecar.issues import HARMLESS, KINDS, Issue
from soundwright.sidecar.ranges import unverifiable


def audit(
    *,
    audio_root: Path,
    cond_root: Path | None = None,
    suffix: str | None = None,
    expect_fps: float | None = None,
    expect_dtype: Dtype | None = None,
    require: Sequence[str] = (),
    verify_ranges: bool = False,
    range_tol: float = 1e-6,
    listed: Annotated[str, Flag(name="--list")] = "50",
    export_csv: Path | None = None,
    html: Path | None = None,
    fail_on: Sequence[str] = (),
    shard_index: int | None = None,
    shard_count: int | None = None,
) -> AuditReport:
    """Checks that every token file has a sound sidecar, and that all of them go together.

    Looks for missing, orphan, stale and damaged sidecars, wrong shapes, types and frame rates, columns that are not
    those of the tree, NaN, and mixed numbers of codebooks. Files are counted, not issues. Nothing is changed.

    Args:
        audio_root: Folder of token files (.ecdc), searched with its subfolders.
        cond_root: Folder of the sidecars. Default: as the token folder remembers it, else beside the tokens.
        suffix: Ending of the sidecar files. Default: as conditions.json says, else .cond.npy.
        expect_fps: Frames per second that every sidecar must have. Default: those of its tokens.
        expect_dtype: Type that the values must have. Default: as conditions.json says.
        require: Columns that must be there, separated by commas.
        verify_ranges: Hold the values against the ranges that are declared for the dataset, with sidecar init --schema
            or by the producer of a parameter. A parameter without a declared range is named once as
            range_unverifiable; that does not fail the audit unless --fail-on names it.
        range_tol: How far beyond its range a value may lie, on top of the resolution of its type.
        listed: How many issues to print: a number, 0 for none, all (or -1) for all.
        export_csv: Write all issues to a table: type, rel_ecdc, rel_cond, detail.
        html: Write a page with a picture of each problem file.
        fail_on: Kinds of issues, separated by commas, that make the exit code 1; or none. Default: all but
            orphan_sidecar and range_unverifiable.
        shard_index: Look only at this part of the files, counted from 0; needs --shard-count.
        shard_count: Into how many parts the files are divided, by a hash of their relative path.

    Returns:
        The issues by file; `exit_code` is 1 if one of them counts as a failure.

    Raises:
        UsageError: a folder is missing, AUDIO-ROOT holds no token file, or an option is not understood.
        MissingExtra: --html is given and matplotlib is not installed.
    """
    began = time.monotonic()
    options = RunOptions(shard_index=shard_index, shard_count=shard_count)
    root = cond_root or remembered_root(audio_root) or audio_root
    if not root.is_dir():
        raise UsageError("expected the folder of the sidecars", path=root, remedy="check --cond-root")
    report = AuditReport(audio_root, root, fail_on=_kinds(fail_on), most_listed=_number(listed))
    if html is not None:
        from soundwright.sidecar.audit_page import check_pictures

        check_pictures()
    found = find_files(audio_root, ["ecdc"])
    home = schema_folder(root)
    known = conditions.read(home) if home else None
    suffix = suffix or (known.suffix if known else sidecar.SUFFIX)
    sidecar.check_suffix(suffix)
    expected = _expected(known, expect_fps, expect_dtype, require, verify_ranges, range_tol, report)
    items = [item for item in found.items if options.in_shard(item.key)]
    emit(Started(STEP, len(items), 0, 0))
    seen = _Seen(root, suffix, expected, _headers(found.items), _made_from(home or root, root))
    for item in items:
        report.rel_cond[item.key] = sidecar.paths(item.key, suffix)[0]
        issues = seen.look(item)
        if issues:
            report.issues[item.key] = issues
        emit(ItemDone(item.key))
    if known is None:
        seen.compare_columns(report)
    if verify_ranges:
        columns = known.columns if known else dict.fromkeys(name for names in seen.names.values() for name in names)
        report.tell_unverifiable(unverifiable(columns, expected.parameters))
    for path in _orphans(root, suffix, {item.key for item in found.items}):
        if options.in_shard(path):
            report.issues[path] = (Issue("orphan_sidecar", "there is no token file for it"),)
            report.rel_cond[path] = path
    for problem in found.problems:
        report.issues[str(problem.path)] = (Issue("bad_ecdc", problem.message),)
        report.rel_cond[str(problem.path)] = ""
    report.num_files = len(items) + len(found.problems)
    report.notes += found.notes
    for note in report.notes:
        emit(Note(note))
    if export_csv is not None:
        report.write_csv(export_csv)
    if html is not None:
        from soundwright.sidecar.audit_page import write_page

        write_page(html, report, known, expected)
    report.duration_s = time.monotonic() - began
    emit(Ended(STEP, "finished", report.duration_s))
    return report


@dataclass
class _Seen:
    """The look at the clips, one after the other, and what is remembered of them."""

    root: Path
    suffix: str
    expected: Expected
    headers: Mapping[str, TokenHeader | SoundwrightError]
    made_from: Mapping[str, Fingerprint]
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kinds = Counter(_kind(header) for header in self.headers.values() if isinstance(header, TokenHeader))
        self.usual = kinds.most_common(1)[0][0] if kinds else None

    def look(self, item: Item) -> tuple[Issue, ...]:
        header = self.headers[item.key]
        tokens = header if isinstance(header, TokenHeader) else None
        issues: list[Issue] = []
        if isinstance(header, SoundwrightError):
            issues.append(Issue("bad_ecdc", header.message))
        elif _kind(header) != self.usual and self.usual:
            codec, num_codebooks = self.usual
            text = f"{header.codec} with {header.num_codebooks} codebooks, most have {codec} with {num_codebooks}"
            issues.append(Issue("mixed_codebooks", text))
        looked: Looked = look_at(self.root / sidecar.paths(item.key, self.suffix)[0], tokens, self.expected)
        issues += looked.issues
        if looked.names is not None:
            self.names[item.key] = looked.names
        mark = self.made_from.get(item.key)
        kinds = {issue.kind for issue in issues}
        if tokens and mark and not kinds & {"missing_sidecar", "stale_sidecar"} and not mark.matches(item.inputs[0]):
            issues.append(Issue("stale_sidecar", "the token file has changed since its features were added"))
        return tuple(issues)

    def compare_columns(self, report: AuditReport) -> None:
        """Without a schema the columns that most clips have are the schema."""
        counts = Counter(self.names.values())
        if not counts:
            return
        usual = counts.most_common(1)[0][0]
        for key, names in self.names.items():
            if names != usual:
                text = f"most clips have {', '.join(usual) or 'none'}, this one {', '.join(names) or 'none'}"
                report.issues[key] = (*report.issues.get(key, ()), Issue("schema_mismatch", text))
        report.issues = {key: report.issues[key] for key in sorted(report.issues)}


def _kind(header: TokenHeader) -> tuple[str, int]:
    return header.codec, header.num_codebooks


def _headers(items: Sequence[Item]) -> dict[str, TokenHeader | SoundwrightError]:
    headers: dict[str, TokenHeader | SoundwrightError] = {}
    for item in items:
        try:
            headers[item.key] = read_token_header(item.inputs[0])
        except SoundwrightError as error:
            headers[item.key] = error
    return headers


def _expected(
    known: Conditions | None,
    expect_fps: float | None,
    expect_dtype: Dtype | None,
    require: Sequence[str],
    verify_ranges: bool,
    range_tol: float,
    report: AuditReport,
) -> Expected:
    expected = Expected(
        fps=expect_fps,
        dtype=expect_dtype,
        required=_split(require),
        verify_ranges=verify_ranges,
        range_tol=range_tol,
    )
    if known is None:
        report.notes.append(
            f"{show_path(report.cond_root)} has no {conditions.NAME}: columns are compared with those of most clips "
            "-> sidecar init or add writes it"
        )
        return expected
    dtype = expect_dtype or (known.dtype if known.columns else None)
    return replace(expected, dtype=dtype, columns=known.columns, parameters=known.parameters)


def _made_from(home: Path, cond_root: Path) -> dict[str, Fingerprint]:
    """What each token file was when features were last added to its sidecar, else when that was made.

    Args:
        home: the whole tree of sidecars, for which the commands were given.
        cond_root: the part of it that is looked at.
    """
    prefix = "" if home == cond_root else cond_root.resolve().relative_to(home).as_posix() + "/"
    marks: dict[str, Fingerprint] = {}
    for step in ("sidecar-init", "sidecar-add"):
        folder = home / STATE_FOLDER / step
        for path in sorted(folder.glob("done*.jsonl"), key=lambda path: path.stat().st_mtime_ns):
            for text in path.read_text(encoding="utf-8").splitlines():
                try:
                    line = json.loads(text)
                except ValueError:
                    continue  # torn by a kill, or being written right now: it says nothing yet
                if "key" in line:
                    entry = Entry.parse(line)
                    if entry.key.startswith(prefix):
                        marks[entry.key.removeprefix(prefix)] = entry.inputs[0]
    return marks


def _orphans(cond_root: Path, suffix: str, keys: set[str]) -> list[str]:
    """Sidecar files whose token file is not there: the .npy, or the .json where there is no .npy."""
    try:
        files = [item.key for item in find_files(cond_root, ["npy", "json"]).items]
    except UsageError:
        return []  # not one such file
    wanted = {path for key in keys for path in sidecar.paths(key, suffix)}
    endings = (suffix, sidecar.json_of(suffix))
    orphans = {path for path in files if path.endswith(endings) and path not in wanted}
    pairs = {sidecar.json_of(path) for path in orphans if path.endswith(suffix)}
    return sorted(orphans - pairs)


def _split(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


def _kinds(fail_on: Sequence[str]) -> tuple[str, ...]:
    named = _split(fail_on)
    if not named:
        return tuple(kind for kind in KINDS if kind not in HARMLESS)
    if named == ("none",):
        return ()
    unknown = [name for name in named if name not in KINDS]
    if unknown:
        raise UsageError(f"--fail-on {', '.join(unknown)}", remedy=f"choose among none, {', '.join(KINDS)}")
    return named


def _number(listed: str) -> int | None:
    if listed in ("all", "-1"):
        return None
    if not listed.isdecimal():
        raise UsageError(f"--list {listed}", remedy="give a number, 0 for none, or all")
    return int(listed)
