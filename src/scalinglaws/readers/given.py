"""What the user gives for N and D: a number, a mapping, a pattern, a product, a function."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scalinglaws.errors import DataError
from scalinglaws.numerals import listed, parse_number

Given = (
    float | str | Path | Mapping[str, Any] | re.Pattern[str] | Callable[[Mapping[str, Any]], Any]
)
Row = Mapping[str, Any]
# Function from a row to the value, what it is in words, and whether it is a total of the run.
GivenCount = tuple[Callable[[Row], float], str, bool]
_PRODUCT = re.compile(r"\s*(.+?)\s*\*\s*([\d.,_]+(?:e[+-]?\d+)?\s*[kmbgtq]?)\s*", re.IGNORECASE)


def read_given(given: Given, variable: str) -> GivenCount:
    """What to do with a given N or D.

    Raises
    ------
    DataError, TypeError
        If the argument is none of what is understood.
    """
    if isinstance(given, Mapping):
        return _by_name(dict(given), variable), f"{variable}= by name of the run", True
    if isinstance(given, re.Pattern):
        return _by_pattern(given, variable), f"{variable}= from the name of the run", True
    if callable(given):
        return (lambda row: _number(given(row), variable)), f"{variable}= computed", False
    if isinstance(given, Path):
        return _by_name(_mapping_file(given), variable), f"{variable}= by {given.name}", True
    if isinstance(given, str):
        return _read_text(given, variable)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(
            f"`{variable}` must be a number, a mapping from run to number, a file with one, a "
            f"pattern on the run's name, 'column * number' or a function of a row; got {given!r}."
        )
    return _constant(float(given)), f"{variable}= as given", True


def _read_text(given: str, variable: str) -> GivenCount:
    try:
        return _constant(parse_number(given)), f"{variable}= as given", True
    except ValueError:
        pass
    product = _PRODUCT.fullmatch(given)
    if product is not None and "(" not in product[1]:
        factor = parse_number(product[2])
        return _product(product[1], factor, variable), f"{given}", False
    if Path(given).is_file():
        return read_given(Path(given), variable)
    try:
        pattern = re.compile(given)
    except re.error as error:
        raise DataError(f"{variable}={given!r} is no number, file or pattern: {error}.") from error
    if pattern.groups != 1:
        raise DataError(
            f"{variable}={given!r} is no number, no file, no 'column * number', and as a pattern "
            "on the run's name it needs one group, such as '_([0-9.]+[MB])_'."
        )
    return read_given(pattern, variable)


def _constant(value: float) -> Callable[[Row], float]:
    return lambda _: value


def _number(item: Any, variable: str) -> float:
    try:
        return parse_number(item) if isinstance(item, str) else float(item)
    except (ValueError, TypeError) as error:
        raise DataError(f"{variable} cannot be {item!r}: {str(error).rstrip('.')}.") from error


def _by_name(mapping: Mapping[str, Any], variable: str) -> Callable[[Row], float]:
    values = {str(run): _number(item, variable) for run, item in mapping.items()}

    def look_up(row: Row) -> float:
        if row["run"] not in values:
            raise DataError(
                f"{variable}= has no value for run {row['run']!r}; it has {listed(sorted(values))}."
            )
        return values[row["run"]]

    return look_up


def _by_pattern(pattern: re.Pattern[str], variable: str) -> Callable[[Row], float]:
    def search(row: Row) -> float:
        match = pattern.search(row["run"])
        if match is None or not match.groups() or match[1] is None:
            raise DataError(
                f"{variable}={pattern.pattern!r} finds no number in the run's name {row['run']!r}."
            )
        # 1-4B stands for 1.4B where a name may have no full stop
        return _number(re.sub(r"(?<=\d)-(?=\d)", ".", match[1]), variable)

    return search


def _product(column: str, factor: float, variable: str) -> Callable[[Row], float]:
    def multiply(row: Row) -> float:
        if column not in row:
            raise DataError(
                f"{variable}={column!r} * ...: run {row['run']!r} has no column {column!r}; it has "
                f"{listed([str(name) for name in row], most=20)}."
            )
        return _number(row[column], variable) * factor

    return multiply


def _mapping_file(path: Path) -> dict[str, Any]:
    """A JSON object, or a table of two columns, run and value."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if text.lstrip().startswith("{"):
            return dict(json.loads(text))
        rows = [row for row in csv.reader(text.splitlines()) if row]
        return {row[0].strip(): row[1].strip() for row in rows[1:]}
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise DataError(
            f"{path.name} must be a JSON object, or a CSV of two columns with a header, run and "
            f"value: {error}."
        ) from error
