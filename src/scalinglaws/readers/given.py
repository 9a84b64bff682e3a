"""What the user gives for N and D: a number, a mapping, a pattern, a product, a function."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalinglaws.errors import DataError
from scalinglaws.numerals import listed, parse_number

Row = Mapping[str, Any]
Given = float | str | Path | Mapping[str, Any] | re.Pattern[str] | Callable[[Row], Any]
_PRODUCT = re.compile(r"\s*([^(]+?)\s*\*\s*([\d.,_]+(?:e[+-]?\d+)?\s*[kmbgtq]?)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class GivenCount:
    """How a row gets its N or D: the value, its origin in words, and whether it is a run's total.

    A product has its column and its factor, so that the column can be taken at any step.
    """

    of_row: Callable[[Row], float]
    origin: str
    is_total: bool = True
    column: str = ""
    factor: float = 1.0


def read_given(given: Given, variable: str) -> GivenCount:
    """What to do with a given N or D.

    Raises
    ------
    DataError, TypeError
        If the argument is none of what is understood.
    """
    name = f"{variable}="
    item = _read_text(given, variable) if isinstance(given, str) else given
    if isinstance(item, GivenCount):
        return item
    if isinstance(item, Path):
        return GivenCount(_by_run(_mapping_file(item), variable), f"{name} by {item.name}")
    if isinstance(item, Mapping):
        return GivenCount(_by_run(item, variable), f"{name} by name of the run")
    if isinstance(item, re.Pattern):
        return GivenCount(_by_pattern(item, variable), f"{name} from the name of the run")
    if callable(item):
        return GivenCount(lambda row: _number(item(row), variable), f"{name} computed", False)
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise TypeError(
            f"`{variable}` must be a number, a mapping from run to number, a file with one, a "
            f"pattern on the run's name, 'column * number' or a function of a row; got {item!r}."
        )
    return GivenCount(lambda _: float(item), f"{name} as given")


def _read_text(given: str, variable: str) -> float | Path | re.Pattern[str] | GivenCount:
    try:
        return parse_number(given)
    except ValueError:
        pass
    product = _PRODUCT.fullmatch(given)
    if product is not None:
        column, factor = product[1], parse_number(product[2])
        return GivenCount(_product(column, factor, variable), given, False, column, factor)
    if Path(given).is_file():
        return Path(given)
    try:
        pattern = re.compile(given)
    except re.error as error:
        raise DataError(f"{variable}={given!r} is no number, file or pattern: {error}.") from error
    if pattern.groups != 1:
        raise DataError(
            f"{variable}={given!r} is no number, no file, no 'column * number', and as a pattern "
            "on the run's name it needs one group, such as '_([0-9.]+[MB])_'."
        )
    return pattern


def _number(item: Any, variable: str) -> float:
    try:
        return parse_number(item) if isinstance(item, str) else float(item)
    except (ValueError, TypeError) as error:
        raise DataError(f"{variable} cannot be {item!r}: {str(error).rstrip('.')}.") from error


def _by_run(mapping: Mapping[str, Any], variable: str) -> Callable[[Row], float]:
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
        item = row[column]
        return math.nan if item is None else _number(item, variable) * factor

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
