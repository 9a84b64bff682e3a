"""Plots of plans for served models and for limited data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import ScalingLawWarning
from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_count
from scalinglaws.options import check_option
from scalinglaws.planning.compute_optimal import optimal
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.data_constrained import limited_data
from scalinglaws.planning.sampled_law import (
    DEFAULT_RESAMPLES,
    LawWithValues,
    Rng,
    level_of,
    numbers,
    target_of,
)
from scalinglaws.planning.select_group import chosen_group
from scalinglaws.planning.serving import TWO, serving
from scalinglaws.plotting.axes import LABELS, add_legend, log_axis, new_axes, padded, quiet_frame
from scalinglaws.plotting.lines import (
    DOTTED,
    GREY,
    INK,
    draw_band,
    draw_line,
    extrapolated_key,
    interval_key,
)

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
    legend: bool = True,
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
    legend : bool, default True
        Whether to draw a legend.

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)  # the picture shows how far it goes
        plan = serving(
            fit, served=along, budget=budget, serving_cost=serving_cost, price=price,
            limits=limits, **shared,
        )  # fmt: skip
        unserved = optimal(fit, C=budget, **shared)[y].iloc[0]
    ax = new_axes() if ax is None else ax
    banded = _draw(ax, along, plan, y, INK)
    ax.axhline(unserved, color=GREY, linewidth=0.8, linestyle=DOTTED, zorder=1)
    log_axis(ax.xaxis, "D", *ends)
    log_axis(ax.yaxis, y if y != "ratio" else None, *padded(*_heights(plan, y, unserved)))
    ax.set_xlabel("tokens served in the model's lifetime")
    ax.set_ylabel({**LABELS, "ratio": "tokens per parameter, D/N"}[y])
    quiet_frame(ax)
    if legend:
        handles = _handles(fit, plan, banded, confidence_level, "least cost, served")
        handles.append(
            Line2D([], [], color=GREY, linewidth=0.8, linestyle=DOTTED, label="training alone")
        )
        add_legend(ax, handles)
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
    n_resamples: int = _MOST_RESAMPLES,
    rng: Rng = 0,
    legend: bool = True,
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
    legend : bool, default True
        Whether to draw a legend.

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
    ends, amounts = range_of("C", C), np.sort(numbers("unique", unique))
    fit, variables = chosen_group(fit, variables)
    name = target_of(fit) if y == "loss" else y
    along = np.geomspace(*ends, _POINTS_OF_LIMITED)
    options: dict[str, Any] = {
        "C": along, "cost": cost, "confidence_level": confidence_level,
        "n_resamples": n_resamples, "rng": rng, **variables,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)
        plans = [
            limited_data(fit, unique=amount, repeats=repeats, excess=excess, **options)
            for amount in amounts
        ]
        unlimited = limited_data(fit, unique=1e6 * plans[-1]["D"].max(), repeats=repeats,
                               excess=excess, **{**options, "n_resamples": 0})  # fmt: skip
    ax = new_axes() if ax is None else ax
    colours = mpl.colormaps["viridis"](np.linspace(0.15, 0.75, len(amounts)))
    bands = [_draw(ax, along, p, name, c) for p, c in zip(plans, colours, strict=True)]
    ax.plot(along, unlimited[name], color=GREY, linewidth=0.9, linestyle=DOTTED, zorder=2.5)
    log_axis(ax.xaxis, "C", *ends)
    edges = [_heights(plan, name, *unlimited[name]) for plan in plans]
    low, high = min(e[0] for e in edges), max(e[1] for e in edges)
    log_axis(ax.yaxis, y if y in ("N", "D") else None, *padded(low, high))
    ax.set_xlabel(LABELS["C"])
    ax.set_ylabel({**LABELS, "worth": "compute of unlimited data / C"}.get(y, for_picture(name)))
    quiet_frame(ax)
    if legend:
        handles: list[Any] = [
            Line2D([], [], color=c, linewidth=1.8, label=f"{format_count(a)} unique tokens")
            for a, c in zip(amounts, colours, strict=True)
        ]
        handles.append(
            Line2D([], [], color=GREY, linewidth=0.9, linestyle=DOTTED, label="unlimited data")
        )
        handles += _handles(fit, pd.concat(plans), any(bands), confidence_level, None)
        add_legend(ax, handles)
    return ax


def range_of(name: str, given: Any) -> tuple[float, float]:
    """Two ends of what is drawn.

    Raises
    ------
    ValueError
        If they are not a low and a high one.
    """
    ends = numbers(name, given)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ValueError(f"`{name}` must be (low, high), a range to draw; got {given!r}.")
    return float(ends[0]), float(ends[1])


def _draw(ax: Axes, along: FloatArray, plan: pd.DataFrame, name: str, colour: Any) -> bool:
    """A line, dashed beyond the runs, and its band; whether there is a band."""
    middle = plan[name].to_numpy(float)
    beyond = plan["times_beyond"].to_numpy(float) > 1
    draw_line(ax, along, middle, beyond, colour)
    low, high = (plan[f"{name}_{end}"].to_numpy(float) for end in ("low", "high"))
    return draw_band(ax, along, low, high, colour)


def _heights(plan: pd.DataFrame, name: str, *others: float) -> tuple[float, float]:
    """Lowest and highest of what is drawn."""
    drawn = plan[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
    every = np.concatenate([drawn.ravel(), np.asarray(others, dtype=np.float64)])
    every = every[np.isfinite(every) & (every > 0)]
    return float(every.min()), float(every.max())


def _handles(
    fit: LawWithValues, plan: pd.DataFrame, banded: bool, level: float | None, label: str | None
) -> list[Any]:
    """Of the line, if it has a label, of its dashes and of its band."""
    found: list[Any] = []
    if label is not None:
        found.append(Line2D([], [], color=INK, linewidth=1.8, label=label))
    colour = GREY if label is None else INK
    if (plan["times_beyond"] > 1).any():
        found.append(extrapolated_key(colour))
    if banded:
        found.append(interval_key(colour, level_of(fit, level)))
    return found
