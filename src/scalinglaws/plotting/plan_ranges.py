"""Plots of plans along a range of budgets, of served tokens, or of smaller models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from scalinglaws.errors import no_warnings
from scalinglaws.fitting.tables.points import positive_number, positive_numbers
from scalinglaws.numerals import format_compute, format_count
from scalinglaws.options import check_option
from scalinglaws.planning.compute_optimal import optimal
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.data_constrained import limited_data
from scalinglaws.planning.law_with_values import (
    LawWithValues,
    Rng,
    chosen_group,
    level_for,
    target_of,
)
from scalinglaws.planning.near_optimal import near_optimal, overtraining
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES
from scalinglaws.planning.serving import TWO, serving
from scalinglaws.plotting.axes import settle, write_title
from scalinglaws.plotting.plans import (
    draw_limited_data,
    draw_near_optimal,
    draw_overtraining,
    draw_serving,
    limited_data_sentence,
    near_optimal_sentence,
)
from scalinglaws.plotting.sentences import percent, two_digits

_FINE, _MIDDLE, _COARSE = 80, 60, 40  # points along a range, by how long a plan takes
_FEW_RESAMPLES = 200  # of plans whose every draw is sought anew


def _ends(name: str, given: Any) -> tuple[float, float]:
    """Two ends of what is drawn.

    Raises
    ------
    ValueError
        If they are not a low and a high one.
    """
    ends = positive_numbers(name, given)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ValueError(f"`{name}` must be (low, high), a range to draw; got {given!r}.")
    return float(ends[0]), float(ends[1])


def plot_serving(
    fit: LawWithValues,
    served: Any,
    y: str = "N",
    *,
    loss: Any = None,
    budget: Any = None,
    cost: Cost = SIX,
    serving_cost: Cost = TWO,
    price: float = 1.0,
    limits: Mapping[str, tuple[Any, Any]] | None = None,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    labels: bool = True,
    title: bool | str | None = None,
    **variables: Any,
) -> Axes:
    """Plot the model of least training and serving cost against the served tokens.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    served : (low, high)
        Range of the tokens served in the model's lifetime.
    y : {"N", "D", "ratio"}
    loss, budget, cost, serving_cost, price, limits
        As in :func:`scalinglaws.serving`.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> law = sl.published["chinchilla/epoch2024"]
    >>> ax = plot_serving(law, ("1e10", "1e13"), loss=2.0)
    >>> ax.get_ylabel()
    'parameters N'
    """
    check_option("y", y, ("N", "D", "ratio"))
    ends = _ends("served", served)
    fit, variables = chosen_group(fit, variables)
    shared: dict[str, Any] = {
        "loss": loss, "cost": cost, "confidence_level": confidence_level,
        "n_resamples": n_resamples, "rng": rng, **variables,
    }  # fmt: skip
    with no_warnings():
        plan = serving(
            fit, served=np.geomspace(*ends, _MIDDLE), budget=budget, serving_cost=serving_cost,
            price=price, limits=limits, **shared,
        )  # fmt: skip
        alone = float(optimal(fit, C=budget, **shared)[y].iloc[0])
    ax, own = settle(ax)
    level = level_for(fit, confidence_level)
    draw_serving(ax, plan, y, level, alone=alone, labels=labels)
    what = {"N": "parameters", "D": "training tokens", "ratio": "tokens per parameter"}[y]
    sentence = (
        f"To serve {format_count(ends[1], 2)} tokens, take "
        f"{two_digits(float(plan[y].iloc[-1]) / alone)} times the {what} of training alone"
    )
    write_title(ax, title, sentence, own=own)
    return ax


def plot_limited_data(
    fit: LawWithValues,
    C: Any,
    unique: Any,
    y: str = "loss",
    *,
    repeats: float | None = None,
    excess: float | None = None,
    cost: Cost = SIX,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = _FEW_RESAMPLES,
    rng: Rng = 0,
    labels: bool = True,
    title: bool | str | None = None,
    **variables: Any,
) -> Axes:
    """Plot plans with limited unique tokens against compute, compared with unlimited data.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    C : (low, high)
        Range of budgets.
    unique : number or array
        Number of unique tokens; one line for each.
    y : {"loss", "N", "D", "epochs", "worth"}
        Quantity of the y axis; "loss" is the performance under any name.
    repeats, excess, cost
        As in :func:`scalinglaws.limited_data`.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> law = sl.published["chinchilla/epoch2024"]
    >>> ax = plot_limited_data(law, (1e20, 1e24), ["10B", "100B"], y="epochs")
    >>> ax.get_ylabel()
    'epochs'
    """
    check_option("y", y, ("loss", "N", "D", "epochs", "worth"))
    ends, amounts = _ends("C", C), np.sort(positive_numbers("unique", unique))
    fit, variables = chosen_group(fit, variables)
    name = target_of(fit) if y == "loss" else y
    options: dict[str, Any] = {
        "C": np.geomspace(*ends, _COARSE), "cost": cost, "confidence_level": confidence_level,
        "rng": rng, "repeats": repeats, "excess": excess, "n_resamples": n_resamples, **variables,
    }  # fmt: skip
    with no_warnings():
        plans = [limited_data(fit, unique=amount, **options) for amount in amounts]
        plenty = 1e6 * plans[-1]["D"].max()
        unlimited = limited_data(fit, unique=plenty, **{**options, "n_resamples": 0})
    ax, own = settle(ax)
    level = level_for(fit, confidence_level)
    draw_limited_data(ax, plans, name, level, unlimited=unlimited[name], labels=labels)
    write_title(ax, title, limited_data_sentence(plans[0]), own=own)
    return ax


def plot_near_optimal(
    fit: LawWithValues,
    C: Any,
    within: Any = (0.002, 0.01),
    *,
    cost: Cost = SIX,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = _FEW_RESAMPLES,
    rng: Rng = 0,
    labels: bool = True,
    title: bool | str | None = None,
    **variables: Any,
) -> Axes:
    """Plot the sizes whose performance is within a share of the best, against the budget.

    The optimum is a line, and each share a band around it. Dotted lines are the ends of the
    confidence interval of the optimal size.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    C : (low, high)
        Range of budgets.
    within : number or array
        Shares of the best performance, as in :func:`scalinglaws.near_optimal`; a band for each.
    cost : number, callable or Fit
        As in :func:`scalinglaws.optimal`.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Raises
    ------
    FitError
        If the law has no optimum there.
    ValueError
        If `C` is not a range, or a share is not between 0 and 1.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> ax = plot_near_optimal(sl.published["chinchilla/epoch2024"], (1e20, 1e25), 0.005)
    >>> ax.get_ylabel()
    'parameters N'
    """
    ends, shares = _ends("C", C), np.sort(positive_numbers("within", within))[::-1]
    fit, variables = chosen_group(fit, variables)
    along = np.geomspace(*ends, _COARSE)
    with no_warnings():
        plans = [
            near_optimal(
                fit, C=along, within=float(share), cost=cost, confidence_level=confidence_level,
                n_resamples=n_resamples if share == shares[-1] else 0, rng=rng, **variables,
            )
            for share in shares
        ]  # fmt: skip
    ax, own = settle(ax)
    draw_near_optimal(ax, plans, list(shares), level_for(fit, confidence_level), labels=labels)
    write_title(ax, title, near_optimal_sentence(plans[0], float(shares[0])), own=own)
    return ax


def plot_overtraining(
    fit: LawWithValues,
    C: Any,
    *,
    smaller: tuple[float, float] | None = None,
    cost: Cost = SIX,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    labels: bool = True,
    title: bool | str | None = None,
    **variables: Any,
) -> Axes:
    """Plot the compute of smaller models at the loss of the compute-optimal one.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    C : number
        Budget whose best performance is the target.
    smaller : (low, high), optional
        Range of the size reduction factor; by default from 1 to near the limit.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    ax, labels, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_overtraining(fit, 1e13)
    """
    fit, variables = chosen_group(fit, variables)
    options: dict[str, Any] = {
        "C": C, "cost": cost, "confidence_level": confidence_level, "rng": rng,
        "n_resamples": n_resamples, **variables,
    }  # fmt: skip
    with no_warnings():
        limit = float(overtraining(fit, smaller=[1.0], **options)["limit"].iloc[0])
        low, high = (1.0, 0.93 * limit) if smaller is None else smaller
        plan = overtraining(fit, smaller=np.geomspace(low, high, _MIDDLE), **options)
        half = overtraining(fit, smaller=[2.0], **options).iloc[0]
    ax, own = settle(ax)
    target = target_of(fit)
    draw_overtraining(ax, plan, target, level_for(fit, confidence_level), labels=labels)
    budget, share = format_compute(positive_number("C", C), 2), float(half["overhead"])
    sentence = f"Half the optimal size takes {percent(share)} more compute than {budget} FLOP"
    if not np.isfinite(share):
        sentence = f"No amount of tokens makes up for half the optimal size at {budget} FLOP"
    write_title(ax, title, f"{sentence} for equal {target}", own=own)
    return ax
