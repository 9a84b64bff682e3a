"""Sizes of least total cost: training a model, and serving it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import FitError
from scalinglaws.fitting.tables.points import positive_number, positive_numbers
from scalinglaws.forecasting.forecast import Forecast
from scalinglaws.numerals import format_count
from scalinglaws.options import is_number
from scalinglaws.planning.cost import SIX, Cost, RunCost, cost_of
from scalinglaws.planning.forecast_surface import plan_to, plans_at
from scalinglaws.planning.law_with_values import LawWithValues, Rng
from scalinglaws.planning.plan import (
    NEAR_STEPS,
    Frontier,
    Limits,
    common_limits,
    limits_of,
    plan_of,
)
from scalinglaws.planning.plan_cards import about_of, served_for_card, serving_card, shown
from scalinglaws.planning.root_finding import SCAN_STEPS, minimum
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES, Sampled

TWO = 2.0  # FLOPs for each parameter and served token: the forward pass
_NO_SAVING = 1e-9  # share of the cost, below which a saving is only rounding
_ROOM = (12.0, 6.0)  # e-folds below and above the compute-optimal size


def serving(
    fit: LawWithValues | Forecast,
    *,
    served: Any,
    loss: Any = None,
    budget: Any = None,
    cost: Cost | None = None,
    serving_cost: Cost = TWO,
    price: float = 1.0,
    limits: Mapping[str, tuple[Any, Any]] | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> pd.DataFrame:
    """Find the model with the least cost of training and serving.

    Parameters
    ----------
    fit : Fit, published law or Forecast
        A law of N and D with coefficients, or a forecast over N and D.
    served : number or array
        Tokens that the model will process in its lifetime, input and output.
    loss : number, optional
        Performance to reach; the total cost is minimised.
    budget : number, optional
        Cost of training and serving together; the performance is optimised.
    cost : number, callable or Fit
        Cost of training, as in :func:`scalinglaws.optimal`.
    serving_cost : number, callable or Fit
        Cost of processing `served` tokens with N parameters; a number k means k*N*served.
    price : float
        Price of a unit of serving cost relative to one of training, from the ratios of prices,
        utilisations and precisions. With 40 % utilisation in training and 10 % in serving it is 4.
    limits : mapping of "N" or "D" to (low, high), optional
        Allowed ranges, from memory, latency or data.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.

    Returns
    -------
    DataFrame
        One row for each `served`: ``served``, ``N``, ``D``, ``ratio``, the performance,
        ``training`` and ``serving`` (costs in training's unit), ``total``, and ``saving``: the
        share of the total cost saved against the compute-optimal model of equal performance.
        Each with ``_low`` and ``_high``; ``times_beyond`` (of training) and ``note``.

    Raises
    ------
    FitError
        If no model reaches the performance, or fits the budget. From a forecast also if the loss is
        not reached up to 200 times the compute of the largest run.
    ValueError
        If not exactly one of `loss` and `budget` is given.

    Notes
    -----
    With costs 6ND and 2N*served the optimum has ``alpha*A*N**-alpha / (beta*B*D**-beta) = 1 +
    served/(3*D)`` (Sardana et al. 2024, arXiv:2401.00448). Laws fitted at usual ratios of D to N
    are too optimistic far above them, as the same paper shows; compare ``ratio``.

    A forecast is used as by :func:`near_optimal`. For a `loss` its surface is drawn around the
    compute of ``forecast.reach(loss)``.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> best = sl.optimal(fit, C=1e13)
    >>> plan = sl.serving(fit, served=["1M", "1B"], loss=best["loss"].iloc[0])
    >>> bool(plan["N"].iloc[1] < plan["N"].iloc[0] < best["N"].iloc[0])
    True
    >>> forecast = sl.forecast(runs[runs["D"] > 1.5e6])
    >>> found = sl.serving(forecast, served="1B", budget=1e14).iloc[0]
    >>> bool(found["N_low"] < found["N"] < found["N_high"])
    True
    """
    if (loss is None) == (budget is None):
        raise ValueError("Give exactly one of `loss` and `budget`.")
    if not is_number(price) or not 0 < price < np.inf:
        raise ValueError(f"`price` is a positive ratio; got {price!r}.")
    tokens = positive_numbers("served", served)
    options: dict[str, Any] = {
        "confidence_level": confidence_level, "n_resamples": n_resamples, "rng": rng,
    }  # fmt: skip
    if budget is None:
        goal = positive_number("loss", loss)
        plan = plan_to(fit, goal, cost, variables, **options)
    else:
        goal = positive_number("budget", budget)
        ((plan, _),) = plans_at(fit, np.array([goal]), cost, variables, **options)
    sample = plan.sample
    each = cost_of(serving_cost, "serving_cost")
    life = _Life(plan, each, float(price), limits_of(limits), tokens)
    with np.errstate(all="ignore"):
        if budget is None:
            N, D, end = life.cheapest(np.full((sample.n_rows, len(tokens)), goal))
        else:
            N, D, end = life.best(goal)
        _require(N, life)
        frame = _as_frame(life, N, D, given=goal if budget is None else None)
    frame["times_beyond"] = plan.times_beyond(frame["training"].to_numpy())
    frame["note"] = _notes(life, N, D[0], end[0])
    allowance = None if budget is None else goal
    return shown(frame, serving_card, about_of(sample), budget=allowance)


def served_for(
    fit: LawWithValues,
    *,
    N: Any,
    D: Any,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> pd.DataFrame:
    """Number of served tokens for which this model and its data are the least-cost choice.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    N, D : number
        A model as it was trained.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.

    Returns
    -------
    DataFrame
        One row: ``N``, ``D``, ``served`` with interval; 0 for a model that is larger than
        compute-optimal.

    Notes
    -----
    With costs 6ND and 2N*served, ``served = 3 D (r - 1)`` with r the ratio of the law's
    elasticities in N and D. It depends on the law far from its optimum.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> best = sl.optimal(fit, C=1e13).iloc[0]
    >>> found = served_for(fit, N=best["N"] / 2, D=2 * best["D"])
    >>> bool(found["served"].iloc[0] > 0)
    True
    """
    plan = plan_of(
        fit, SIX, variables, confidence_level=confidence_level, n_resamples=n_resamples,
        rng=rng,
    )  # fmt: skip
    sample = plan.sample
    size, data = np.array([[positive_number("N", N)]]), np.array([[positive_number("D", D)]])
    by_n, by_d = plan.elasticities(size, data)
    with np.errstate(divide="ignore", invalid="ignore"):  # a law that no data improves any more
        tokens = np.maximum(SIX / TWO * data * (by_n / by_d - 1.0), 0.0)
    frame = pd.DataFrame({"N": size[0], "D": data[0]})
    # no serving explains a model that is larger than compute-optimal
    frame = frame.assign(**sample.columns("served", tokens, smooth=False))
    return shown(frame.assign(note="; ".join(sample.caveats)), served_for_card, about_of(sample))


class _Life:
    """Training and serving cost of one law, for several numbers of served tokens."""

    def __init__(
        self, plan: Frontier[Sampled], serve: RunCost, price: float, limits: Limits,
        tokens: FloatArray,
    ) -> None:  # fmt: skip
        self.plan, self.serve, self.price = plan, serve, price
        self.limits, self.tokens = limits, tokens
        self.allowed = common_limits(limits, plan.limits)
        steps = SCAN_STEPS if plan.sample.kind == "law" else NEAR_STEPS
        self.search = steps, plan.sample.tolerance

    def serving(self, N: FloatArray) -> FloatArray:
        """Cost of serving, in training's unit."""
        tokens = self.tokens if N.ndim == 2 else self.tokens[:, None]
        return self.price * self.serve(N, tokens)

    def _serving_slope(self, N: FloatArray) -> FloatArray:
        tokens = self.tokens if N.ndim == 2 else self.tokens[:, None]
        return self.serving(N) * self.serve.elasticities(N, tokens)[0]

    def cheapest(self, wanted: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The least total cost at a performance."""
        plan = self.plan
        centre = np.log(plan.at_performance(wanted).N)
        d_low, d_high = self.allowed.get("D", (0.0, np.inf))

        def tokens(x: FloatArray) -> FloatArray:
            goal = wanted[..., None] if x.ndim > 2 else wanted
            found = plan.tokens_for(goal, np.exp(x))
            return np.where((found <= d_high) & (found >= d_low), found, np.inf)

        def total(x: FloatArray) -> FloatArray:
            N = np.exp(x)
            return np.asarray(plan.cost(N, tokens(x)) + self.serving(N))

        def slope(x: FloatArray) -> FloatArray:
            N, D = np.exp(x), tokens(x)
            by_n, by_d = plan.elasticities(N, D)
            cost_n, cost_d = plan.cost.elasticities(N, D)
            training = plan.cost(N, D) * (cost_n - cost_d * by_n / by_d)
            return np.where(np.isfinite(D), training + self._serving_slope(N), np.nan)

        best, end = minimum(total, slope, *self._range(centre), *self.search)
        best = np.where(np.isfinite(centre), best, np.nan)
        return np.exp(best), tokens(best), end

    def best(self, budget: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The best performance for a total cost."""
        plan, sign = self.plan, self.plan.sample.sign
        start = plan.at_budget(np.array([[budget]])).N
        d_low, d_high = self.allowed.get("D", (0.0, np.inf))

        def tokens(x: FloatArray) -> FloatArray:
            N = np.exp(x)
            rest = budget - self.serving(N)
            paid = plan.cost.tokens(N, np.where(rest > 0, rest, np.nan))
            return np.where(paid >= max(d_low, 1.0), np.minimum(paid, d_high), np.nan)

        def value(x: FloatArray) -> FloatArray:
            found = sign * plan.value(np.exp(x), tokens(x))
            return np.where(np.isnan(found), np.inf, found)

        def slope(x: FloatArray) -> FloatArray:
            N, D = np.exp(x), tokens(x)
            by_n, by_d = plan.elasticities(N, D)
            cost_n, cost_d = plan.cost.elasticities(N, D)
            paid = plan.cost(N, D)
            # along the budget, tokens make room for serving as well as for the larger model
            along = -(cost_n + self._serving_slope(N) / paid) / cost_d
            return np.asarray(sign * (by_n + by_d * np.where(d_high > D, along, 0.0)))

        centre = np.broadcast_to(np.log(start), (plan.sample.n_rows, len(self.tokens)))
        best, end = minimum(value, slope, *self._range(centre), *self.search)
        return np.exp(best), tokens(best), end

    def _range(self, centre: FloatArray) -> tuple[FloatArray, FloatArray]:
        low, high = self.allowed.get("N", (0.0, np.inf))
        known = np.where(np.isfinite(centre), centre, 0.0)
        with np.errstate(divide="ignore"):
            return (
                np.clip(known - _ROOM[0], np.log(low), np.log(high)),
                np.clip(known + _ROOM[1], np.log(low), np.log(high)),
            )


def _require(N: FloatArray, life: _Life) -> None:
    if np.isnan(N[0]).all():
        within = " within `limits`" if life.limits else ""
        raise FitError(
            f"No model is possible: the {life.plan.sample.kind} does not reach this "
            f"performance{within}, or serving alone costs more than the budget."
        )


def _as_frame(life: _Life, N: FloatArray, D: FloatArray, given: float | None) -> pd.DataFrame:
    plan = life.plan
    sample = plan.sample
    performance = plan.value(N, D)
    training, serving_ = plan.cost(N, D), life.serving(N)
    plain = plan.at_performance(performance)
    saving = 1.0 - (training + serving_) / (plain.C + life.serving(plain.N))
    frame = pd.DataFrame({"served": life.tokens})
    for name, values in {
        "N": N, "D": D, "ratio": D / N, sample.target: performance, "training": training,
        "serving": serving_, "total": training + serving_,
        "saving": np.where(np.abs(saving) < _NO_SAVING, 0.0, saving),
    }.items():  # fmt: skip
        if name == sample.target and given is not None:
            frame[name] = given
            continue
        if name == sample.target:
            own = sample.performance_columns(N[0], D[0], training[0], values)
        else:
            own = sample.columns(name, np.broadcast_to(values, N.shape), smooth=name != "saving")
        frame = frame.assign(**own)
    return frame


def _notes(life: _Life, N: FloatArray, D: FloatArray, end: FloatArray) -> list[str]:
    notes = []
    for j, caveats in enumerate(life.plan.sample.caveats_at(N, D)):
        own = []
        if np.isnan(N[0, j]):
            own.append("out of reach")
        for name, value in (("N", N[0, j]), ("D", D[j])):
            own += [
                f"at the limit of {name}, {format_count(bound)}"
                for bound in life.limits.get(name, ())
                if abs(np.log(value / bound)) < 1e-6
            ]
        if not own and end[j] != 0:
            own.append(f"at the edge of what the {life.plan.sample.kind} allows")
        notes.append("; ".join([*own, *caveats]))
    return notes
