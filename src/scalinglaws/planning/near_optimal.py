"""Sizes that are nearly optimal, and the extra compute of smaller ones at equal loss.

Also the regret of a choice: how far it is from the compute-optimal one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.fitting.tables.points import positive_number, positive_numbers
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.numerals import format_plain
from scalinglaws.options import is_number
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.forecast_surface import plans_at
from scalinglaws.planning.law_with_values import LawWithValues, Rng
from scalinglaws.planning.plan import Frontier, allowed_sizes, plan_of
from scalinglaws.planning.plan_cards import (
    about_of,
    near_optimal_card,
    overtraining_card,
    regret_card,
    shown,
)
from scalinglaws.planning.root_finding import root
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES, Sampled

_WIDEST = np.log(1e6)  # of a band, to either side
_ALL_THE_TOKENS = 1e60
_WIDER = "the band ends beyond the sizes that the forecast was looked at"
_NOT_REACHED = "not reached with the tokens that the forecast was looked at"


def near_optimal(
    fit: LawWithValues | Forecast,
    *,
    C: Any,
    within: float = 0.01,
    cost: Cost | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> pd.DataFrame:
    """Range of model sizes whose performance on a budget is nearly the best.

    Parameters
    ----------
    fit : Fit, published law or Forecast
        A law of N and D with coefficients, or a forecast over N and D.
    C : number or array
        Budgets.
    within : float
        Accepted loss of performance, as a share of the best.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.

    Returns
    -------
    DataFrame
        One row for each budget: ``C``; ``N`` and the performance at the optimum; ``smallest`` and
        ``largest``, the sizes at the ends of the band; ``span``, the largest over the smallest;
        each with ``_low`` and ``_high``; ``times_beyond`` and ``note``.

    Raises
    ------
    FitError
        If there is no optimum.
    ValueError
        If `within` is not a small positive number.

    Notes
    -----
    Near the optimum of a Chinchilla law the performance rises by about
    ``alpha*beta*R/2 * ln(N/N_opt)**2``, where R is its reducible part.

    From a forecast, all columns but the performance are those of its surface, with quantiles over
    joint draws of coefficients and law error. The surface is looked at up to 150 times fewer and
    more parameters and tokens than the budget buys at the largest runs' tokens per parameter; an
    end beyond is missing. Where a draw of the surface rises with D it is held at its lowest value:
    more tokens are taken to do no harm. N may differ from that of `optimal`, which uses measured
    profiles where there are three.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> band = near_optimal(fit, C=1e13, within=0.01).iloc[0]
    >>> bool(band["smallest"] < band["N"] < band["largest"])
    True
    >>> forecast = sl.forecast(runs[runs["D"] > 1.5e6])
    >>> band = near_optimal(forecast, C=1e13, within=0.01).iloc[0]
    >>> bool(band["smallest"] < band["N"] < band["largest"])
    True
    """
    if not is_number(within) or not 0 < within < 1:
        raise ValueError(f"`within` is a share such as 0.01, between 0 and 1; got {within!r}.")
    budgets = positive_numbers("C", C)
    plans = plans_at(
        fit, budgets, cost, variables, confidence_level=confidence_level, n_resamples=n_resamples,
        rng=rng,
    )  # fmt: skip
    frame = pd.concat([_band(plan, own, within) for plan, own in plans], ignore_index=True)
    about = about_of(plans[0][0].sample)
    return shown(frame, near_optimal_card, about, within=within)


def _band(plan: Frontier[Sampled], budgets: FloatArray, within: float) -> pd.DataFrame:
    """The sizes around the best one of each budget."""
    sample = plan.sample
    best = plan.at_budget(budgets[None, :])
    _require_optimum(best.end, plan)
    accepted = best.performance * (1.0 + sample.sign * within)
    with np.errstate(divide="ignore"):  # a draw may be best at no size at all
        centre = np.log(best.N)
    every = np.broadcast_to(budgets, best.N.shape)
    low, high = centre - _WIDEST, centre + _WIDEST
    if plan.limits:
        least, most = allowed_sizes(plan.cost, plan.limits, every)
        low, high = np.maximum(low, least), np.minimum(high, most)

    def excess(x: FloatArray) -> FloatArray:
        N = np.exp(x)
        performance = plan.value(N, plan.cost.tokens(N, every))
        return np.asarray(sample.sign * (performance - accepted))

    with np.errstate(all="ignore"):
        smallest, largest = np.exp(root(excess, low, centre)), np.exp(root(excess, centre, high))
    columns = {
        "N": best.N, sample.target: best.performance, "smallest": smallest, "largest": largest,
        "span": largest / smallest,
    }  # fmt: skip
    frame = pd.DataFrame({"C": budgets})
    for name, values in columns.items():
        if name == sample.target:
            own = sample.performance_columns(best.N[0], best.D[0], budgets, values)
        else:
            own = sample.columns(name, values)
        frame = frame.assign(**own)
    frame["times_beyond"] = plan.times_beyond(budgets)
    wide = np.isnan(smallest[0] * largest[0]) & bool(plan.limits)
    notes = sample.caveats_at(best.N, best.D)
    frame["note"] = [
        "; ".join([*([_WIDER] if beyond else []), *own])
        for beyond, own in zip(wide, notes, strict=True)
    ]
    return frame


def overtraining(
    fit: LawWithValues | Forecast,
    *,
    C: Any,
    smaller: Any = (1.5, 2, 3, 5, 10),
    cost: Cost | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> pd.DataFrame:
    """Extra compute for a smaller model at the loss of the compute-optimal one.

    Parameters
    ----------
    fit : Fit, published law or Forecast
        A law of N and D with coefficients, or a forecast over N and D.
    C : number
        Budget whose best performance is to be reached.
    smaller : number or array
        Factors by which the model is smaller than the compute-optimal one; below 1 is larger.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.

    Returns
    -------
    DataFrame
        One row for each factor: ``smaller``, ``N``, ``D``, ``times_tokens`` (D over that of the
        optimum), ``overhead`` (compute over the budget, less one), ``limit`` (how many times
        smaller the model may be at all), each with ``_low`` and ``_high``; ``times_beyond`` and
        ``note``. Beyond the limit tokens and compute are infinite. The ``limit`` of a forecast is
        missing: it says nothing of unlimited data. There, infinite means: not reached with 150
        times the tokens that the budget buys at the largest runs' tokens per parameter.

    Raises
    ------
    FitError
        If the law has no optimum there.

    Notes
    -----
    For a Chinchilla law and C = 6ND, N shrinks to k N at ``D [1 - (k**-alpha - 1) beta/alpha]
    **(-1/beta)``, which exists for k above ``(1 + alpha/beta)**(-1/alpha)``, at every budget alike.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> price = overtraining(fit, C=1e13, smaller=[1, 2])
    >>> bool(abs(price["overhead"][0]) < 1e-9 and price["overhead"][1] > 0)
    True
    >>> forecast = sl.forecast(runs[runs["D"] > 1.5e6])
    >>> price = overtraining(forecast, C=1e13, smaller=1.25).iloc[0]
    >>> bool(0 < price["overhead_low"] < price["overhead"] < price["overhead_high"])
    True
    """
    budget = np.full((1, 1), positive_number("C", C))
    factors = positive_numbers("smaller", smaller)
    ((plan, _),) = plans_at(
        fit, budget[0], cost, variables, confidence_level=confidence_level,
        n_resamples=n_resamples, rng=rng,
    )  # fmt: skip
    sample = plan.sample
    best = plan.at_budget(budget)
    _require_optimum(best.end, plan)
    N = best.N / factors
    with np.errstate(all="ignore"):
        D = plan.tokens_for(best.performance, N)
        D = np.where(factors == 1.0, best.D, D)
        overhead = plan.cost(N, D) / budget - 1.0
        limit = np.broadcast_to(_limit(plan, best.N, best.performance), N.shape)
    columns = {"N": N, "D": D, "times_tokens": D / best.D, "overhead": overhead, "limit": limit}
    times = format_plain(float(limit[0, 0]), 3)
    endless = f"no data is enough: the limit is {times} times smaller"
    beyond = endless if np.isfinite(limit[0, 0]) else _NOT_REACHED
    frame = pd.DataFrame({"smaller": factors})
    for name, values in columns.items():
        # beyond its limit no amount of data is enough for a smaller model
        frame = frame.assign(**sample.columns(name, values, smooth=name == "N"))
    frame["times_beyond"] = plan.times_beyond(plan.cost(N, D)[0])
    notes = sample.caveats_at(N, D)
    frame["note"] = [
        "; ".join([*([] if np.isfinite(d) else [beyond]), *own])
        for d, own in zip(D[0], notes, strict=True)
    ]
    return shown(frame, overtraining_card, about_of(sample), budget=float(budget[0, 0]))


def _limit(plan: Frontier[Sampled], N: FloatArray, performance: FloatArray) -> FloatArray:
    """How many times smaller a model may be and still get there, with all the data there is.

    Missing for a forecast, which says nothing of unlimited data.
    """
    endless = np.array([_ALL_THE_TOKENS])

    def excess(x: FloatArray) -> FloatArray:
        found = plan.value(N * np.exp(-x), endless)
        return np.asarray(plan.sample.sign * (found - performance))

    return np.exp(root(excess, np.zeros(N.shape), np.full(N.shape, np.log(1e9))))


def _require_optimum(end: FloatArray, plan: Frontier[Sampled]) -> None:
    if not (end[0] == 0).all():
        raise FitError(
            f"{plan.sample.label} has no compute-optimal division on every budget that was given; "
            "see sl.optimal for which."
        )


def regret(
    fit: LawWithValues,
    *,
    N: Any,
    D: Any,
    cost: Cost = SIX,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> pd.DataFrame:
    """Compare runs with the compute-optimal choice for the same compute.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    N, D : number or array
        The runs, paired as arrays broadcast.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.

    Returns
    -------
    DataFrame
        One row for each run: ``N``, ``D``, ``C``, the performance by the law, ``regret`` (relative
        loss of performance against the best for the same compute), ``wasted`` (share of the compute
        that the best choice would not need), each with ``_low`` and ``_high``;
        ``times_beyond`` and ``note``.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> best = sl.optimal(fit, C=1e13).iloc[0]
    >>> judged = sl.planning.regret(fit, N=[best["N"], 2 * best["N"]], D=[best["D"], best["D"] / 2])
    >>> print(judged["regret"].abs().round(3).tolist())
    [0.0, 0.054]
    """
    size, data = positive_numbers("N", N), positive_numbers("D", D)
    if len(size) != len(data) and 1 not in (len(size), len(data)):
        raise ValueError(
            f"`N` and `D` are paired, one with one; got {len(size)} and {len(data)} of them."
        )
    size, data = np.broadcast_arrays(size, data)
    plan = plan_of(
        fit, cost, variables, confidence_level=confidence_level, n_resamples=n_resamples,
        rng=rng,
    )  # fmt: skip
    sample = plan.sample
    spent = plan.cost(size, data)
    with np.errstate(all="ignore"):
        reached = plan.value(size[None, :], data[None, :])
        best = plan.at_budget(spent[None, :])
        needed = plan.at_performance(reached).C
        worse = sample.sign * (reached / best.performance - 1.0)
    frame = pd.DataFrame({"N": size, "D": data, "C": spent})
    frame = frame.assign(**sample.performance_columns(size, data, spent, reached))
    for name, values in {"regret": worse, "wasted": 1.0 - needed / spent}.items():
        # least at the optimum, where derivatives vanish
        frame = frame.assign(**sample.columns(name, values, smooth=False))
    frame["times_beyond"] = plan.times_beyond(spent)
    frame["note"] = ["; ".join(own) for own in sample.caveats_at(best.N, best.D)]
    return shown(frame, regret_card, about_of(sample))
