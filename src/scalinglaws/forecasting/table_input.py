"""Tables of runs, groups and checkpoints as forecasts read them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt
import pandas as pd

from scalinglaws.core.law import Law
from scalinglaws.errors import DataError
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.runs import RunTable, read_table
from scalinglaws.forecasting.run_rows import RunRows, rows_of, usable_compute

# What a table must have to be read; the forecast's own law is in `flexible_law`.
_TWO = Law("E + A/N**alpha + B/D**beta", variables=["N", "D"])
_THREE = Law("E + A/N**alpha + B/D**beta + F/C**gamma", variables=["N", "D", "C"])


def read_rows(
    frame: pd.DataFrame,
    *,
    y: str | None,
    columns: Mapping[str, str],
    weights: str | npt.ArrayLike | None,
    missing: str,
    units: str,
    limits: tuple[float | None, float | None],
) -> RunRows:
    """Read a table of runs, and refuse what leaves a forecast open.

    Raises
    ------
    DataError
        If the table cannot be read, or has too few runs, sizes or budgets.
    """
    _check_columns(frame, columns)
    has_compute = "C" in columns or usable_compute(frame) is not None
    table = read_table(
        frame, _THREE if has_compute else _TWO, y=y, columns=columns, weights=weights,
        missing=missing, scale="log" if limits == (None, None) else "level", units=units,
    )  # fmt: skip
    return rows_of(table, limits)


def read_groups(
    frame: pd.DataFrame,
    groups: str,
    *,
    y: str | None,
    columns: Mapping[str, str],
    weights: str | npt.ArrayLike | None,
    missing: str,
    units: str,
) -> tuple[RunTable, pd.Series]:
    """A table of several groups, and the group of each row."""
    _check_columns(frame, columns)
    has_compute = "C" in columns or usable_compute(frame) is not None
    table = read_table(
        frame, _THREE if has_compute else _TWO, y=y, columns=columns, weights=weights,
        missing=missing, scale="log", units=units,
    )  # fmt: skip
    assert table.source is not None
    name = col.require(table.source, groups, "`groups`")
    return table, col.one_column(table.source, name)


def read_checkpoints(
    frame: pd.DataFrame,
    *,
    y: str | None,
    columns: Mapping[str, str],
    missing: str,
    units: str,
) -> tuple[RunTable, pd.Series]:
    """A table of checkpoints, and the run of each row.

    Raises
    ------
    DataError
        If nothing tells the runs apart.
    """
    _check_columns(frame, columns)
    table = read_table(
        frame, _TWO, y=y, columns={v: c for v, c in columns.items() if v != "C"}, weights=None,
        missing=missing, scale="log", units=units,
    )  # fmt: skip
    if not table.cluster_column or table.source is None:
        raise DataError(
            "No column such as 'run' has several rows of one run, and a run that still trains "
            f"needs checkpoints: one row each. {col.describe_columns(frame)}"
        )
    return table, table.source[table.cluster_column]


def _check_columns(frame: pd.DataFrame, columns: Mapping[str, str]) -> None:
    for variable in columns:
        if variable not in ("N", "D", "C"):
            raise ValueError(f"`columns` names {variable!r}; a forecast has N, D and C.")
    has = {v for v in "NDC" if v in columns or col.find_variable(frame, v) is not None}
    for variable, what in (("N", "parameters"), ("D", "training tokens")):
        if variable not in has:
            raise DataError(
                f"A forecast needs {variable} ({what}), and the table has no column for it. "
                f"{col.describe_columns(frame)} {_without(variable, has)}"
            )


def _without(variable: str, has: set[str]) -> str:
    """What to do about a table without N or without D."""
    say = f"Say which it is with columns={{{variable!r}: ...}}"
    if len(has) == 2:  # the other one, and compute
        (other,) = has - {"C"}
        return f"{say}, or add it as C / (6 {other}) where C is 6ND."
    return f'{say}, or pass x="{min(has, default="D")}" for a curve in one variable.'
