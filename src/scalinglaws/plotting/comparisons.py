"""Plot of several laws compared with the forecast at one target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_level, format_plain, format_to, format_variable
from scalinglaws.plotting.axes import frame, log_axis, padded, settle, write_title
from scalinglaws.plotting.labels import shortened
from scalinglaws.plotting.sentences import percent
from scalinglaws.plotting.style import style_of

if TYPE_CHECKING:
    from scalinglaws.forecasting.comparison import Comparison

_COLUMNS = ("error", "inside")  # of the back-test, beside the panel
_COLUMN = 44.0  # points, the width of one


def plot_comparison(
    found: Comparison, *, ax: Axes | None = None, title: bool | str | None = None
) -> Axes:
    """Plot the estimates of several laws at the target, with the forecast.

    Parameters
    ----------
    found : Comparison
        From :func:`scalinglaws.compare`.
    ax, title
        As in `plot_fit`.

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
    known = found.frame[np.isfinite(found.frame["estimate"])]
    ax, own = settle(ax, (6.4, 1.5 + 0.42 * len(found.frame)))
    style = style_of(ax)
    for place, (name, row) in enumerate(known.iterrows()):
        colour = style.forecast if place == 0 else style.law
        ends = [row["low"], row["high"]]
        ax.plot(ends, [-place, -place], color=colour, lw=2.4, solid_capstyle="butt", zorder=3)
        ax.scatter(row["estimate"], -place, s=34 * style.point, color=colour,
                   edgecolors=style.background, lw=1, zorder=4)  # fmt: skip
        _beside(ax, -place, [_share(row["error"]), _share(row["inside"])], style.ink)
        ax.annotate(
            for_picture(shortened(str(name))), (0.0, -place), xycoords=("axes fraction", "data"),
            xytext=(-6, 0), textcoords="offset points", ha="right", va="center",
            fontsize=style.font, color=style.readable(colour), annotation_clip=False,
            fontweight="bold" if place == 0 else "normal",
        )  # fmt: skip
    _beside(ax, 0.8, _COLUMNS, style.muted)
    low, high = known["low"].replace(0, np.nan).min(), known["high"].max()
    log_axis(ax.xaxis, None, *padded(float(low), float(high)))
    ax.set_ylim(0.4 - len(known), 1.0)
    at = ", ".join(f"{v} {format_variable(v, found.point[v])}" for v in ("N", "D"))
    level = format_level(found.confidence_level)
    frame(ax, f"{found.target} at {at}; {level} prediction interval", "")
    ax.yaxis.set_major_locator(NullLocator())
    write_title(ax, title, _sentence(known), own=own)
    return ax


def _share(value: float) -> str:
    return "" if np.isnan(value) else percent(value)


def _beside(ax: Axes, y: float, texts: tuple[str, ...] | list[str], colour: str) -> None:
    """Columns of text right of the panel."""
    style = style_of(ax)
    for place, text in enumerate(texts, start=1):
        ax.annotate(
            text, (1.0, y), xycoords=("axes fraction", "data"), xytext=(_COLUMN * place, 0),
            textcoords="offset points", ha="right", va="center", fontsize=style.font, color=colour,
            annotation_clip=False,
        )  # fmt: skip


def _sentence(known: pd.DataFrame) -> str:
    row, laws = known.iloc[0], known["estimate"].iloc[1:]
    forecast = f"The forecast is {format_to(row['estimate'], (row['high'] - row['low']) / 2)}"
    if not len(laws):
        return f"{forecast}; no law was fitted"
    ends = sorted({format_plain(laws.min(), 3), format_plain(laws.max(), 3)}, key=float)
    return f"{forecast}; the laws predict {' to '.join(ends)}"
