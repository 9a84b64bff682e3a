"""Plot of IsoFLOP profiles and their minima."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.lines import Line2D
from scipy.interpolate import Akima1DInterpolator

from scalinglaws.arrays import FloatArray
from scalinglaws.escaping import for_picture
from scalinglaws.planning.isoflop import IsoFLOP
from scalinglaws.planning.isoflop_profiles import parabola_coefficients
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
from scalinglaws.plotting.lines import DASHED, GREY


def plot_isoflop(
    found: IsoFLOP,
    *,
    ax: Axes | None = None,
    point: Mapping[str, Any] | None = None,
    legend: bool = True,
) -> Axes:
    """Plot the runs of each budget, the fitted curve, and its minimum with interval.

    Parameters
    ----------
    found : IsoFLOP
        From :func:`scalinglaws.isoflop`.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    point : mapping, optional
        Matplotlib style of the points.
    legend : bool, default True
        Whether to draw a legend.

    Returns
    -------
    Axes

    Notes
    -----
    Budgets without a minimum are hollow and have no curve. Runs too far from the minimum to enter
    the fit are small.

    Examples
    --------
    >>> import numpy as np, scalinglaws as sl
    >>> steps, C = (g.ravel() for g in np.meshgrid(np.geomspace(1 / 4, 4, 9), [1e19, 1e20, 1e21]))
    >>> design = {"N": 0.1 * C**0.5 * steps, "D": C**0.5 / (0.6 * steps)}
    >>> runs = sl.simulate(sl.published["chinchilla/epoch2024"], design, 0.002)
    >>> ax = plot_isoflop(sl.isoflop(runs, n_resamples=100))
    """
    check_kind("found", found, IsoFLOP, "sl.isoflop")
    ax = new_axes() if ax is None else ax
    table, optima = found.runs, found.optima
    budgets = optima["C"].to_numpy()
    norm = LogNorm(budgets.min(), budgets.max() if len(budgets) > 1 else 2 * budgets.min())
    colours = mpl.colormaps["viridis"]
    for place, group in enumerate(found.budgets):
        row = optima.iloc[place]
        colour = colours(0.88 * float(norm(group.C)))
        fine = not group.refusal
        used = np.isin(group.rows, group.near) | (not fine)
        options: dict[str, Any] = {"zorder": 3, "linewidths": 0.8, "edgecolors": colour}
        options |= {"c": [colour] if fine else "white"}
        for rows, size in ((group.rows[used], 22), (group.rows[~used], 6)):
            style = {**options, "s": size, **(point or {})}
            ax.scatter(table.N[rows], found.adjusted[rows], **style)
        if not fine:
            continue
        x, y = table.N[group.near], found.adjusted[group.near]
        along = np.geomspace(x.min(), x.max(), 200)
        ax.plot(along, _curve(x, y, found.method)(along), color=colour, linewidth=1.3, zorder=2)
        _draw_minimum(ax, row, table.target, colour)
    _draw_trend(ax, found)
    log_axis(ax.xaxis, "N", *padded(table.N.min(), table.N.max()))
    every = found.adjusted[np.concatenate([g.rows for g in found.budgets])]
    log_axis(ax.yaxis, None, *padded(every.min(), every.max(), 0.06))
    ax.set_xlabel(LABELS["N"])
    ax.set_ylabel(for_picture(table.target))
    quiet_frame(ax)
    if len(budgets) > 1:
        _add_bar(ax, norm, colours)
    if legend:
        _add_legend(ax, found)
    return ax


def _curve(x: FloatArray, y: FloatArray, method: str) -> Any:
    log_x = np.log(x)
    if method == "parabola":
        coefficients, centre = parabola_coefficients(log_x, y[None, :])
        level, slope, bend = coefficients[0]
        return lambda n: level + slope * (np.log(n) - centre) + bend * (np.log(n) - centre) ** 2
    knots, place = np.unique(np.round(log_x, 6), return_inverse=True)
    means = np.bincount(place, np.log(y)) / np.bincount(place)
    through = Akima1DInterpolator(knots, means)
    return lambda n: np.exp(through(np.clip(np.log(n), knots[0], knots[-1])))


def _draw_minimum(ax: Axes, row: Any, target: str, colour: Any) -> None:
    low, high = row["N_low"], row["N_high"]
    if low > 0 and np.isfinite(high):
        ax.plot([low, high], [row[target]] * 2, color="black", linewidth=1.2, zorder=4)
    ax.scatter(
        row["N"], row[target], marker="D", s=34, color=colour, edgecolors="black", linewidths=0.9,
        zorder=5,
    )  # fmt: skip


def _draw_trend(ax: Axes, found: IsoFLOP) -> None:
    """The minima joined, in the order of compute."""
    fine = found.optima[found.optima["N"].notna()]
    ax.plot(
        fine["N"], fine[found.runs.target], color=GREY, linewidth=0.8, linestyle=DASHED,
        zorder=1.8,
    )  # fmt: skip


def _add_bar(ax: Axes, norm: LogNorm, colours: Any) -> None:
    shades = colours(np.linspace(0.0, 0.88, 256))
    bar = figure_of(ax).colorbar(
        ScalarMappable(norm, ListedColormap(shades)), ax=ax, pad=0.02, aspect=30
    )
    assert norm.vmin is not None
    assert norm.vmax is not None
    log_axis(bar.ax.yaxis, "C", norm.vmin, norm.vmax)
    bar.set_label(LABELS["C"])
    bar.outline.set_visible(False)


def _add_legend(ax: Axes, found: IsoFLOP) -> None:
    exponent = found.exponents.loc["N"]
    level = f"{100 * found.confidence_level:g} %"
    handles: list[Any] = [
        Line2D([], [], color=GREY, marker="o", markersize=4, linewidth=1.3,
               label=f"runs of one budget, {found.method}"),
        Line2D([], [], color="black", marker="D", markersize=5, markerfacecolor="0.7",
               linewidth=1.2, label=f"minimum, {level}"),
        Line2D([], [], linestyle="none",
               label=f"$N \\propto C^{{{exponent['exponent']:.3f}}}$ "
                     f"({exponent['low']:.3f} to {exponent['high']:.3f})"),
    ]  # fmt: skip
    if len(found.refused):
        handles.insert(
            1,
            Line2D([], [], color=GREY, marker="o", markersize=4, markerfacecolor="white",
                   linestyle="none", label="budget without a minimum"),
        )  # fmt: skip
    add_legend(ax, handles)
