"""Compute-optimal division of a budget between parameters and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.numerals import abridged, format_plain
from scalinglaws.options import check_count, check_level, generator_of
from scalinglaws.planning.cost import SIX, Cost, cost_of
from scalinglaws.planning.forecast_plan import beside_plan, plan_of_forecast
from scalinglaws.planning.law_with_values import LawWithValues, Rng
from scalinglaws.planning.plan import Optimum, Plan, limit_note, limits_of, plan_of
from scalinglaws.planning.plan_cards import About, about_of, optimal_card, shown
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES


def optimal(
    fit: LawWithValues | Forecast,
    *,
    C: Any = None,
    N: Any = None,
    D: Any = None,
    loss: Any = None,
    cost: Cost | None = None,
    forecast: bool = False,
    limits: Mapping[str, tuple[Any, Any]] | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> pd.DataFrame:
    """Find the compute-optimal number of parameters and tokens.

    Exactly one of `C`, `N`, `D` and `loss` is given, as one number or several.

    Parameters
    ----------
    fit : Fit, published law or Forecast
        Any law with the variables N and D, or a forecast over N and D, which divides budgets C.
    C : number or array, optional
        Budgets in FLOP; the best division of each is found. Numbers may be text, such as "1e24".
    N, D : number or array, optional
        Sizes, or numbers of tokens; the budget for which each is compute-optimal is found.
    loss : number or array, optional
        Losses, or values of any other performance; the least compute for each is found.
    cost : number, callable or Fit, optional
        Cost of a run. A number k means k*N*D; 6, the default, counts forward and backward passes. A
        function takes arrays N and D. A fit is one of the cost, such as
        ``sl.fit(runs, "C ~ k * N**p * D**r", y="C")``; its uncertainty is not included. For a
        forecast the default is the compute of its table, and k that of the largest runs.
    forecast : bool, default False
        Whether to add the forecast from the fitted runs beside a law's plan of `C`.
    limits : mapping of "N" or "D" to (low, high), optional
        Allowed ranges, such as ``{"N": (0, "70B")}``; for `C` and `loss`.
    confidence_level : float, optional
        Level of the intervals; that of the fit by default.
    n_resamples : int
        Joint draws of the coefficients, or of a forecast's surface. None are made, and there is no
        interval of N, with 0.
    rng : Generator, int or None
        Seed of the draws.
    **variables
        Values of the law's other variables, if it has any; and the group, ``data="c4"``, where
        parameters have one value for each.

    Returns
    -------
    DataFrame
        One row for each number given: ``C``, ``N``, ``D``, ``ratio`` (D/N) and the performance,
        each with ``_low`` and ``_high`` unless it was given; ``times_beyond``, the budget relative
        to the largest fitted run; ``note``, caveats: an active limit, a missing optimum, the
        reason for a missing interval. With `forecast` also ``N_forecast``, the best size of the
        budget by the forecast of the fitted runs; ``loss_forecast``, the forecast at the plan's N
        and D; both with intervals; and ``disputed`` (see Notes).

    Raises
    ------
    FitError
        If there is no optimum: the law does not get better with both N and D, or it is best at
        the smallest or largest model whatever the budget.
    ValueError
        If none or several of the four are given, or one is not positive.

    Warns
    -----
    ExtrapolationWarning
        If a budget is more than 100 times that of the largest run, or 60 times for a forecast.
    DataWarning
        If `forecast` is asked for and the runs allow none; its columns are then missing.

    Notes
    -----
    For laws of the Chinchilla kind, ``E + s*(A*N**-alpha + B*D**-beta)**q``, and C = k*N*D, the
    optimum is ``N = G*(C/k)**a``. Here ``a = beta/(alpha + beta)`` and
    ``G = (alpha*A/(beta*B))**(1/(alpha + beta))`` (Hoffmann et al. 2022, arXiv:2203.15556, eq. 4).
    For other laws and costs, the performance is minimised along the budget: a scan over ln N, then
    the root of the exact slope.

    Intervals are those of the delta method: the gradient of ln C, ln N or ln D in the coefficients,
    their covariance, and Student's t with the degrees of freedom of that quantity. The best
    performance on a budget has the interval of :meth:`Fit.predict` at N and D: to first order it
    does not matter that the optimum moves with the coefficients. Joint draws of the coefficients
    count how often the law has no optimum at all, which `note` reports. Model error is not
    included: the intervals assume that the law still holds there.

    From a forecast, N is that of a power law through the measured optima where the runs hold three
    IsoFLOP profiles or more: generalised least squares with the exponent 0.5 +- 0.15 beforehand, as
    ``isoflop(runs, exponent_prior=(0.5, 0.15))``. Otherwise it is the minimum of the forecast's
    surface along the budget, with quantiles over joint draws of that surface. The performance is
    the forecast's at that N and D, with the interval of the curve. ``note`` says which of the two.

    A law's N is *disputed* by the rule of predictions: ln N is farther from the forecast's than 0.7
    of the wider half-width of the two 90 % intervals. The plan stays the law's.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> plan = sl.optimal(fit, C=["1e13", "1e14"])
    >>> bool((plan["N_low"] < plan["N"]).all() and (plan["N"] < plan["N_high"]).all())
    True

    Without a law, and beside it:

    >>> sl.optimal(sl.forecast(runs[runs["D"] > 1.5e6]), C="1e13")["note"].item()
    'N from the surface of the forecast'
    >>> sl.optimal(fit, C=["1e13", "1e14"], forecast=True)["disputed"].tolist()
    [False, False]
    """
    if not isinstance(forecast, bool):
        raise TypeError(f"`forecast` is True or False; got {abridged(forecast)}.")
    queries, allowed = {"C": C, "N": N, "D": D, "loss": loss}, limits_of(limits)
    if isinstance(fit, Forecast):
        budgets = _budgets_of_forecast(queries, variables, forecast)
        level = fit.confidence_level if confidence_level is None else confidence_level
        check_level(level)
        check_count("n_resamples", n_resamples, 0)
        generator_of(rng)  # refuses what is no seed, also where no draws are needed
        own_cost = None if cost is None else cost_of(cost)
        frame = plan_of_forecast(fit, budgets, own_cost, allowed, level, n_resamples, rng)
        about = About(fit.rows.table.target, level, "forecast")
        return shown(frame, optimal_card, about, given="C")
    query, given = _query(queries)
    if forecast and query != "C":
        raise ValueError(f"`forecast` goes with budgets `C`; here {query} is given.")
    if allowed and query in ("N", "D"):
        raise ValueError(f"`limits` are for budgets and losses; here {query} is given.")
    plan = plan_of(
        fit, SIX if cost is None else cost, variables, limits=allowed,
        confidence_level=confidence_level, n_resamples=n_resamples, rng=rng,
    )  # fmt: skip
    found = {
        "C": plan.at_budget,
        "N": lambda values: plan.beside("N", values),
        "D": lambda values: plan.beside("D", values),
        "loss": plan.at_performance,
    }[query](given[None, :])
    _refuse_without_optimum(found, plan, query)
    frame = _as_frame(found, plan, query)
    if forecast:
        frame = frame.assign(**beside_plan(plan, found, frame, n_resamples, rng))
    beyond = plan.times_beyond(found.C[0])
    frame["times_beyond"] = beyond
    frame["note"] = _notes(found, plan, beyond)
    return shown(frame, optimal_card, about_of(plan.sample), given=query)


def _budgets_of_forecast(
    queries: Mapping[str, Any], variables: Mapping[str, Any], forecast: bool
) -> FloatArray:
    """The budgets; refuses what a forecast does not answer."""
    others = [name for name, value in queries.items() if value is not None and name != "C"]
    if others or queries["C"] is None:
        raise ValueError(
            f"A plan from a forecast is for budgets: give `C`{' alone' if others else ''}. For the "
            "compute that reaches a loss there is forecast.reach; for other questions fit a law."
        )
    if variables or forecast:
        name = next(iter(variables), "forecast")
        raise ValueError(f"A plan from a forecast takes no `{name}`.")
    return positive_numbers("C", queries["C"])


def _query(given: Mapping[str, Any]) -> tuple[str, FloatArray]:
    present = [name for name, value in given.items() if value is not None]
    if len(present) != 1:
        raise ValueError(
            f"Give exactly one of `C`, `N`, `D` and `loss`; got {' and '.join(present) or 'none'}."
        )
    return present[0], positive_numbers(present[0], given[present[0]])


def _refuse_without_optimum(found: Optimum, plan: Plan, query: str) -> None:
    """An optimum at the end of the search is none; one at a limit is what was asked for."""
    end = found.end[0]
    runaway = np.isnan(end) if plan.limits else np.isnan(end) | (end != 0)
    if query == "loss":
        runaway &= ~np.isinf(found.C[0])
    if not runaway.all():
        return
    label = plan.sample.law.label
    if plan.limits and query == "C":
        raise FitError(f"No run within `limits` costs what was given as `C`, by the law {label!r}.")
    raise FitError(
        f"The law {label!r} has no compute-optimal division here: along a budget it is best at "
        "the smallest or at the largest model, whatever the budget. A power law without a sum, "
        f"for instance, has no optimum.{_doubt(plan.sample.fit)}"
    )


def _doubt(fit: LawWithValues) -> str:
    """The verdict of a fit that is not good: the reason may be there."""
    status = getattr(fit, "status", None)
    return "" if status is None or status.good else f" The fit itself: {status.value}"


def _as_frame(found: Optimum, plan: Plan, query: str) -> pd.DataFrame:
    sample = plan.sample
    nowhere = np.isnan(found.end) | ((found.end != 0) & (not plan.limits))
    columns: dict[str, FloatArray] = {}
    with np.errstate(all="ignore"):
        quantities = {
            "C": found.C, "N": found.N, "D": found.D, "ratio": found.D / found.N,
            sample.target: found.performance,
        }  # fmt: skip
    given = sample.target if query == "loss" else query
    for name, values in quantities.items():
        if name == given:
            columns[name] = values[0]
            continue
        kept = np.where(nowhere & ~np.isinf(values), np.nan, values)
        if name == sample.target and query == "C":
            columns |= sample.performance_columns(found.N[0], found.D[0], found.C[0], kept)
        else:
            columns |= sample.columns(name, kept)
    return pd.DataFrame(columns)


def _notes(found: Optimum, plan: Plan, beyond: FloatArray) -> list[str]:
    caveats = plan.sample.caveats_at(found.N, found.D)
    return ["; ".join([*_note(found, plan, j, beyond[j]), *own]) for j, own in enumerate(caveats)]


def _note(found: Optimum, plan: Plan, j: int, beyond: float) -> list[str]:
    notes = []
    end = found.end[0, j]
    if np.isinf(found.C[0, j]):
        notes.append(
            "out of reach within the limits"
            if plan.limits
            else "out of reach of this law at any compute"
        )
    elif np.isnan(end):
        notes.append("no such run within the limits" if plan.limits else "no optimum here")
    elif end != 0:
        notes.append(
            limit_note(plan.limits, found.N[0, j], found.D[0, j])
            if plan.limits
            else "no optimum here"
        )
    if 1 < beyond < np.inf:
        notes.append(f"{format_plain(float(beyond), 3)} times the compute of the largest run")
    return notes
