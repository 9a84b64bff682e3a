"""Runs sorted into budgets: which of them were trained with nearly the same compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.errors import DataError
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.fitting.tables.related_rows import find_factors
from scalinglaws.fitting.tables.units import refuse_overflow
from scalinglaws.numerals import format_compute, listed
from scalinglaws.options import is_number
from scalinglaws.planning.cost import SIX, RunCost, cost_of

TOLERANCE = 0.05  # share by which compute may be off its budget
_CONSTANT = 1e-6  # relative spread of C/ND that is rounding
_FEWEST_SIZES = 4  # that make a budget where none is named


@dataclass(frozen=True)
class RunColumns:
    """N, D, C and performance of a table, as arrays; `counted` says how C was found.

    `factors` are text columns, with a number for each of their values.
    """

    N: FloatArray
    D: FloatArray
    C: FloatArray
    y: FloatArray
    target: str
    index: pd.Index
    counted: str
    factors: Mapping[str, IntArray] = field(default_factory=dict, repr=False)

    def take(self, rows: IntArray) -> RunColumns:
        """Some of the rows."""
        return RunColumns(
            self.N[rows], self.D[rows], self.C[rows], self.y[rows], self.target,
            self.index[rows], self.counted,
        )  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """Runs of nearly one compute: its value, and the places of its runs in the table.

    `near` are those of the runs near the minimum, `refusal` says why there is no minimum.
    """

    C: float
    rows: IntArray
    near: IntArray
    refusal: str = ""


def read_columns(runs: Any, y: str | None, columns: Mapping[str, str] | None) -> RunColumns:
    """The columns of a table that IsoFLOP analyses need; C is 6ND where the table has none.

    Raises
    ------
    DataError
        If a column is missing or a value is not positive.
    """
    frame = col.as_frame(runs)
    named = col.named_columns(columns)
    target = col.resolve_target(frame, y, None)
    found = {v: _optional(frame, v, named) for v in ("N", "D", "C")}
    present = [v for v, name in found.items() if name is not None]
    if "N" not in present or len(present) < 2:
        col.resolve_variable(frame, "N" if "N" not in present else "D", named)  # says what is there
    values = {v: col.to_floats(frame[name], name) for v, name in found.items() if name is not None}
    counted = f"column {found['C']!r}"
    if found["C"] is not None:
        refuse_overflow(frame, values["C"], found["C"])
    else:
        values["C"], counted = SIX * values["N"] * values["D"], "6ND"
    if "D" not in values:
        values["D"], counted = values["C"] / (SIX * values["N"]), f"{counted}, D as C/6N"
    table = {**values, target: col.performance_to_floats(frame[target], target)}
    for name, array in table.items():
        wrong = ~(np.isfinite(array) & (array > 0))
        if wrong.any():
            rows = listed([str(label) for label in frame.index[wrong]])
            raise DataError(
                f"{name} is missing, infinite or not positive in "
                f"{'rows' if wrong.sum() > 1 else 'row'} {rows}; leave "
                f"{'these rows' if wrong.sum() > 1 else 'this row'} out."
            )
    return RunColumns(
        values["N"], values["D"], values["C"], table[target], target, frame.index, counted,
        find_factors(frame, {*filter(None, found.values()), target}),
    )  # fmt: skip


def _optional(frame: pd.DataFrame, variable: str, columns: Mapping[str, str]) -> str | None:
    if variable in columns:
        return col.resolve_variable(frame, variable, columns)
    return col.find_variable(frame, variable)


def count_sizes(N: FloatArray) -> int:
    """How many different sizes there are, to a ten-thousandth."""
    return len(np.unique(np.round(np.log(N), 4)))


def cost_of_runs(table: RunColumns) -> RunCost:
    """The cost of a run as these runs have it: compute for a token is a smooth function of N."""
    ratio = table.C / (table.N * table.D)
    if np.ptp(ratio) <= _CONSTANT * ratio[0]:
        return cost_of(float(np.median(ratio)))
    x, z = np.log(table.N), np.log(table.C / table.D)
    degree = min(2, len(np.unique(np.round(x, 2))) - 1)
    along = np.polynomial.Polynomial.fit(x, z, degree)
    return RunCost(None, lambda N, D: np.exp(along(np.log(N))) * D, per_token=True)


def find_budgets(table: RunColumns, budgets: Any, tolerance: float) -> list[Budget]:
    """Sort runs by compute into budgets, the smallest first.

    Named budgets take the runs within `tolerance` of them. Otherwise the fullest window of that
    width becomes a budget, then the fullest of what is left, as long as four runs are in it; one
    of fewer than four sizes is no profile.
    """
    if not is_number(tolerance) or not 0 < tolerance < 1:
        raise ValueError(f"`tolerance` is a share such as 0.05; got {tolerance!r}.")
    width = np.log1p(tolerance)
    C = table.C
    logs = np.log(C)
    if budgets is not None:
        named = np.sort(positive_numbers("budgets", budgets))
        nearest = np.abs(logs[:, None] - np.log(named)).argmin(axis=1)
        near = np.abs(logs - np.log(named)[nearest]) <= width
        members = [np.flatnonzero(near & (nearest == k)) for k in range(len(named))]
        return [Budget(float(c), own, own) for c, own in zip(named, members, strict=True)]
    free, found = np.ones(len(C), dtype=bool), []
    while len(fullest := _fullest(logs, free, width)) >= _FEWEST_SIZES:
        if count_sizes(table.N[fullest]) >= _FEWEST_SIZES:
            found.append(Budget(float(np.exp(np.mean(logs[fullest]))), fullest, fullest))
        free[fullest] = False
    if not found:
        raise DataError(
            f"No runs of {_FEWEST_SIZES} sizes have the same compute to "
            f"{100 * tolerance:g} per cent: C goes from {format_compute(C.min())} to "
            f"{format_compute(C.max())}. Name the budgets with "
            "`budgets`, widen `tolerance`, or fit a law with sl.fit."
        )
    return sorted(found, key=lambda budget: budget.C)


def _fullest(logs: FloatArray, free: Any, width: float) -> IntArray:
    """The free runs of the window around one of them that holds the most."""
    inside = (np.abs(logs[:, None] - logs) <= width) & free & free[:, None]
    counts = inside.sum(axis=1)
    # of windows that are as full, the one whose runs are nearest to its centre
    spread = np.where(inside, np.abs(logs[:, None] - logs), 0.0).sum(axis=1)
    best = np.lexsort((spread, -counts))[0]
    return np.flatnonzero(inside[best])
