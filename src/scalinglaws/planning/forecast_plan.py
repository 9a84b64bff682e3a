"""Plans from a forecast, and the forecast beside the plan of a law."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import DataError, DataWarning, ExtrapolationWarning, FitError, warn
from scalinglaws.fitting.result import Fit
from scalinglaws.forecasting.beside_law import DISPUTE_LEVEL, disputes
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.numerals import format_factor
from scalinglaws.planning.cost import RunCost
from scalinglaws.planning.forecast_optima import CostedForecast, best_sizes
from scalinglaws.planning.law_with_values import Rng
from scalinglaws.planning.optima_trend import Interval
from scalinglaws.planning.plan import Limits, Optimum, Plan, allowed_sizes, limit_note

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
        "C": budgets, **_columns("N", N), **_columns("D", D), **_columns("ratio", ratio),
        **_columns(forecast.rows.table.target, loss), "times_beyond": beyond,
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


def _columns(name: str, values: FloatArray) -> dict[str, FloatArray]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


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
        return {**_columns("N_forecast", missing), **_columns(name, missing), "disputed": np.nan}
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
        **_columns("N_forecast", np.exp(ours)), **_columns(name, loss),
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
