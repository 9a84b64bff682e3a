"""How the columns of plans are written: 110B parameters, 1e24 FLOP, +3 %, 7.7x."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display.card import Column, Table
from scalinglaws.numerals import (
    format_compute,
    format_count,
    format_level,
    format_plain,
    format_span,
    format_times,
    format_to,
    format_variable,
)

Row = Mapping[Any, Any] | pd.Series
_MOST_POINTS = 20
_FEW = 2  # columns, up to which one row stays a row
BEYOND = "times_beyond"


@dataclass(frozen=True)
class Quantity:
    """The name of a column for readers, and how its numbers are written.

    Attributes
    ----------
    title : what the column is called
    write : a number, given the half-width of its interval
    unit : written once behind an interval
    """

    title: str
    write: Callable[[float, float], str]
    unit: str = ""

    def estimate(self, value: float, half: float) -> str:
        """The number with its unit; nothing where it is missing."""
        if np.isinf(value):
            return "none" if self.title != "beyond" else ""
        return "" if np.isnan(value) else self.write(value, half) + self.unit

    def interval(self, low: float, high: float) -> str:
        """Both ends with one unit."""
        if np.isnan(low) or np.isnan(high) or low == np.inf:
            return ""
        half = _half(low, high)
        first, last = (format_plain(e) if np.isinf(e) else self.write(e, half) for e in (low, high))
        if np.isinf(high):
            return format_span(first + self.unit, last)
        return "" if first == last else format_span(first, last) + self.unit

    def with_interval(self, value: float, low: float, high: float) -> str:
        """Both in one text: 74B (62B to 88B)."""
        span = self.interval(low, high)
        return self.estimate(value, _half(low, high)) + (f" ({span})" if span else "")


def _half(low: float, high: float) -> float:
    return 0.5 * (high - low) if np.isfinite(low) and np.isfinite(high) else np.nan


def _count(value: float, _: float) -> str:
    return format_count(value)


def _compute(value: float, _: float) -> str:
    return format_compute(value)


def _plain(value: float, half: float) -> str:
    if abs(value) >= 1e6 or (value and abs(value) < 1e-4):
        return format_variable("", value)
    return format_to(value, half) if np.isfinite(half) and half > 0 else format_plain(value)


def _three(value: float, half: float) -> str:
    if np.isfinite(half) and half > 0:
        return _plain(value, half)
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else format_plain(value, 3)


def _factor(value: float, half: float) -> str:
    """With two digits at least: near zero, the lower end of an interval is no less telling."""
    return _three(value, min(half, abs(value)))


def _whole(value: float, _: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else format_plain(value)


def _percent(value: float, half: float) -> str:
    if np.isfinite(half) and half > 0:
        return _plain(100 * value, 100 * half)
    return f"{float(f'{100 * value:.2g}'):g}"


def _signed(value: float, _: float) -> str:
    return f"{round(value, 4) + 0.0:+.4f}"


def _flag(value: float, _: float) -> str:
    return "yes" if value else "no"


def _beyond(value: float, _: float) -> str:
    return "no" if value <= 1 else format_times(value, 2)


_KINDS: dict[str, tuple[Callable[[float, float], str], str, Mapping[str, str]]] = {
    "counts": (_count, "", {
        "N": "N", "D": "D", "N_forecast": "N, forecast", "N_recipe": "N, recipe",
        "D_recipe": "D, recipe", "served": "served", "unique": "unique", "smallest": "smallest",
        "largest": "largest", "parameters": "parameters", "active": "active",
    }),
    "compute": (_compute, "", {
        "C": "C", "C_recipe": "C, recipe", "training": "training", "serving": "serving",
        "total": "total", "flops": "FLOP", "flops_per_token": "FLOP a token",
    }),
    "shares": (_percent, " %", {
        "overhead": "more compute", "saving": "saving", "regret": "worse by", "wasted": "wasted",
        "worth": "C if unlimited", "N_bias": "bias of N", "D_bias": "bias of D",
    }),
    "factors": (_factor, "x", {
        "smaller": "smaller", "times_tokens": "tokens", "times_compute": "compute",
        "limit": "limit", "span": "span",
        "gain": "gain", "to_6N": "of 6N",
    }),
    "whole": (_whole, "", {"hours": "hours", "money": "money", "kwh": "kWh", "runs": "runs"}),
    "plain": (_three, "", {"ratio": "D/N", "epochs": "epochs"}),
    "biases": (_signed, "", {"exponent_bias": "its bias"}),
    "flags": (_flag, "", {"disputed": "disputed"}),
    BEYOND: (_beyond, "", {BEYOND: "beyond"}),
}  # fmt: skip
_QUANTITIES = {
    name: Quantity(title, write, unit)
    for write, unit, titles in _KINDS.values()
    for name, title in titles.items()
}


def quantity(name: str) -> Quantity:
    """How a column is written; one that is not known, such as a loss, as its interval decides.

    Examples
    --------
    >>> quantity("N").with_interval(1.1e11, 6.95e10, 1.77e11)
    '110B (69.5B to 177B)'
    >>> quantity("gain").with_interval(0.472, 0.138, 3.41)
    '0.47x (0.14 to 3.4x)'
    >>> quantity("loss").with_interval(1.86731, 1.7682, 1.9731)
    '1.87 (1.77 to 1.97)'
    """
    return _QUANTITIES.get(name, Quantity(name, _plain))


def read_row(row: Row, name: str) -> tuple[float, float, float]:
    """Estimate, low and high of a quantity in a row; NaN for what it does not have."""
    found = (row.get(key, np.nan) for key in (name, f"{name}_low", f"{name}_high"))
    estimate, low, high = (float(v) if v is not None else np.nan for v in found)
    return estimate, low, high


def written(row: Row, name: str) -> str:
    """A quantity of a row, without its interval."""
    estimate, low, high = read_row(row, name)
    return quantity(name).estimate(estimate, _half(low, high))


def written_interval(row: Row, name: str) -> str:
    """The interval of a quantity in a row; nothing where there is none."""
    return quantity(name).interval(*read_row(row, name)[1:])


def plan_table(
    frame: pd.DataFrame,
    level: float,
    *,
    without: Collection[str] = (),
    bare: Collection[str] = (),
    titles: Mapping[str, str] | None = None,
    upright: bool = True,
) -> Table:
    """The columns of a plan, each with its interval behind it.

    Parameters
    ----------
    frame : estimates, with ``_low`` and ``_high``
    level : of the intervals
    without : columns that are not shown
    bare : columns whose interval is not shown
    titles : other titles of columns
    upright : whether one row is written as a list of its quantities
    """
    titles = titles or {}
    names = [str(name) for name in frame.columns]
    ends = {f"{name}_{end}" for name in names for end in ("low", "high")}
    shown = [name for name in names if name not in ends and name not in without]
    columns = []
    for name in shown:
        title = titles.get(name, quantity(name).title)
        columns.append(_column(frame if name not in bare else frame[[name]], name, title))
        if f"{name}_low" in names and name not in bare:
            cells = tuple(written_interval(row, name) for row in frame.to_dict("records"))
            columns.append(Column(format_level(level), cells, joined=True))
    columns = [column for column in columns if any(column.cells)]
    if upright and len(frame) == 1 and len(columns) > _FEW:
        return _upright(columns, format_level(level))
    return Table(tuple(columns))


def _column(frame: pd.DataFrame, name: str, title: str) -> Column:
    if name not in _QUANTITIES and not pd.api.types.is_numeric_dtype(frame[name]):
        return Column(title, tuple(map(str, frame[name])), left=True)
    return Column(title, tuple(written(row, name) for row in frame.to_dict("records")))


def _upright(columns: list[Column], level: str) -> Table:
    """One row as a list of quantities, with their intervals beside them."""
    rows: list[list[str]] = []
    for column in columns:
        if column.joined:
            rows[-1][2] = column.texts[0]
        else:
            rows.append([column.title, column.texts[0], ""])
    names, estimates, spans = zip(*rows, strict=True)
    found = [Column("", names, left=True), Column("", estimates)]
    if any(spans):
        found.append(Column(level, spans))
    return Table(tuple(found))


def range_of(values: FloatArray) -> str:
    """Smallest and largest of some values in words; nothing where none is finite."""
    known = values[np.isfinite(values)]
    return (
        f", from {format_plain(known.min())} to {format_plain(known.max())}" if len(known) else ""
    )


def points_table(
    points: Mapping[str, Any],
    target: str,
    numbers: tuple[Any, Any, Any],
    beyond: Any,
    level: float,
) -> Table:
    """Predictions at many points, the first of them: variables, estimate and interval.

    Parameters
    ----------
    points : arrays by name
    target : name of the performance
    numbers : estimate, low and high, arrays of one shape
    beyond : extrapolation factors
    level : of the interval
    """
    shape = np.shape(numbers[0])
    names = (target, f"{target}_low", f"{target}_high")
    columns = {**points, **dict(zip(names, numbers, strict=True)), BEYOND: beyond}
    flat = {name: np.broadcast_to(v, shape).ravel()[:_MOST_POINTS] for name, v in columns.items()}
    left_out = int(np.prod(shape)) - _MOST_POINTS
    note = f"{left_out:,} more points: to_frame() has all." if left_out > 0 else ""
    return replace(plan_table(pd.DataFrame(flat), level, upright=False), note=note)
