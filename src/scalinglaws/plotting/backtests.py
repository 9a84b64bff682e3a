"""Plot of a back-test: the errors of hidden runs beside their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_level, format_variable
from scalinglaws.plotting.axes import frame, settle, write_title
from scalinglaws.plotting.labels import shortened
from scalinglaws.plotting.style import Style, style_of

if TYPE_CHECKING:
    from scalinglaws.forecasting.backtest import Backtest

_MOST_CUTS = 4


def plot_backtest(
    tested: Backtest, *, ax: Axes | None = None, title: bool | str | None = None
) -> Axes:
    """Plot the errors of a back-test, cut by cut, with the prediction intervals.

    Parameters
    ----------
    tested : Backtest
        From :func:`scalinglaws.backtest` or `Forecast.backtest`.
    ax, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> tested = sl.forecast(runs[runs["D"] > 1.5e6]).backtest()
    >>> ax = plot_backtest(tested)
    """
    ax, own = settle(ax)
    draw_cuts(tested, ax)
    write_title(ax, title, backtest_sentence(tested), own=own)
    return ax


def backtest_sentence(tested: Backtest) -> str:
    """How many of the hidden runs lie inside their intervals."""
    shown = _shown(tested)
    return (
        f"{int(shown['inside'].sum())} of {len(shown)} larger runs lie inside their "
        f"{format_level(tested.confidence_level)} intervals"
    )


def draw_cuts(tested: Backtest, ax: Axes) -> None:
    """A row for each cut: hidden runs by their error over their interval, the nearest on top."""
    style, shown = style_of(ax), _shown(tested)
    cuts = list(tested.n_known)[:_MOST_CUTS]
    for place, cut in enumerate(cuts):
        known = f"from {tested.n_known[cut]} runs, {tested.by} to {_short(tested.by, cut)}"
        _draw_cut(ax, style, shown[shown["cut"] == cut], -place, known)
    ratios = shown[["reached", "low", "high"]].div(shown["estimate"], axis=0).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.abs(np.log(ratios))
    widest = 100 * float(reach[np.isfinite(reach)].max())
    ax.set_xlim(-1.1 * widest, 1.1 * widest)
    ax.set_ylim(0.45 - len(cuts), 0.55)
    subject = tested.label if tested.label == "forecast" else f"law {shortened(tested.label)}"
    frame(ax, f"% from the {subject}; × is outside", "")
    ax.grid(visible=False)
    ax.yaxis.set_major_locator(NullLocator())
    ax.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}".replace("-", "−")))


def _shown(tested: Backtest) -> pd.DataFrame:
    """Hidden runs of the cuts that have room."""
    return tested.frame[tested.frame["cut"].isin(list(tested.n_known)[:_MOST_CUTS])]


def _draw_cut(ax: Axes, style: Style, group: pd.DataFrame, place: int, known: str) -> None:
    """The hidden runs of one cut, what they were predicted from, and how many are inside."""
    group = group.sort_values("times_beyond")
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = 100 * np.log(group[["reached", "low", "high"]].div(group["estimate"], axis=0))
    inside = group["inside"].to_numpy()
    y = place + (np.linspace(0.18, -0.18, len(group)) if len(group) > 1 else np.zeros(1))
    thick = max(1.0, min(6.0, 34 / len(group)))
    ax.hlines(y, shown["low"], shown["high"], color=style.bands[2], lw=thick, zorder=1)
    ax.plot([0, 0], [place - 0.24, place + 0.24], color=style.forecast, lw=1, zorder=2)
    ax.scatter(shown["reached"][inside], y[inside], s=12 * style.point, color=style.forecast,
               lw=0, zorder=3)  # fmt: skip
    ax.scatter(shown["reached"][~inside], y[~inside], s=22 * style.point, color=style.law,
               marker="x", lw=1.3, zorder=4)  # fmt: skip
    count = f"{int(inside.sum())} of {len(group)} inside"
    for height, text, side, colour in (
        (place + 0.27, known, "bottom", style.muted),
        (place - 0.26, count, "top", style.ink),
    ):
        ax.annotate(for_picture(text), (0, height), ha="center", va=side, fontsize=style.font,
                    color=colour, zorder=5)  # fmt: skip


def _short(variable: str, value: float) -> str:
    return format_variable(variable, value, 2)
