"""Plots of the compute-optimal frontier and of contours of a law."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import ScalingLawWarning
from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_compute, format_plain
from scalinglaws.options import check_option
from scalinglaws.planning.compute_optimal import optimal
from scalinglaws.planning.cost import SIX, Cost, RunCost, cost_of
from scalinglaws.planning.sampled_law import (
    DEFAULT_RESAMPLES,
    LawWithValues,
    Rng,
    level_of,
    numbers,
    run_columns,
    sample_of,
    target_of,
)
from scalinglaws.planning.select_group import chosen_group
from scalinglaws.plotting.axes import (
    LABELS,
    add_legend,
    add_legend_above,
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
    draw_band,
    extrapolated_key,
    interval_key,
)

_POINTS = 80
_BUDGET = (0, (5, 3))  # dashes of a line of equal compute
_MARGIN = 0.035  # of an axis, kept free of what is written beside it
_STAR = "#d1495b"


def plot_frontier(
    fit: LawWithValues,
    C: Any = None,
    y: str = "N",
    *,
    cost: Cost = SIX,
    ax: Axes | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    line: Mapping[str, Any] | None = None,
    legend: bool = True,
    **variables: Any,
) -> Axes:
    """Plot the compute-optimal frontier with its band: solid within the runs, dashed beyond.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    C : (low, high), optional
        Range of compute; by default up to a hundred times the largest run.
    y : {"N", "D", "ratio", "loss"}
        Quantity of the y axis.
    cost, confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    line : mapping, optional
        Matplotlib style of the frontier.
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
    >>> plot_frontier(fit, y="ratio").get_xlabel()
    'training compute C [FLOP]'
    """
    check_option("y", y, ("N", "D", "ratio", "loss"))
    fit, variables = chosen_group(fit, variables)
    spent = cost_of(cost)
    runs, (low, high) = run_columns(fit), _span(fit, spent, C)
    largest = _largest(fit, spent)
    along = _with_edge(np.geomspace(low, high, _POINTS), largest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)  # the picture shows how far it goes
        plan = optimal(
            fit, C=along, cost=cost, confidence_level=confidence_level, n_resamples=n_resamples,
            rng=rng, **variables,
        )  # fmt: skip
    name = y if y in plan else target_of(fit)
    middle = plan[name].to_numpy()
    ax = new_axes() if ax is None else ax
    options = {"color": INK, "linewidth": 1.8, "zorder": 3, **(line or {})}
    for part, dashes in ((along <= largest, "-"), (along >= largest, DASHED)):
        ax.plot(along[part], middle[part], **{**options, "linestyle": dashes})
    edges = plan[f"{name}_low"].to_numpy(), plan[f"{name}_high"].to_numpy()
    banded = draw_band(ax, along, *edges, options["color"])
    if runs and y != "loss":
        heights = {"N": runs["N"], "D": runs["D"], "ratio": runs["D"] / runs["N"]}[y]
        at = spent(runs["N"], runs["D"])
    elif runs:
        heights, at = fit.runs.y, spent(runs["N"], runs["D"])  # type: ignore[attr-defined]
    else:
        heights = at = np.zeros(0)
    ax.scatter(at, heights, s=12, color="0.6", edgecolors="white", linewidths=0.4, zorder=1.5)
    if len(at) and high > largest:
        ax.axvline(largest, color=GREY, linewidth=0.8, linestyle=DOTTED, zorder=1)
    shown = np.concatenate([v[np.isfinite(v) & (v > 0)] for v in (middle, *edges, heights)])
    log_axis(ax.xaxis, "C", *padded(min([low, *at]), high))
    log_axis(ax.yaxis, y if y in ("N", "D") else None, *padded(shown.min(), shown.max()))
    ax.set_xlabel(LABELS["C"])
    ax.set_ylabel({**LABELS, "ratio": "tokens per parameter, D/N"}.get(y, for_picture(name)))
    quiet_frame(ax)
    if legend:
        _frontier_legend(ax, options["color"], fit, banded, len(at) > 0, confidence_level)
    return ax


def _frontier_legend(
    ax: Axes,
    colour: Any,
    fit: LawWithValues,
    banded: bool,
    has_runs: bool,
    level: float | None,
) -> None:
    handles: list[Any] = [Line2D([], [], color=colour, linewidth=1.8, label="compute-optimal")]
    if has_runs:
        handles += [
            extrapolated_key(colour),
            Line2D([], [], color="0.6", marker="o", markersize=4, linestyle="none", label="run"),
        ]
    if banded:
        handles.append(interval_key(colour, level_of(fit, level), "confidence interval"))
    add_legend(ax, handles)


def plot_contours(
    fit: LawWithValues,
    *,
    budgets: Any = None,
    cost: Cost = SIX,
    span: Mapping[str, tuple[float, float]] | None = None,
    levels: int = 10,
    ax: Axes | None = None,
    legend: bool = True,
    **variables: Any,
) -> Axes:
    """Plot contours of the law over N and D, with the frontier, budgets as diagonals and runs.

    Parameters
    ----------
    fit : Fit or published law
        A law of N and D with coefficients.
    budgets : number or array, optional
        Budgets drawn as lines; by default powers of ten or a hundred across the picture.
    cost, **variables
        As in :func:`scalinglaws.optimal`.
    span : mapping of "N" or "D" to (low, high), optional
        What is shown; by default the runs and ten times beyond.
    levels : int
        About how many contours.
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
    >>> plot_contours(fit, budgets=[1e12, 1e13]).get_ylabel()
    'training tokens D'
    """
    fit, variables = chosen_group(fit, variables)
    spent, runs = cost_of(cost), run_columns(fit)
    spans = {"N": (1e7, 1e12), "D": (1e9, 1e14)}
    spans |= {v: padded(runs[v].min(), 10 * runs[v].max(), 0.06) for v in runs}
    spans |= {v: tuple(map(float, pair)) for v, pair in (span or {}).items()}  # type: ignore[misc]
    N, D = (np.geomspace(*spans[v], 160) for v in ("N", "D"))
    sample = sample_of(fit, confidence_level=None, n_resamples=0, rng=None, variables=variables)
    grid_n, grid_d = np.meshgrid(N, D)
    C = spent(grid_n, grid_d)
    values = sample.value(grid_n.ravel()[None], grid_d.ravel()[None], C.ravel()[None])[0]
    values = values.reshape(grid_n.shape)
    ax = new_axes() if ax is None else ax
    heights = _contour_levels(values, levels)
    drawn = ax.contour(
        N, D, values, levels=heights, colors=_shades(len(heights)), linewidths=1.0, zorder=2
    )
    log_axis(ax.xaxis, "N", *spans["N"])
    log_axis(ax.yaxis, "D", *spans["D"])
    ax.clabel(drawn, fmt=lambda v: format_plain(float(v), 3), fontsize=7, inline_spacing=2)
    _draw_budgets(ax, spent, spans, budgets)
    _draw_frontier(ax, fit, cost, spent, spans, variables)
    if runs:
        ax.scatter(
            runs["N"], runs["D"], s=14, color=GREY, edgecolors="white", linewidths=0.4, zorder=4
        )
    ax.set_xlabel(LABELS["N"])
    ax.set_ylabel(LABELS["D"])
    quiet_frame(ax)
    if legend:
        handles: list[Any] = [
            Line2D([], [], color=_STAR, linewidth=1.8, label="compute-optimal"),
            Line2D([], [], color="0.6", linewidth=0.8, linestyle=_BUDGET, label="budget C"),
            Line2D(
                [],
                [],
                color=_shades(3)[1],
                linewidth=1.0,
                label=f"equal {for_picture(sample.target)}",
            ),
        ]
        if runs:
            handles.insert(1, extrapolated_key(_STAR))
            handles.append(
                Line2D([], [], color=GREY, marker="o", markersize=4, linestyle="none", label="run")
            )
        add_legend_above(ax, handles)
    return ax


def _contour_levels(values: FloatArray, count: int) -> FloatArray:
    """Levels at even steps of the logarithm of what lies above the lowest, rounded."""
    lowest, highest = float(values.min()), float(np.quantile(values, 0.995))
    steps = np.geomspace(0.04 * (highest - lowest), highest - lowest, count)
    rounded = np.unique([float(f"{v:.3g}") for v in lowest + steps])
    return np.asarray(rounded)


def _shades(count: int) -> Any:
    """Colours from dark to light; the yellow end is lost on white paper."""
    return mpl.colormaps["viridis"](np.linspace(0.0, 0.82, count))


def _draw_budgets(
    ax: Axes, spent: RunCost, spans: Mapping[str, tuple[float, float]], budgets: Any
) -> None:
    if budgets is None:
        corners = [
            float(np.log10(spent(*map(np.array, c)))) for c in zip(*spans.values(), strict=True)
        ]
        first, last = int(np.ceil(corners[0])), int(np.floor(corners[1]))
        chosen = 10.0 ** np.arange(first, last + 1, max(1, (last - first) // 5))
    else:
        chosen = numbers("budgets", budgets)
    N = np.geomspace(*spans["N"], 200)
    for budget in chosen:
        D = spent.tokens(N, np.full(N.shape, budget))
        seen = (spans["D"][0] <= D) & (spans["D"][1] >= D)
        if seen.sum() < 12:
            continue
        ax.plot(N[seen], D[seen], color="0.6", linewidth=0.8, linestyle=_BUDGET, zorder=1.5)
        # beside the axis where the line comes in, above it and below the frame's upper edge
        below = seen & (spans["D"][1] * (spans["D"][0] / spans["D"][1]) ** _MARGIN > D)
        place = int(np.flatnonzero(below)[0])
        ax.annotate(
            f"{format_compute(float(budget))} FLOP", (N[place], D[place]), fontsize=7, color="0.4",
            xytext=(3, 1), textcoords="offset points", ha="left", va="bottom",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8}, zorder=2.5,
        )  # fmt: skip


def _draw_frontier(
    ax: Axes,
    fit: LawWithValues,
    cost: Cost,
    spent: RunCost,
    spans: Mapping[str, tuple[float, float]],
    variables: Mapping[str, Any],
) -> None:
    low, high = (float(spent(*map(np.array, c))) for c in zip(*spans.values(), strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScalingLawWarning)
        plan = optimal(
            fit,
            C=_with_edge(np.geomspace(low, high, _POINTS), _largest(fit, spent)),
            cost=cost,
            n_resamples=0,
            **variables,
        )
    N, D, C = (plan[v].to_numpy() for v in ("N", "D", "C"))
    largest = _largest(fit, spent)
    for part, style in ((largest >= C, "-"), (largest <= C, DASHED)):
        ax.plot(N[part], D[part], color=_STAR, linewidth=1.8, linestyle=style, zorder=3)


# --- shared ----------------------------------------------------------------------------------


def _largest(fit: LawWithValues, spent: RunCost) -> float:
    """Compute of the largest run; infinite for a law without runs, of which all is as good."""
    runs = run_columns(fit)
    return float(spent(runs["N"], runs["D"]).max()) if runs else np.inf


def _with_edge(along: FloatArray, largest: float) -> FloatArray:
    """The same with the largest run in between, so that what is drawn apart there still meets."""
    inside = along[0] < largest < along[-1]
    return np.sort(np.append(along, largest)) if inside else along


def _span(fit: LawWithValues, spent: RunCost, C: Any) -> tuple[float, float]:
    if C is not None:
        ends = numbers("C", C)
        if len(ends) < 2:
            raise ValueError(f"`C` must be (low, high); got {C!r}.")
        return float(ends.min()), float(ends.max())
    runs = run_columns(fit)
    if not runs:
        return 1e18, 1e26
    used = spent(runs["N"], runs["D"])
    return float(used.min()), 100.0 * float(used.max())
