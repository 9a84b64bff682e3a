"""Plots of near-optimal sizes and of the compute of smaller models."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import ScalingLawWarning
from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_compute, format_plain
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.near_optimal import near_optimal, overtraining
from scalinglaws.planning.sampled_law import (
    DEFAULT_RESAMPLES,
    LawWithValues,
    Rng,
    level_of,
    number,
    numbers,
    target_of,
)
from scalinglaws.planning.select_group import chosen_group
from scalinglaws.plotting.axes import (
    LABELS,
    add_legend,
    log_axis,
    new_axes,
    padded,
    quiet_frame,
)
from scalinglaws.plotting.lines import (
    DASHED,
    DOTTED,
    GREY,
    INK,
    draw_line,
    extrapolated_key,
    interval_key,
)
from scalinglaws.plotting.scenarios import range_of

_POINTS, _OPACITY = 40, 0.18
_RESAMPLES = 200  # ends of a band are sought anew for each
_MOST_COMPUTE = 10.0  # times the compute, up to which smaller models are drawn


def plot_near_optimal(
    fit: LawWithValues,
    C: Any,
    within: Any = (0.002, 0.01),
    *,
    cost: Cost = SIX,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = _RESAMPLES,
    rng: Rng = 0,
    legend: bool = True,
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
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    legend : bool, default True
        Whether to draw a legend.

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
    ends, shares = range_of("C", C), np.sort(numbers("within", within))[::-1]
    fit, variables = chosen_group(fit, variables)
    along = np.geomspace(*ends, _POINTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)  # the picture shows how far it goes
        bands = [
            near_optimal(
                fit, C=along, within=float(share), cost=cost, confidence_level=confidence_level,
                n_resamples=n_resamples if share == shares[-1] else 0, rng=rng, **variables,
            )
            for share in shares
        ]  # fmt: skip
    ax = new_axes() if ax is None else ax
    for band in bands:  # one over the other: the inner ones are darker
        ax.fill_between(
            along, band["smallest"], band["largest"], color=INK, alpha=_OPACITY, linewidth=0
        )
    bounded = _draw_optimum(ax, bands[-1])
    log_axis(ax.xaxis, "C", *ends)
    log_axis(ax.yaxis, "N", *padded(bands[0]["smallest"].min(), bands[0]["largest"].max()))
    ax.set_xlabel(LABELS["C"])
    ax.set_ylabel(LABELS["N"])
    quiet_frame(ax)
    if legend:
        add_legend(ax, _handles(fit, shares, bands[-1], bounded, confidence_level))
    return ax


def _draw_optimum(ax: Axes, band: pd.DataFrame) -> bool:
    """The optimum, dashed beyond the runs, and its interval; whether there is one."""
    along, best = band["C"].to_numpy(float), band["N"].to_numpy(float)
    beyond = band["times_beyond"].to_numpy(float) > 1
    draw_line(ax, along, best, beyond, INK)
    bounds = band[["N_low", "N_high"]].to_numpy(float)
    ax.plot(along, bounds, color=GREY, linewidth=0.9, linestyle=DOTTED, zorder=2.5)
    return bool(np.isfinite(bounds).any())


def _handles(
    fit: LawWithValues,
    shares: FloatArray,
    band: pd.DataFrame,
    bounded: bool,
    level: float | None,
) -> list[Any]:
    """Of the optimum, its dashes, the bands from the inside out, and the interval."""
    found: list[Any] = [Line2D([], [], color=INK, linewidth=1.8, label="compute-optimal size")]
    if (band["times_beyond"] > 1).any():
        found.append(extrapolated_key(INK))
    for k in reversed(range(len(shares))):
        label = f"within {100 * shares[k]:g} % of the best"
        opacity = 1.0 - (1.0 - _OPACITY) ** (k + 1)
        found.append(Patch(color=INK, alpha=opacity, linewidth=0, label=label))
    if bounded:
        label = f"{100 * level_of(fit, level):g} % confidence interval"
        found.append(Line2D([], [], color=GREY, linewidth=0.9, linestyle=DOTTED, label=label))
    return found


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
    legend: bool = True,
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
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    legend : bool, default True
        Whether to draw a legend.

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
        "C": C, "cost": cost, "confidence_level": confidence_level, "rng": rng, **variables,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)
        limit = overtraining(fit, smaller=[1.0], n_resamples=n_resamples, **options).iloc[0]
        low, high = (1.0, 0.93 * limit["limit"]) if smaller is None else smaller
        along = np.geomspace(low, high, 60)
        price = overtraining(fit, smaller=along, n_resamples=n_resamples, **options)
    ax = new_axes() if ax is None else ax
    times = 1.0 + price["overhead"].to_numpy()
    beyond = price["times_beyond"].to_numpy() > 1
    ax.plot(along, times, color=INK, linewidth=1.8, linestyle=DASHED, zorder=3)
    ax.plot(along[~beyond], times[~beyond], color=INK, linewidth=1.8, zorder=3)
    banded = bool(price["overhead_low"].notna().any())
    if banded:
        ends = (1.0 + price[f"overhead_{end}"].to_numpy() for end in ("low", "high"))
        low_end, high_end = (np.clip(np.nan_to_num(e, posinf=1e9), 1e-3, 1e9) for e in ends)
        ax.fill_between(along, low_end, high_end, color=INK, alpha=0.16, linewidth=0, zorder=2)
    if limit["limit"] < 1.3 * high:
        ax.axvline(limit["limit"], color=GREY, linewidth=0.8, linestyle=DOTTED, zorder=1)
    log_axis(ax.xaxis, None, low, max(high, min(1.05 * limit["limit"], 1.3 * high)))
    finite = times[np.isfinite(times)]
    log_axis(ax.yaxis, None, 0.97 * finite.min(), min(1.1 * finite.max(), _MOST_COMPUTE))
    ax.set_xlabel("times smaller than compute-optimal")
    ax.set_ylabel(f"relative compute for equal {for_picture(target_of(fit))}")
    quiet_frame(ax)
    if legend:
        handles: list[Any] = [
            Line2D([], [], color=INK, linewidth=1.8,
                   label=f"equal to the optimum at {format_compute(number('C', C))} FLOP"),
        ]  # fmt: skip
        if beyond.any():
            handles.append(extrapolated_key(INK))
        if banded:
            handles.append(interval_key(INK, level_of(fit, confidence_level)))
        handles.append(
            Line2D([], [], color=GREY, linewidth=0.8, linestyle=DOTTED,
                   label=f"limit, {format_plain(float(limit['limit']), 3)} times")
        )  # fmt: skip
        add_legend(ax, handles)
    return ax
