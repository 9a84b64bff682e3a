"""Plots of back-tests, and of several laws compared with the forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_plain, format_to, format_variable
from scalinglaws.plotting.axes import figure_of, log_axis, new_axes, padded
from scalinglaws.plotting.palette import Palette, palette_of

if TYPE_CHECKING:
    from scalinglaws.forecasting.backtest import Backtest
    from scalinglaws.forecasting.comparison import Comparison

_MOST_CUTS = 4


def plot_backtest(tested: Backtest, *, ax: Axes | None = None) -> Axes:
    """Plot the errors of a back-test, cut by cut, with the prediction intervals.

    Parameters
    ----------
    tested : Backtest
        From :func:`scalinglaws.backtest` or `Forecast.backtest`.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> tested = sl.forecast(runs[runs["D"] > 1.5e6]).backtest()
    >>> plot_backtest(tested).get_title()
    'Back-test'
    """
    return draw_cuts(tested, new_axes() if ax is None else ax)


def draw_cuts(tested: Backtest, ax: Axes) -> Axes:
    """A row for each cut: hidden runs by their error over their interval, the nearest on top."""
    colours, frame = palette_of(ax), tested.frame
    cuts = list(tested.n_known)[:_MOST_CUTS]
    for place, cut in enumerate(cuts):
        _draw_cut(ax, colours, frame[frame["cut"] == cut], -place)
        known = f"from {tested.n_known[cut]} runs, {tested.by} to {_short(tested.by, cut)}"
        ax.annotate(for_picture(known), (0, 0.27 - place), ha="center", va="bottom", fontsize=8,
                    color=colours.muted, zorder=5)  # fmt: skip
    shown = frame[frame["cut"].isin(cuts)]
    ratios = shown[["reached", "low", "high"]].div(shown["estimate"], axis=0).to_numpy()
    reach = np.abs(np.log(ratios))
    widest = 100 * float(reach[np.isfinite(reach)].max())
    ax.set_xlim(-1.1 * widest, 1.1 * widest)
    ax.set_ylim(0.45 - len(cuts), 0.55)
    ax.yaxis.set_major_locator(NullLocator())
    ax.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}".replace("-", "−")))
    _bare(ax, colours)
    ax.set_xlabel(for_picture(f"{tested.target}, % from the {tested.label}"), fontsize=8.5)
    ax.set_title("Back-test", fontsize=9, fontweight="bold",
                 color=colours.ink, loc="center", pad=5)  # fmt: skip
    return ax


def _draw_cut(ax: Axes, colours: Palette, group: pd.DataFrame, place: int) -> None:
    """The hidden runs of one cut."""
    group = group.sort_values("times_beyond")
    shown = 100 * np.log(group[["reached", "low", "high"]].div(group["estimate"], axis=0))
    inside = group["inside"].to_numpy()
    y = place + (np.linspace(0.18, -0.18, len(group)) if len(group) > 1 else np.zeros(1))
    thick = max(1.0, min(6.0, 34 / len(group)))
    ax.hlines(y, shown["low"], shown["high"], color=colours.bands[2], lw=thick, zorder=1)
    ax.plot([0, 0], [place - 0.24, place + 0.24], color=colours.forecast, lw=1, zorder=2)
    ax.scatter(shown["reached"][inside], y[inside], s=12, color=colours.forecast, lw=0, zorder=3)
    ax.scatter(shown["reached"][~inside], y[~inside], s=22, color=colours.law, marker="x", lw=1.3,
               zorder=4)  # fmt: skip
    ax.annotate(f"{inside.sum()} of {len(group)} larger inside", (0, place - 0.26), ha="center",
                va="top", fontsize=8, color=colours.ink, zorder=5)  # fmt: skip


def plot_comparison(found: Comparison, *, ax: Axes | None = None) -> Axes:
    """Plot the estimates of several laws at the target, with the forecast.

    Parameters
    ----------
    found : Comparison
        From :func:`scalinglaws.compare`.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> long_runs = runs[runs["D"] > 1.5e6]
    >>> found = sl.compare(long_runs, ["chinchilla", "kaplan"], N="1M", D="16M")
    >>> ax = plot_comparison(found)
    """
    if ax is None:
        ax = new_axes()
        figure_of(ax).set_size_inches(6.4, 1.5 + 0.42 * len(found.frame))
    colours, frame = palette_of(ax), found.frame
    known = frame[np.isfinite(frame["estimate"])]
    for place, (name, row) in enumerate(known.iterrows()):
        colour = colours.forecast if place == 0 else colours.law
        ends = [row["low"], row["high"]]
        ax.plot(ends, [-place, -place], color=colour, lw=2.4, solid_capstyle="butt", zorder=3)
        ax.scatter(row["estimate"], -place, s=34, color=colour, edgecolors=colours.background,
                   lw=1, zorder=4)  # fmt: skip
        inside = "" if np.isnan(row["inside"]) else f"{100 * row['inside']:.0f} %"
        error = "" if np.isnan(row["error"]) else f"{format_plain(100 * row['error'], 2)} %"
        _beside(ax, -place, (error, inside), colours.ink)
        weight = "bold" if place == 0 else "normal"
        ax.annotate(for_picture(str(name)), (-0.02, -place), xycoords=("axes fraction", "data"),
                    ha="right", va="center", fontsize=9, color=colour, fontweight=weight,
                    annotation_clip=False)  # fmt: skip
    _beside(ax, 0.75, ("error", "inside"), colours.muted)
    low, high = known["low"].replace(0, np.nan).min(), known["high"].max()
    log_axis(ax.xaxis, None, *padded(float(low), float(high)))
    ax.set_ylim(0.4 - len(known), 1.0)
    ax.yaxis.set_major_locator(NullLocator())
    _bare(ax, colours)
    row = known.iloc[0]
    at = ", ".join(f"{v} {format_variable(v, found.point[v])}" for v in ("N", "D"))
    ax.set_xlabel(
        for_picture(
            f"{found.target} at {at}; {100 * found.confidence_level:g} % prediction interval"
        )
    )
    digits = (row["high"] - row["low"]) / 2
    ax.set_title(
        f"The forecast is {format_to(row['estimate'], digits)}; {_widths(known)}", loc="left",
        fontsize=10.5, fontweight="bold", color=colours.ink, pad=10,
    )  # fmt: skip
    return ax


def _beside(ax: Axes, y: float, texts: tuple[str, str], colour: str) -> None:
    """Two columns of text right of the panel."""
    for x, text in zip((1.1, 1.25), texts, strict=True):
        ax.annotate(text, (x, y), xycoords=("axes fraction", "data"), ha="right", va="center",
                    fontsize=8.5, color=colour, annotation_clip=False)  # fmt: skip


def _widths(known: pd.DataFrame) -> str:
    laws = known["estimate"].iloc[1:]
    if not len(laws):
        return "no law was fitted"
    return f"the laws predict {format_plain(laws.min(), 3)} to {format_plain(laws.max(), 3)}"


def _short(variable: str, value: float) -> str:
    return format_variable(variable, float(f"{value:.2g}"))


def _bare(ax: Axes, colours: Palette) -> None:
    for side in ("left", "top", "right"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(colours.muted)
    ax.tick_params(axis="x", colors=colours.muted, labelsize=8.5)
    ax.xaxis.label.set_color(colours.muted)
