"""Compute-optimal sizes by a forecast, alone and beside the plan of a law.

Where the runs hold three or more IsoFLOP profiles with a minimum between their runs, the best size
is that of the power law through these minima (`power_law_with_prior`). Otherwise it is the minimum
of the forecast's surface along the budget, with an interval over joint draws of that surface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import DataError, DataWarning, ExtrapolationWarning, FitError, warn
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting.beside_law import DISPUTE_LEVEL, disputes
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.numerals import format_factor
from scalinglaws.options import generator_of
from scalinglaws.planning.budgets import TOLERANCE, RunColumns, find_budgets
from scalinglaws.planning.cost import RunCost, cost_of
from scalinglaws.planning.isoflop_profiles import (
    RISE,
    WINDOW,
    bracketed_profiles,
    minima_of,
    profile_noise,
    standard_errors,
)
from scalinglaws.planning.law_with_values import Rng
from scalinglaws.planning.optima_trend import DriftingPowerLaw, Interval, power_law_with_prior
from scalinglaws.planning.plan import Limits, Optimum, Plan, allowed_sizes, limit_note
from scalinglaws.planning.sampled import central_interval, interval_columns

EXPONENT_PRIOR = (0.5, 0.15)  # of N in compute: mean, standard deviation
_FEWEST_PROFILES = 3
ROOM = 6.0  # e-folds around what a budget buys at the largest runs' tokens per parameter
_GRID = 121  # sizes that are looked at


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

    @property
    def unit(self) -> float:
        """Cost of the largest run over its compute in the table."""
        return float(self.C[-1] / self.forecast.rows.C[-1])

    def runs_at(self, budget: float) -> tuple[FloatArray, FloatArray]:
        """N and D that a budget buys at the largest runs' tokens per parameter."""
        return self.forecast.rows.path(budget / self.unit)


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
        centre = np.log(self.costed.runs_at(budget)[0])
        x = centre + np.linspace(-ROOM, ROOM, _GRID)
        return x, self.costed.cost.tokens(np.exp(x), np.full(_GRID, budget))


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


# Times the compute of the largest run, and what was measured beyond: benchmarks.forecast --optima.
FAR = 60.0
_HELD = (
    f"beyond {FAR:g} times the largest run, sizes of real sweeps were off by a factor of 1.5 on "
    "average, and 90 % intervals from the surface held 79 %"
)


def plan_of_forecast(
    forecast: Forecast,
    budgets: FloatArray,
    cost: RunCost | None,
    limits: Limits,
    level: float,
    n_resamples: int,
    rng: Rng,
) -> pd.DataFrame:
    """The compute-optimal division of budgets by a forecast; see `scalinglaws.optimal`."""
    costed = CostedForecast.of(forecast, cost)
    sizes = best_sizes(costed, n_resamples, rng)
    free = sizes.interval(np.log(budgets), level)
    with np.errstate(all="ignore"):
        ln_n = _within(free, costed.cost, limits, budgets)
        N = np.exp(ln_n)
        D = costed.cost.tokens(N[[0, 2, 1]], budgets)  # fewest tokens for the largest size
        ratio = D / N[[0, 2, 1]]
    _refuse_without_optimum(N[0], limits)
    beyond = budgets / costed.C.max()
    warn_if_far(beyond)
    loss, usable = _performance(forecast, N[0], D[0], budgets, level)
    notes = [
        _note(N[0, j], D[0, j], beyond[j], limits if moved else {})
        for j, moved in enumerate(ln_n[0] != free[0])
    ]
    notes = [
        [*own, *([] if fine else ["the forecast is not usable here"]), sizes.source]
        for own, fine in zip(notes, usable, strict=True)
    ]
    return pd.DataFrame({
        "C": budgets, **interval_columns("N", *N), **interval_columns("D", *D),
        **interval_columns("ratio", *ratio),
        **interval_columns(forecast.rows.table.target, *loss), "times_beyond": beyond,
        "note": ["; ".join(own) for own in notes],
    })  # fmt: skip


def _performance(
    forecast: Forecast, N: FloatArray, D: FloatArray, C: FloatArray, level: float
) -> tuple[FloatArray, BoolArray]:
    """The curve of a forecast with its ends, shape (3, points), and where it is usable.

    Missing, and not unusable, where N is missing.
    """
    known, largest = np.isfinite(N), forecast.rows
    points = {
        "N": np.where(known, N, largest.N[-1]), "D": np.where(known, D, largest.D[-1]), "C": C,
    }  # fmt: skip
    found = forecast.outlook(points, level)
    values = np.stack([found.estimate, found.curve_low, found.curve_high])
    return np.where(known, values, np.nan), forecast.usable(points) | ~known


def _within(interval: Interval, cost: RunCost, limits: Limits, budgets: FloatArray) -> FloatArray:
    """Ln N with its ends, moved to what the limits allow; missing where there is no optimum."""
    ln_n = np.stack(interval)
    if limits:
        # a budget is taken to have one valley, so that the nearest allowed N is the best one
        low, high = allowed_sizes(cost, limits, budgets)
        ln_n = np.where(low > high, np.nan, np.clip(ln_n, low, high))
    return np.where(np.isfinite(ln_n[0]), ln_n, np.nan)


def _refuse_without_optimum(N: FloatArray, limits: Limits) -> None:
    if np.isfinite(N).any():
        return
    if limits:
        raise FitError("No run within `limits` costs what was given as `C`.")
    raise FitError(
        "The forecast has no compute-optimal division here: along a budget it is best at the "
        "smallest or at the largest model. Runs of other tokens per parameter would tell."
    )


def warn_if_far(beyond: FloatArray) -> None:
    """Warn of budgets that are many times the compute of the largest run."""
    if beyond.max(initial=0.0) > FAR:
        warn(
            f"Planning at {format_factor(float(beyond.max()))} times the compute of the largest "
            f"run: {_HELD}.",
            ExtrapolationWarning,
        )


def _note(N: float, D: float, beyond: float, limits: Limits) -> list[str]:
    notes = []
    if np.isnan(N):
        notes.append("no such run within the limits" if limits else "no optimum here")
    elif limits:
        notes.append(limit_note(limits, N, D))
    if beyond > 1:
        notes.append(f"{format_factor(float(beyond))} times the compute of the largest run")
    if beyond > FAR:
        notes.append(_HELD)
    return notes


# --- beside a law ----------------------------------------------------------------------------


def beside_plan(
    plan: Plan, found: Optimum, frame: pd.DataFrame, n_resamples: int, rng: Rng
) -> dict[str, Any]:
    """Columns of the forecast beside a law's plan at budgets; missing where there is none.

    These are the optimum of the forecast on the budget, and its performance at the law's N and D.
    The law's N is disputed by the rule of predictions (`forecasting.beside_law`) for ln N.

    Warns
    -----
    DataWarning
        If the runs allow no forecast, with the reason.
    """
    sample, budgets, name = plan.sample, found.C[0], f"{plan.sample.target}_forecast"
    missing = np.full((3, len(budgets)), np.nan)
    try:
        forecast = _forecast_of(sample.fit)
    except DataError as error:
        warn(f"There is no forecast of these runs: {error}", DataWarning)
        return {
            **interval_columns("N_forecast", *missing), **interval_columns(name, *missing),
            "disputed": np.nan,
        }  # fmt: skip
    sizes = best_sizes(CostedForecast.of(forecast, plan.cost), n_resamples, rng)
    with np.errstate(all="ignore"):
        ours, theirs = (
            _within(sizes.interval(np.log(budgets), level), plan.cost, plan.limits, budgets)
            for level in (sample.level, DISPUTE_LEVEL)
        )
        law = replace(sample, level=DISPUTE_LEVEL).interval(found.N)
        N, D = frame["N"].to_numpy(), frame["D"].to_numpy()  # missing without an optimum
        apart = np.abs(np.log(N) - theirs[0])
        widths = 0.5 * np.log(law[1] / law[0]), 0.5 * (theirs[2] - theirs[1])
        disputed = disputes(apart, *widths)
    unknown = np.isnan(apart + widths[0] + widths[1])
    loss, _ = _performance(forecast, N, D, budgets, sample.level)
    return {
        **interval_columns("N_forecast", *np.exp(ours)), **interval_columns(name, *loss),
        "disputed": np.where(unknown, np.nan, disputed) if unknown.any() else disputed,
    }  # fmt: skip


def _forecast_of(fit: object) -> Forecast:
    """The forecast of a fit's runs.

    Raises
    ------
    DataError
        If there is none.
    """
    owner = getattr(fit, "fit", fit)  # of one group, that of all
    if not isinstance(owner, Fit):
        raise DataError("only a law that was fitted to runs has one.")
    return owner.forecast
