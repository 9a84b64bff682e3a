"""Plots that compare: forecasts with hidden runs, laws with the forecast, recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from scalinglaws.arrays import FloatArray
from scalinglaws.escaping import for_picture
from scalinglaws.numerals import format_level, format_plain, format_to, format_variable
from scalinglaws.planning.gain_results import Gain, Gains
from scalinglaws.plotting.axes import (
    check_kind,
    far_field,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.labels import labels_of, named_ones, shortened
from scalinglaws.plotting.marks import CURVE, draw_band, draw_guide, draw_line
from scalinglaws.plotting.sentences import percent
from scalinglaws.plotting.style import Style, style_of

if TYPE_CHECKING:
    from scalinglaws.forecasting.backtest import Backtest
    from scalinglaws.forecasting.comparison import Comparison

_MOST_CUTS = 4
_COLUMNS = ("error", "inside")  # of the back-test, beside the panel
_COLUMN = 44.0  # points, the width of one
_FEW = 12  # budgets, each of which is marked where a gain is drawn


# --- back-tests ----------------------------------------------------------------------------------


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


# --- laws at one target --------------------------------------------------------------------------


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
    write_title(ax, title, _target_sentence(known), own=own)
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


def _target_sentence(known: pd.DataFrame) -> str:
    row, laws = known.iloc[0], known["estimate"].iloc[1:]
    forecast = f"The forecast is {format_to(row['estimate'], (row['high'] - row['low']) / 2)}"
    if not len(laws):
        return f"{forecast}; no law was fitted"
    ends = sorted({format_plain(laws.min(), 3), format_plain(laws.max(), 3)}, key=float)
    return f"{forecast}; the laws predict {' to '.join(ends)}"


# --- recipes -------------------------------------------------------------------------------------


def plot_gain(
    found: Gain | Gains,
    *,
    ax: Axes | None = None,
    labels: bool = True,
    title: bool | str | None = None,
) -> Axes:
    """Plot the compute multiplier of a recipe against the compute of the baseline.

    Parameters
    ----------
    found : Gain or Gains
        Result for one recipe, or for several with the same baseline.
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
    >>> ax = plot_gain(sl.gain(fit, fit, C=[1e12, 1e13]))
    """
    check_kind("found", found, (Gain, Gains), "sl.gain or sl.compare_recipes")
    ax, own = settle(ax)
    style = style_of(ax)
    several = {"": found} if isinstance(found, Gain) else dict(found)
    colours = [style.forecast] if len(several) == 1 else [style.hue(k) for k in range(len(several))]
    heights, banded = [np.ones(1)], False
    for one, colour in zip(several.values(), colours, strict=True):
        seen, has_band = _draw_gain(ax, one, colour)
        heights.append(seen)
        banded = banded or has_band
    variable = next(iter(several.values())).variable
    budgets = np.concatenate([one.table[variable].to_numpy() for one in several.values()])
    shown = np.concatenate(heights)
    log_axis(ax.xaxis, variable, *(padded(budgets.min(), budgets.max(), 0.02)))
    log_axis(ax.yaxis, None, *padded(shown.min(), shown.max(), 0.08))
    draw_guide(ax, ax.get_xlim(), [1.0, 1.0])
    first = "the first recipe" if isinstance(found, Gain) else str(found.baseline)
    level = format_level(next(iter(several.values())).confidence_level)
    kind = f"; {level} confidence interval" if banded else ""
    what, unit = ("compute", ", FLOP") if variable == "C" else (variable, "")
    frame(ax, f"{what} of {first}{unit}", f"{what} multiplier{kind}")
    far_field(ax, min(_edge(one) for one in several.values()))
    if labels:
        _name(ax, several, colours, first)
    write_title(ax, title, _gain_sentence(several), own=own)
    return ax


def _draw_gain(ax: Axes, found: Gain, colour: str) -> tuple[FloatArray, bool]:
    """One recipe; the heights that were drawn, and whether there is a band."""
    table = found.table
    C, gain = table[found.variable].to_numpy(), table["gain"].to_numpy()
    marker: dict[str, Any] = {"marker": "o", "markersize": 4} if len(C) <= _FEW else {}
    middle = np.where(gain > 0, gain, np.nan)
    draw_line(ax, C, middle, table["times_beyond"].to_numpy() > 1, colour, **marker)
    low, high = table["gain_low"].to_numpy(), table["gain_high"].to_numpy()
    shown = np.isfinite(low) & np.isfinite(high) & (low > 0)
    banded = draw_band(ax, C, np.where(shown, low, np.nan), np.where(shown, high, np.nan), colour)
    if len(C) == 1 and shown[0]:  # a band of no width is not seen
        ax.plot([C[0], C[0]], [low[0], high[0]], color=colour, linewidth=CURVE * style_of(ax).line,
                zorder=2.5)  # fmt: skip
    return np.concatenate([gain[gain > 0], low[shown], high[shown]]), banded


def _edge(found: Gain) -> float:
    """Largest budget within the runs of both recipes."""
    inside = found.table.loc[~(found.table["times_beyond"] > 1), found.variable]
    return float(inside.max()) if len(inside) else np.inf


def _name(ax: Axes, several: dict[str, Gain], colours: list[str], first: str) -> None:
    labels = labels_of(ax)
    labels.name(1.0, shortened(first) if first != "the first recipe" else "no gain",
                style_of(ax).muted)  # fmt: skip
    items = list(several.items())
    for place in named_ones(len(items)):
        name, one = items[place]
        C, gain = one.table[one.variable].to_numpy(float), one.table["gain"].to_numpy(float)
        labels.name_end(C, gain, shortened(name) or "multiplier", colours[place])


def _gain_sentence(several: dict[str, Gain]) -> str:
    """The largest multiplier at the largest budget."""
    name, best = max(several.items(), key=lambda item: float(item[1].table["gain"].iloc[-1]))
    row = best.table.iloc[-1]
    who = shortened(name) if name else "The second recipe"
    gain, low, high = (format_plain(float(row[f"gain{end}"]), 3) for end in ("", "_low", "_high"))
    what, unit = ("the compute", " FLOP") if best.variable == "C" else (best.variable, "")
    where = format_variable(best.variable, float(row[best.variable]), 2)
    text = f"{who} is worth {gain} times {what} at {where}{unit}"
    return f"{text} ({format_level(best.confidence_level)}: {low} to {high})" if low else text
