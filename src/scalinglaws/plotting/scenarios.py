"""Plots of plans for served models and for limited data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalinglaws.errors import no_warnings
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.numerals import format_compute, format_count
from scalinglaws.options import check_option
from scalinglaws.planning.compute_optimal import optimal
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.data_constrained import limited_data
from scalinglaws.planning.law_with_values import LawWithValues, Rng, target_of
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES
from scalinglaws.planning.select_group import chosen_group
from scalinglaws.planning.serving import TWO, serving
from scalinglaws.plotting.axes import LABELS, frame, log_axis, padded, settle, write_title
from scalinglaws.plotting.labels import labels_of, named_ones
from scalinglaws.plotting.marks import draw_guide
from scalinglaws.plotting.planned_lines import (
    band_words,
    draw_plan,
    heights_of,
    range_of,
    shade_beyond,
)
from scalinglaws.plotting.style import norm_of, style_of
from scalinglaws.plotting.words import two_digits

_POINTS, _POINTS_OF_LIMITED = 60, 40
_MOST_RESAMPLES = 200  # of a law whose optimum is sought anew for each


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
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    labels : bool
        Whether to write names.
    title : bool or str, optional
        Sentence above the picture; by default the result, on a new figure.

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
    ends = range_of("served", served)
    fit, variables = chosen_group(fit, variables)
    shared: dict[str, Any] = {
        "loss": loss, "cost": cost, "confidence_level": confidence_level,
        "n_resamples": n_resamples, "rng": rng, **variables,
    }  # fmt: skip
    along = np.geomspace(*ends, _POINTS)
    with no_warnings():
        plan = serving(
            fit, served=along, budget=budget, serving_cost=serving_cost, price=price,
            limits=limits, **shared,
        )  # fmt: skip
        alone = float(optimal(fit, C=budget, **shared)[y].iloc[0])
    ax, own = settle(ax)
    style = style_of(ax)
    banded = draw_plan(ax, along, plan, y, style.law)
    log_axis(ax.xaxis, "D", *ends)
    log_axis(ax.yaxis, y if y != "ratio" else None, *padded(*heights_of(plan, y, alone)))
    draw_guide(ax, ends, [alone, alone])
    words = band_words(fit, confidence_level, banded=banded)
    frame(ax, "tokens served in the model's lifetime", f"{LABELS[y]}{words}")
    shade_beyond(ax, along, plan)
    if labels:
        labels_of(ax).name_end(along, plan[y].to_numpy(float), "least cost,\nserved", style.law)
        labels_of(ax).name(alone, "training\nalone", style.muted)
    write_title(ax, title, _serving_sentence(plan, y, alone, ends[1]), own=own)
    return ax


def _serving_sentence(plan: pd.DataFrame, y: str, alone: float, served: float) -> str:
    """What serving changes at the largest number of tokens."""
    share = float(plan[y].iloc[-1]) / alone
    what = {"N": "parameters", "D": "training tokens", "ratio": "tokens per parameter"}[y]
    return (
        f"To serve {format_count(served, 2)} tokens, take {two_digits(share)} times the "
        f"{what} of training alone"
    )


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
    n_resamples: int = _MOST_RESAMPLES,
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
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    labels : bool
        Whether to write names.
    title : bool or str, optional
        Sentence above the picture; by default the result, on a new figure.

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
    ends, amounts = range_of("C", C), np.sort(positive_numbers("unique", unique))
    fit, variables = chosen_group(fit, variables)
    name = target_of(fit) if y == "loss" else y
    along = np.geomspace(*ends, _POINTS_OF_LIMITED)
    options: dict[str, Any] = {
        "C": along, "cost": cost, "confidence_level": confidence_level, "rng": rng,
        "repeats": repeats, "excess": excess, "n_resamples": n_resamples, **variables,
    }  # fmt: skip
    with no_warnings():
        plans = [limited_data(fit, unique=amount, **options) for amount in amounts]
        plenty = 1e6 * plans[-1]["D"].max()
        unlimited = limited_data(fit, unique=plenty, **{**options, "n_resamples": 0})
    ax, own = settle(ax)
    style = style_of(ax)
    colours = style.size_map()(norm_of(amounts[0], amounts[-1])(amounts))
    bands = [draw_plan(ax, along, p, name, c) for p, c in zip(plans, colours, strict=True)]
    draw_guide(ax, along, unlimited[name])
    log_axis(ax.xaxis, "C", *ends)
    edges = [heights_of(plan, name, *unlimited[name]) for plan in plans]
    low, high = min(e[0] for e in edges), max(e[1] for e in edges)
    log_axis(ax.yaxis, y if y in ("N", "D") else None, *padded(low, high))
    words = band_words(fit, confidence_level, banded=any(bands))
    label = {**LABELS, "worth": "compute of unlimited data / C"}.get(y, name)
    frame(ax, LABELS["C"], f"{label}{words}")
    shade_beyond(ax, along, plans[0])
    if labels:
        for k in named_ones(len(plans)):
            text = f"{format_count(amounts[k])} unique\ntokens"
            labels_of(ax).name_end(along, plans[k][name].to_numpy(float), text, colours[k])
        labels_of(ax).name_end(along, unlimited[name].to_numpy(float), "unlimited data",
                               style.muted)  # fmt: skip
    write_title(ax, title, _limited_sentence(plans[0], amounts[0], ends[1]), own=own)
    return ax


def _limited_sentence(plan: pd.DataFrame, amount: float, C: float) -> str:
    """What the largest budget is worth with the least data."""
    worth = 100 * float(plan["worth"].iloc[-1])
    return (
        f"With {format_count(amount, 2)} unique tokens, {format_compute(C, 2)} FLOP are worth "
        f"{two_digits(worth)} % of that with unlimited data"
    )
