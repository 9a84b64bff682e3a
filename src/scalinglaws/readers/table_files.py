"""Tables of runs as they are: CSV, TSV, JSON, JSON lines and parquet."""

from __future__ import annotations

import csv
import json
from typing import Any

import pandas as pd

from scalinglaws.errors import DataError
from scalinglaws.fitting.tables.columns import require
from scalinglaws.readers.given import Given, read_given
from scalinglaws.readers.logged_quantities import as_loss, match_variable, with_unit
from scalinglaws.readers.logs import MOST_COLUMNS, LogFile, flatten
from scalinglaws.readers.tabulate import Source

_PARQUET, _ZSTD = b"PAR1", b"\x28\xb5\x2f\xfd"
_FOREIGN = {
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file", b"\x93NUMPY": "a NumPy array", b"\x80": "a Python pickle",
    b"ARROW1": "an Arrow file (read it with pandas.read_feather)", b"\x7fELF": "a program",
}  # fmt: skip
_RUNS = ("run", "Name", "name", "run_id", "id", "model")  # columns with the name of a run
_HINT = "A table is a list of rows, or of columns of one length"


def looks_like_table(file: LogFile) -> bool:
    """Whether a file of a folder could be a table: parquet, JSON rows, or lines with separators."""
    return file.head[:4] == _PARQUET or (
        file.is_text and (file.head.lstrip()[:1] in {b"{", b"["} or _separator(file) is not None)
    )


def read_table(file: LogFile) -> pd.DataFrame:
    """The rows of a file, every column as it is; nested JSON becomes columns such as ``a.b``.

    Raises
    ------
    DataError
        If it has no rows or is no table.
    """
    name = file.shown
    if not file.head.strip():
        raise DataError(f"{name} is empty.")
    if not file.is_text and file.head[:4] not in {_PARQUET, _ZSTD}:
        kind = next((kind for magic, kind in _FOREIGN.items() if file.head.startswith(magic)), "")
        raise DataError(f"{name} is {kind or 'binary'} and none of the known logs and tables.")
    try:
        if file.head[:4] == _PARQUET:
            frame = pd.read_parquet(file.path)
        elif file.head[:4] == _ZSTD:
            frame = pd.read_csv(file.path, compression="zstd")
        elif file.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}:
            frame = _read_json(file)
        else:
            frame = _read_lines(file)
    except ImportError as error:
        raise DataError(
            f"{name} needs a package: {str(error).splitlines()[0].rstrip('.')}."
        ) from error
    except DataError:
        raise
    except UnicodeDecodeError as error:
        raise file.not_text(error) from error
    except (ValueError, RecursionError, OverflowError, OSError, MemoryError, csv.Error) as error:
        raise DataError(f"{name} cannot be read: {str(error).rstrip('.')}.") from error
    if frame.empty:
        raise DataError(f"{name} has no rows.")
    return frame


def has_usual_columns(frame: pd.DataFrame) -> bool:
    """Whether a table that nobody named is one of runs, by the names of its columns."""
    return any(
        as_loss(str(name)) or any(match_variable(str(name), v) for v in ("N", "D", "C"))
        for name in frame.columns
    )


def complete_table(
    frame: pd.DataFrame, metric: str | None, given: dict[str, Given]
) -> pd.DataFrame:
    """The table with the loss, N and D that were asked for, and counts in plain units.

    A column such as ``total_gflops`` or ``Model Size (B)`` has its unit in its name; the count in
    plain units is a new column.
    """
    origins: dict[str, str] = {}
    if metric is not None:
        frame["loss"] = frame[require(frame, metric, "`metric`")]
        origins["loss"] = f"{metric!r} (as given)"
    for variable, given_value in given.items():
        count = read_given(given_value, variable)
        run = next((c for c in _RUNS if c in frame), None)
        frame[variable] = [
            count.of_row({**{str(k): v for k, v in row.items()}, "run": str(row.get(run, ""))})
            for row in frame.to_dict("records")
        ]
        origins[variable] = count.origin
    for variable in ("N", "D", "C"):
        for name in list(frame.columns):
            match = match_variable(str(name), variable)
            if variable not in frame and match is not None and match[1] != 1:
                frame[variable] = pd.to_numeric(frame[name], errors="coerce") * match[1]
                origins[variable] = with_unit(str(name), match[1])
    notes: list[str] = []
    if "core_score" in frame and (frame["core_score"] == 0).any():
        notes.append(
            "A core_score of 0.0 is what nanochat writes when it could not read the score."
        )
    frame.attrs["source"] = Source(files={}, columns=origins, guessed=[], skipped=[], notes=notes)
    return frame


# --- lines with separators ---------------------------------------------------------------------


def _separator(file: LogFile) -> str | None:
    """What separates the columns of the first line: the one that occurs most."""
    line = file.head.splitlines()[0].decode("utf-8", errors="replace") if file.head else ""
    counts = {mark: line.count(mark) for mark in (",", "\t", ";")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else None


def _read_lines(file: LogFile) -> pd.DataFrame:
    separator = _separator(file)
    encoding = file.encoding
    with file.path.open(encoding=encoding) as lines:
        first = lines.readline()
        n_columns = max([line.count(separator or ",") for line in [first, *lines]]) + 1
    if separator is None and len(first.split()) != 1:
        raise DataError(
            f"{file.shown} is text, but neither a known log nor a table with separators; its first "
            f"line is {first[:60]!r}. Known logs and tables are listed in docs/logs.md."
        )
    if n_columns > MOST_COLUMNS:
        raise DataError(f"{file.shown} has {n_columns:,} columns, more than any table of runs.")
    try:
        frame = pd.read_csv(file.path, sep=separator or ",", encoding=encoding)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(
            f"{file.shown} cannot be read as csv: {str(error).strip().rstrip('.')}."
        ) from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas would take the first cells for labels
        raise DataError(f"{file.shown} cannot be read as csv: its rows are longer than its header.")
    return frame


# --- JSON --------------------------------------------------------------------------------------


def _read_json(file: LogFile) -> pd.DataFrame:
    document = file.document
    if document is None:
        document = _json_lines(file)
    if isinstance(document, dict):
        document = _inner_rows(document)
    if isinstance(document, dict):
        return _columns(file, document)
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise DataError(f"{file.shown} cannot be read as json: {_HINT}.")
    return pd.DataFrame([flatten(row) for row in document])


def _json_lines(file: LogFile) -> list[Any]:
    rows: list[Any] = []
    lines = file.text.splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise DataError(_what_is_wrong(file, rows, number, len(lines), error)) from error
    return rows


def _what_is_wrong(
    file: LogFile, rows: list[Any], number: int, n_lines: int, error: Exception
) -> str:
    """One sentence about JSON that does not parse: too deep, cut off, or broken at a line."""
    if isinstance(error, RecursionError):
        return f"{file.shown} cannot be read as json: it is nested too deep."
    if rows:
        end = "; the file was cut off there" if number == n_lines else ""
        return f"{file.shown} cannot be read as jsonl: line {number} is no JSON ({error}){end}."
    try:
        json.loads(file.text)
    except RecursionError:
        return f"{file.shown} cannot be read as json: it is nested too deep."
    except json.JSONDecodeError as whole:
        # cut off in the middle of a value, all is well up to the end
        if whole.pos >= len(file.text.rstrip()) - 1 or whole.msg.startswith("Unterminated"):
            return f"{file.shown} is JSON cut off in the middle, at byte {len(file.data):,}."
        return f"{file.shown} cannot be read as json: {whole}."
    except ValueError as whole:
        return f"{file.shown} cannot be read as json: {whole}."
    return f"{file.shown} cannot be read as json: {error}."


def _inner_rows(document: dict[str, Any]) -> Any:
    """The one list of rows inside an object, such as ``{"runs": [...]}``, or the object itself."""
    if str(document.get("format", "")).startswith("scalinglaws"):
        return document  # a saved fit, whose parameters are rows too
    lists = [
        item
        for item in document.values()
        if isinstance(item, list) and item and all(isinstance(row, dict) for row in item)
    ]
    return lists[0] if len(lists) == 1 else document


def _columns(file: LogFile, document: dict[str, Any]) -> pd.DataFrame:
    items = list(document.values())
    if items and all(isinstance(item, list | dict) for item in items):
        kinds = {type(item) for item in items}
        sizes = {len(item) for item in items}
        if len(kinds) == 1 and len(sizes) == 1 and not any(_nested(item) for item in items):
            return pd.DataFrame(document)
    raise DataError(f"{file.shown} cannot be read as json: {_HINT}; a saved fit is none.")


def _nested(item: list[Any] | dict[str, Any]) -> bool:
    values = item.values() if isinstance(item, dict) else item
    return any(isinstance(value, list | dict) for value in values)
