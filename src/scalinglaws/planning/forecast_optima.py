"""The best size on a budget by the runs of a forecast, without a law.

Where the runs hold three or more IsoFLOP profiles with a minimum between their runs, it is the
power law through these minima (`exponent_prior`). Otherwise it is the minimum of the forecast's
surface along the budget, with an interval over joint draws of that surface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import DataError
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.options import generator_of
from scalinglaws.planning.budgets import TOLERANCE, RunColumns, find_budgets
from scalinglaws.planning.cost import RunCost, cost_of
from scalinglaws.planning.exponent_prior import DriftingPowerLaw, power_law_with_prior
from scalinglaws.planning.isoflop_profiles import (
    RISE,
    WINDOW,
    bracketed_profiles,
    minima_of,
    profile_noise,
    standard_errors,
)
from scalinglaws.planning.law_with_values import Rng
from scalinglaws.planning.optima_trend import Interval
from scalinglaws.planning.sampled import central_interval

EXPONENT_PRIOR = (0.5, 0.15)  # of N in compute: mean, standard deviation
_FEWEST_PROFILES = 3
# Sizes that are looked at, and how far from the largest runs' tokens per parameter, in e-folds.
_GRID, _ROOM = 121, 6.0


@dataclass(frozen=True)
class CostedForecast:
    """A forecast, what a run costs, and the compute of its runs in the same unit."""

    forecast: Forecast
    cost: RunCost
    C: FloatArray

    @classmethod
    def of(cls, forecast: Forecast, cost: RunCost | None) -> CostedForecast:
        """By default the table's compute, and the FLOPs per N and D of its largest runs."""
        rows = forecast.rows
        if cost is None:
            return cls(forecast, cost_of(rows.flops), rows.C)
        return cls(forecast, cost, cost(rows.N, rows.D))


@dataclass(frozen=True)
class BestSizes:
    """Ln N of the best size at some logarithms of compute, with an interval of any level.

    `source` says in words what it comes from.
    """

    interval: Callable[[FloatArray, float], Interval]
    source: str


def best_sizes(costed: CostedForecast, n_resamples: int, rng: Rng) -> BestSizes:
    """From the profiles that were measured, or from the surface."""
    law = measured_power_law(costed)
    if law is not None:
        return BestSizes(law.interval, f"N from the measured profiles of {len(law.t)} budgets")
    surface = SurfaceMinimum(costed, n_resamples, rng)
    return BestSizes(surface.interval, "N from the surface of the forecast")


def measured_power_law(costed: CostedForecast) -> DriftingPowerLaw | None:
    """Through the minima of measured profiles; None of fewer than three."""
    rows = costed.forecast.rows
    table = RunColumns(
        rows.N, rows.D, costed.C, np.exp(rows.y), rows.table.target, rows.index, "cost"
    )
    try:
        budgets = find_budgets(table, None, TOLERANCE)
    except DataError:
        return None
    groups, adjusted = bracketed_profiles(table, budgets, "parabola", WINDOW, RISE)
    accepted = [group for group in groups if not group.refusal]
    if len(accepted) < _FEWEST_PROFILES:
        return None
    noise, _ = profile_noise(table, accepted, adjusted, "parabola")
    log_n = minima_of(table, accepted, adjusted[None], "parabola").log_n[0]
    errors = standard_errors(table, accepted, adjusted, noise)
    log_c = np.log([group.C for group in accepted])
    return power_law_with_prior(log_c, log_n, errors, EXPONENT_PRIOR)


@dataclass(frozen=True)
class SurfaceMinimum:
    """The minimum of a forecast's surface along a budget, and those of its joint draws."""

    costed: CostedForecast
    n_resamples: int
    rng: Rng

    def interval(self, log_c: FloatArray, level: float) -> Interval:
        """Ln N; infinite where the best of all sizes looked at is the smallest or the largest."""
        drawn = np.column_stack([self._minima(c) for c in np.exp(log_c)])
        return drawn[0], *central_interval(drawn[1:], level)

    def _minima(self, budget: float) -> FloatArray:
        """Of the posterior mean, then of draws of Student's t, shape (1 + draws,)."""
        x, D = self._line(budget)
        draws = drawn_surface(self.costed.forecast, x, np.log(D), self.n_resamples, self.rng)
        return _argmin(x, draws)

    def _line(self, budget: float) -> tuple[FloatArray, FloatArray]:
        """Ln N and D of sizes on the budget."""
        rows, cost = self.costed.forecast.rows, self.costed.cost
        centre = np.log(rows.path(budget * rows.C[-1] / self.costed.C[-1])[0])
        x = centre + np.linspace(-_ROOM, _ROOM, _GRID)
        return x, cost.tokens(np.exp(x), np.full(_GRID, budget))


def drawn_surface(
    forecast: Forecast, ln_n: FloatArray, ln_d: FloatArray, n_resamples: int, rng: Rng
) -> FloatArray:
    """Posterior mean at points, then joint draws of Student's t, shape (1 + draws, points)."""
    posterior = forecast.posterior
    origin_n, origin_d = posterior.origin
    mean, covariance = posterior.joint(ln_n - origin_n, ln_d - origin_d)
    generator, dof = generator_of(rng), posterior.dof
    steps = generator.standard_normal((n_resamples, len(mean)))
    steps *= np.sqrt(dof / generator.chisquare(dof, n_resamples))[:, None]
    return np.concatenate([mean[None], mean + steps @ _root(covariance)])


def _root(covariance: FloatArray) -> FloatArray:
    """Symmetric square root: unique, so that rounding does not change the draws."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def _argmin(x: FloatArray, curves: FloatArray) -> FloatArray:
    """Vertex of the parabola through the lowest point of each curve and its neighbours."""
    lowest, last = curves.argmin(axis=1), len(x) - 1
    k, rows = np.clip(lowest, 1, last - 1), np.arange(len(curves))
    left, here, right = (curves[rows, k + j] for j in (-1, 0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        off = 0.5 * (left - right) / (left - 2.0 * here + right)
    vertex = x[k] + np.clip(np.nan_to_num(off), -1.0, 1.0) * (x[1] - x[0])
    return np.where(lowest == 0, -np.inf, np.where(lowest == last, np.inf, vertex))
