"""Parameters from a spreadsheet: one row per clip, joined by file name."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from soundwright.core.errors import UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.formats.features import Feature
from soundwright.sidecar.producers import contract

_ENDINGS = ("ecdc", "wav", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "aifc", "au", "caf", "w64", "rf64")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


class TableOptions(contract.Options):
    """Options of `table`."""

    table: Path | None = None
    """A .csv (comma, semicolon or tab) or .xlsx file with a row of column names, then one row per clip."""
    table_key: str | None = None
    """The column with the file names: with or without ending, with or without folder. Default: the first column."""
    table_columns: Sequence[str] = ()
    """Take only these columns, e.g. pitch,amp. By default all but the key column."""
    table_sheet: str | None = None
    """The sheet of an .xlsx file. Default: the first."""


class Table(contract.Producer):
    """Parameters from a CSV or XLSX spreadsheet, joined by file name: --table params.csv."""

    Options = TableOptions
    options: TableOptions

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        if options.table is None:
            raise UsageError("producer table has nothing to read", remedy="give --table FILE")
        self._path: Path = options.table
        lines = _read(self._path, options.table_sheet)
        head, *body = [(number, cells) for number, cells in lines if any(cell for cell in cells)] or [(0, [])]
        names = head[1]
        doubled = [name for name, count in Counter(name for name in names if name).items() if count > 1]
        if not any(names) or doubled:
            raise self._wrong(f"a column is named twice: {doubled}" if doubled else "has no row of column names")
        key = names.index(self._chosen(options.table_key, names)) if options.table_key else 0
        wanted = [name for text in options.table_columns for name in text.split(",") if name]
        columns = {
            self._chosen(name, names): names.index(name)
            for name in wanted or [name for i, name in enumerate(names) if name and i != key]
        }
        self._rows: dict[str, dict[str, str]] = {}
        self._lines: dict[str, int] = {}
        for number, cells in body:
            clip = _comparable(cells[key] if key < len(cells) else "")
            if clip in self._rows:
                raise self._wrong(f"row {number} is for {clip!r}, as row {self._lines[clip]} is")
            self._lines[clip] = number
            self._rows[clip] = {name: cells[i] for name, i in columns.items() if i < len(cells) and cells[i]}
        self._features = {name: self._feature(name) for name in columns}

    def produce(self, clip: contract.Clip) -> Mapping[str, contract.Value]:
        """The cells of the clip's row; an empty cell is a missing parameter."""
        row = next((self._rows[key] for key in _keys_of(clip.key) if key in self._rows), None)
        if row is None:
            raise contract.NoValues(
                f"has no row in {show_path(self._path)}", path=clip.path, remedy="add a row, or --fill NAME=VALUE"
            )
        return {name: cell if self._features[name].type == "class" else float(cell) for name, cell in row.items()}

    def features(self, clip: contract.Clip) -> Mapping[str, Feature]:
        """Columns with a value for this clip; a column of words is a class, its classes in alphabetical order."""
        return {name: self._features[name] for name in self.produce(clip)}

    def notes(self, keys: Sequence[str]) -> Iterable[str]:
        """Rows that no clip has asked for."""
        asked = {key for clip in keys for key in _keys_of(clip)}
        unused = [f"{row} (row {self._lines[row]})" for row in self._rows if row not in asked]
        if unused:
            shown = ", ".join(show_path(text) for text in unused[:5]) + (" ..." if len(unused) > 5 else "")
            yield f"{show_path(self._path)}: {len(unused)} rows have no clip: {shown}"

    def _feature(self, name: str) -> Feature:
        words: dict[str, int] = {}
        numbers = 0
        for clip, row in self._rows.items():
            if name in row and _is_number(row[name]):
                numbers += 1
            elif name in row:
                words.setdefault(row[name], self._lines[clip])
        if words and all(_DECIMAL_COMMA.fullmatch(word) for word in words):
            # A spreadsheet of a German or French system; as classes these would pass for years unnoticed.
            word, line = next(iter(words.items()))
            raise UsageError(
                f"column {name} has {word!r} in row {line}: a decimal comma is no number",
                path=self._path,
                remedy=f"write it with a point, {word.replace(',', '.')}, or save the table as .xlsx with number cells",
            )
        if words and numbers:
            word, line = next(iter(words.items()))
            raise self._wrong(f"column {name} has numbers, and {word!r} in row {line}; leave unknown cells empty")
        return Feature(type="class", classes=tuple(sorted(words))) if words else Feature()

    def _chosen(self, name: str, names: Sequence[str]) -> str:
        if name not in names:
            raise self._wrong(f"has no column {name!r}; it has {', '.join(name for name in names if name)}")
        return name

    def _wrong(self, message: str) -> UsageError:
        return UsageError(message, path=self._path, remedy="mend the table, or the --table options")


def _read(path: Path, sheet: str | None) -> list[tuple[int, list[str]]]:
    """The rows of a table as texts, with their numbers as a spreadsheet program shows them."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path, remedy="check --table") from error
    if path.suffix.lower() == ".xlsx":
        return _read_xlsx(path, sheet)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8 text", path=path, remedy="save it as CSV UTF-8, or as .xlsx") from error
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]


def _read_xlsx(path: Path, sheet: str | None) -> list[tuple[int, list[str]]]:
    with needs_extra("pack", "reading .xlsx files"):
        import openpyxl
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises what zipfile, its XML parser or it itself happen to raise
        raise UsageError(f"is no .xlsx file: {error}", path=path, remedy="save it again as .xlsx or .csv") from error
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise UsageError(
                f"has no sheet {sheet!r}", path=path, remedy=f"choose --table-sheet: {', '.join(book.sheetnames)}"
            )
        rows = (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True)
        return [(number, [_cell(value) for value in row]) for number, row in enumerate(rows, 1)]
    finally:
        book.close()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.17g}"
    return "" if value is None else str(value).strip()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _comparable(name: str) -> str:
    # One spelling for accents (file systems differ), folders with /, and no ending.
    name = unicodedata.normalize("NFC", name).replace("\\", "/").removeprefix("./")
    stem, dot, ending = name.rpartition(".")
    return stem if dot and ending.lower() in _ENDINGS else name


def _keys_of(key: str) -> tuple[str, str]:
    """What a clip may be called in the table: with its folder, or by its bare name."""
    full = _comparable(key)
    return full, full.rpartition("/")[2]
