"""A power law through optima, with every noisy copy of them fitted alongside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import with_card
from scalinglaws.errors import DataError
from scalinglaws.planning.plan_cards import trend_card
from scalinglaws.planning.sampled import central_interval

_FEWEST_COPIES = 8

Interval = tuple[FloatArray, FloatArray, FloatArray]  # estimate, low, high


class PowerLaw(Protocol):
    """A power law through optima: Log y at compute, and its exponent, with intervals."""

    @property
    def scatter(self) -> float:
        """Scatter of the optima around the line over what their noise explains."""

    def interval(self, log_c: FloatArray, level: float) -> Interval:
        """Log y at some compute."""

    def exponent_interval(self, level: float) -> Interval:
        """The exponent; arrays of one."""


@dataclass(frozen=True)
class Trend:
    """``log y = intercept + exponent * (log C - pivot)`` for each copy; entry 0 is the estimate.

    `scatter` is the factor by which the optima scatter around the line more than their own noise
    explains (Birge's ratio, at least one); it widens the copies.
    """

    intercept: FloatArray
    exponent: FloatArray
    pivot: float
    scatter: float

    def at(self, log_c: FloatArray) -> FloatArray:
        """Log y at some compute, shape (copies, points)."""
        return np.asarray(self.intercept[:, None] + self.exponent[:, None] * (log_c - self.pivot))

    def interval(self, log_c: FloatArray, level: float) -> Interval:
        """Log y at some compute, with the interval over the copies."""
        values = self.at(log_c)
        return values[0], *central_interval(values[1:], level)

    def exponent_interval(self, level: float) -> Interval:
        """The exponent, with the interval over the copies; arrays of one."""
        return self.exponent[:1], *central_interval(self.exponent[1:, None], level)


def precision_of(copies: FloatArray) -> FloatArray | None:
    """Weight of each column from its spread over noisy copies; None where these are too few.

    The spread is between quantiles, since outliers are common. A column with many copies without
    an answer, which may lie anywhere, has no weight.
    """
    if len(copies) < _FEWEST_COPIES:
        return None
    low = np.quantile(np.where(np.isnan(copies), -np.inf, copies), 0.1587, axis=0, method="lower")
    high = np.quantile(np.where(np.isnan(copies), np.inf, copies), 0.8413, axis=0, method="higher")
    with np.errstate(all="ignore"):
        weight = 4.0 / (high - low) ** 2
    return weight if np.isfinite(weight).all() and (weight > 0).sum() > 1 else None


def fit_trend(
    log_c: FloatArray,
    log_y: FloatArray,
    precision: FloatArray | None,
    *,
    widened: bool = True,
) -> Trend:
    """Weighted line through each row of `log_y`, shape (copies, budgets); gaps are left out.

    Copies that are noisy are widened by the scatter of the optima; copies that are exact are not.

    Raises
    ------
    DataError
        If fewer than two budgets have an optimum.
    """
    used = np.isfinite(log_y[0])
    if used.sum() < 2:
        raise DataError(
            f"{'No budget has' if not used.any() else 'Only one budget has'} an optimum between "
            "its runs; a power law through optima needs at least two."
        )
    x, y = log_c[used], log_y[:, used]
    weight = np.ones(len(x)) if precision is None else precision[used]
    pivot = float(weight @ x / weight.sum())
    w = np.where(np.isfinite(y), weight, 0.0)
    y = np.where(np.isfinite(y), y, 0.0)
    u = x - pivot
    s0, s1, s2 = w.sum(axis=1), w @ u, w @ (u * u)
    t0, t1 = (w * y).sum(axis=1), (w * y) @ u
    with np.errstate(all="ignore"):
        determinant = s0 * s2 - s1**2
        exponent = (s0 * t1 - s1 * t0) / np.where(determinant > 0, determinant, np.nan)
        intercept = (t0 - exponent * s1) / s0
        residual = np.where(w > 0, y - intercept[:, None] - exponent[:, None] * u, np.nan)
    scatter = _birge_ratio(residual, weight) if widened and len(x) > 2 else 1.0
    wider = [v[0] + scatter * (v - v[0]) for v in (intercept, exponent)]
    return Trend(wider[0], wider[1], pivot, scatter)


def _birge_ratio(residual: FloatArray, weight: FloatArray) -> float:
    """Scatter around the line over what the noise of the copies explains, at least one."""
    own = weight > 0
    squares = (residual[1:, own] - residual[0, own]) ** 2 @ weight[own]
    squares = squares[np.isfinite(squares)]
    if not len(squares) or not squares.any():
        return 1.0
    return max(1.0, float(np.sqrt(residual[0, own] ** 2 @ weight[own] / squares.mean())))


def exponent_table(trends: Mapping[str, PowerLaw], level: float) -> pd.DataFrame:
    """One row for each variable: its exponent of compute, the interval, the value at C = 1."""
    rows = {}
    for name, trend in trends.items():
        exponent, low, high = trend.exponent_interval(level)
        with np.errstate(over="ignore"):  # budgets close together leave C = 1 far away
            coefficient = np.exp(trend.interval(np.zeros(1), level))[:, 0]
        rows[name] = {
            "exponent": exponent[0], "low": low[0], "high": high[0],
            "coefficient": coefficient[0], "coefficient_low": coefficient[1],
            "coefficient_high": coefficient[2], "scatter": trend.scatter,
        }  # fmt: skip
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "variable"
    return frame


def carried_on(
    trends: Mapping[str, PowerLaw], budgets: FloatArray, largest: float, level: float
) -> pd.DataFrame:
    """The trends at other budgets, with intervals and how far beyond the largest one."""
    frame = pd.DataFrame({"C": budgets})
    for name, trend in trends.items():
        with np.errstate(over="ignore"):
            values, low, high = np.exp(trend.interval(np.log(budgets), level))
        frame = frame.assign(**{name: values, f"{name}_low": low, f"{name}_high": high})
    frame = frame.assign(times_beyond=budgets / largest)
    return with_card(frame, partial(trend_card, level=level))
