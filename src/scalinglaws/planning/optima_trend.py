"""A power law through optima: with every noisy copy of them, or with a prior of its exponent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import with_card
from scalinglaws.errors import DataError
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.numerals import abridged
from scalinglaws.planning.isoflop_profiles import Minima
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


# Standard deviations of an optimum: the least one that a profile is trusted to have, and how far
# optima lie from any smooth line.
_LEAST_ERROR, _SCATTER = 0.03, 0.05
_DRIFT = 0.001  # variance of the random walk for each e-fold of compute
_BEND = 0.05  # standard deviation for each e-fold beyond the last budget
_DOF = 6.0


@dataclass(frozen=True)
class DriftingPowerLaw:
    """A power law with a prior of its exponent; see the module.

    Attributes
    ----------
    pivot : logarithm of the last budget
    t : (budgets,), logarithms of the budgets from there
    coefficients, covariance : level at the pivot and exponent
    precision : inverse covariance of the optima around the line
    residuals : `precision` times the residuals
    """

    pivot: float
    t: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    precision: FloatArray
    residuals: FloatArray

    @property
    def scatter(self) -> float:
        """Not estimated: the scatter of optima around the line is part of the model."""
        return float("nan")

    def interval(self, log_c: FloatArray, level: float) -> Interval:
        """Log y at some compute."""
        t = np.asarray(log_c, dtype=np.float64) - self.pivot
        near = _walk(t, self.t)
        gain = near @ self.precision
        basis = _line(t) - gain @ _line(self.t)
        variance = np.einsum("ij,jk,ik->i", basis, self.covariance, basis)
        variance += _DRIFT * np.abs(t) - np.einsum("ij,ij->i", gain, near)
        variance += (_BEND * np.maximum(t, 0.0)) ** 2
        half = t_quantile(level, _DOF) * np.sqrt(variance)
        estimate = _line(t) @ self.coefficients + near @ self.residuals
        return estimate, estimate - half, estimate + half

    def exponent_interval(self, level: float) -> Interval:
        """The exponent; arrays of one."""
        half = t_quantile(level, _DOF) * np.sqrt(self.covariance[1, 1])
        exponent = self.coefficients[1:]
        return exponent, exponent - half, exponent + half


def checked_prior(prior: Any, method: str, weighted: bool) -> tuple[float, float]:
    """Mean and standard deviation of `exponent_prior`.

    Raises
    ------
    ValueError
        If they are none, or another option sets the weights.
    """
    try:
        mean, sd = map(float, prior)
    except (TypeError, ValueError):
        mean, sd = np.nan, np.nan
    if not (np.isfinite(mean) and 0 < sd < np.inf):
        raise ValueError(
            "`exponent_prior` is (mean, sd) with a positive standard deviation, such as "
            f"(0.5, 0.15); got {abridged(prior)}."
        )
    if method != "parabola" or weighted:
        other = "weighted" if weighted else f"method={method!r}"
        raise ValueError(f"`exponent_prior` weights the minima of parabolas; leave out `{other}`.")
    return mean, sd


def power_laws_with_prior(
    log_c: FloatArray, minima: Minima, errors: FloatArray, prior: tuple[float, float]
) -> dict[str, DriftingPowerLaw]:
    """Power laws of N and D, whose exponents sum to one."""
    mean, sd = prior
    return {
        "N": power_law_with_prior(log_c, minima.log_n[0], errors, prior),
        "D": power_law_with_prior(log_c, minima.log_d[0], errors, (1 - mean, sd)),
    }


def power_law_with_prior(
    log_c: FloatArray, log_y: FloatArray, errors: FloatArray, prior: tuple[float, float]
) -> DriftingPowerLaw:
    """The power law through optima.

    Parameters
    ----------
    log_c, log_y : logarithms of the budgets, in order, and of their optima
    errors : standard errors of `log_y`
    prior : mean and standard deviation of the exponent
    """
    t = log_c - log_c[-1]
    errors = np.maximum(errors, _LEAST_ERROR)
    precision = np.asarray(np.linalg.inv(np.diag(errors**2 + _SCATTER**2) + _walk(t, t)))
    mean, sd = prior
    known = np.diag([0.0, sd**-2])
    design = _line(t)
    covariance = np.asarray(np.linalg.inv(design.T @ precision @ design + known))
    coefficients = covariance @ (design.T @ precision @ log_y + known @ np.array([0.0, mean]))
    residuals = precision @ (log_y - design @ coefficients)
    return DriftingPowerLaw(float(log_c[-1]), t, coefficients, covariance, precision, residuals)


def _line(t: FloatArray) -> FloatArray:
    return np.column_stack([np.ones_like(t), t])


def _walk(a: FloatArray, b: FloatArray) -> FloatArray:
    """Covariance of the drift, a random walk that leaves zero to either side, (len(a), len(b))."""
    nearer = np.minimum(np.abs(a[:, None]), np.abs(b))
    return np.where(a[:, None] * b > 0, _DRIFT * nearer, 0.0)
