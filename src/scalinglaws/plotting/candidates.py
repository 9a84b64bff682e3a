"""Plot of the chosen next runs and their candidates."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.lines import Line2D

from scalinglaws.numerals import format_compute
from scalinglaws.planning.next_runs import NextRuns
from scalinglaws.plotting.axes import (
    LABELS,
    add_legend,
    check_kind,
    figure_of,
    log_axis,
    new_axes,
    padded,
    quiet_frame,
)
from scalinglaws.plotting.lines import GREY

_STAR = "#d1495b"


def plot_next_runs(plan: NextRuns, *, ax: Axes | None = None, legend: bool = True) -> Axes:
    """Plot the next runs, the existing runs and the candidates, with the expected benefit.

    Parameters
    ----------
    plan : NextRuns
        From :func:`scalinglaws.next_runs`.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    legend : bool, default True
        Whether to draw a legend.

    Returns
    -------
    Axes

    Notes
    -----
    The shade of a candidate is the share of the target's variance that it would remove alone.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> ax = plot_next_runs(sl.next_runs(fit, budget=3e13, C=1e14, most_runs=3))
    """
    check_kind("plan", plan, NextRuns, "sl.next_runs")
    ax = new_axes() if ax is None else ax
    table, runs, seen = plan.candidates, plan.runs, plan.observed
    shade = ax.scatter(
        table["N"], table["D"], c=100 * table["gain"], cmap=_blues(), vmin=0,
        vmax=100 * float(table["gain"].max()), s=16, marker="s", linewidths=0, zorder=1.5,
    )  # fmt: skip
    if len(seen):
        ax.scatter(
            seen["N"], seen["D"], s=18, color=GREY, edgecolors="white", linewidths=0.4, zorder=3
        )
    counted = runs.groupby(["N", "D"], sort=False).size().rename("times").reset_index()
    ax.scatter(
        counted["N"], counted["D"], s=110, marker="*", color=_STAR, edgecolors="white",
        linewidths=0.6, zorder=4,
    )  # fmt: skip
    for _, row in counted[counted["times"] > 1].iterrows():
        ax.annotate(
            f"{row['times']:.0f}x", (row["N"], row["D"]), xytext=(6, -3),
            textcoords="offset points", fontsize=8,
        )  # fmt: skip
    every = {
        v: np.concatenate([f[v].to_numpy() for f in (table, runs, seen) if len(f)]) for v in "ND"
    }
    for axis, v in ((ax.xaxis, "N"), (ax.yaxis, "D")):
        log_axis(axis, v, *padded(every[v].min(), every[v].max(), 0.05))
    ax.set_xlabel(LABELS["N"])
    ax.set_ylabel(LABELS["D"])
    quiet_frame(ax)
    bar = figure_of(ax).colorbar(shade, ax=ax, pad=0.02, aspect=30)
    bar.set_label(
        "information of one run [% of the most]"
        if "sigma" in plan.answer
        else "variance removed by one run [%]"
    )
    bar.outline.set_visible(False)
    if legend:
        handles: list[Any] = [
            Line2D([], [], color=_STAR, marker="*", markersize=10, linestyle="none",
                   label=f"next runs, {format_compute(float(runs['C'].sum()), 2)} FLOP in all:\n"
                         f"{_bought(plan)}"),
            Line2D([], [], color=_blues()(0.6), marker="s", markersize=4, linestyle="none",
                   label="candidate"),
        ]  # fmt: skip
        if len(seen):
            handles.append(
                Line2D([], [], color=GREY, marker="o", markersize=4, linestyle="none", label="run")
            )
        add_legend(ax, handles)
    return ax


def _bought(plan: NextRuns) -> str:
    """Legend text of the expected benefit."""
    if "sigma" in plan.answer:
        return f"laws {plan.answer['sigma'].iloc[-1]:.1f} standard deviations apart"
    before, after = 100 * plan.answer["half_width"]
    level = f"{100 * plan.confidence_level:g} %"
    return f"{level} interval of {plan.question}: ±{before:.2g} % now, ±{after:.2g} % after"


def _blues() -> Colormap:
    """Blues that can be seen on white paper."""
    return ListedColormap(mpl.colormaps["Blues"](np.linspace(0.22, 1.0, 256)))
