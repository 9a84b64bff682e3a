"""Plots of several forecasts on one axes: of curves, or of groups of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.numerals import format_level, format_variable, plural
from scalinglaws.plotting.axes import (
    FAR,
    LABELS,
    far_field,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.curve_forecasts import points_along
from scalinglaws.plotting.labels import labels_of, named_ones, shortened
from scalinglaws.plotting.marks import draw_band, draw_line, draw_runs
from scalinglaws.plotting.style import Style, norm_of, style_of

if TYPE_CHECKING:
    from scalinglaws.forecasting.curve import CurveForecast
    from scalinglaws.forecasting.forecast import Forecast
    from scalinglaws.forecasting.outlook import Outlook

_POINTS = 120
_HUES = 4  # series that have a colour of their own, and a band


@dataclass(frozen=True, eq=False)
class _Series:
    """One of several: its name, its points, and its forecast along x."""

    name: str
    x: FloatArray
    y: FloatArray
    along: FloatArray
    found: Outlook

    @property
    def estimate(self) -> FloatArray:
        """The forecast along x."""
        return np.asarray(self.found.estimate)


def plot_curve_forecasts(
    forecasts: Mapping[Any, CurveForecast],
    to: float | str | None = None,
    *,
    ax: Axes | None = None,
    title: bool | str | None = None,
) -> Axes:
    """Plot several curves and their forecasts.

    Parameters
    ----------
    forecasts : CurveForecasts
        From :func:`scalinglaws.forecast` with ``x`` and ``series``.
    to : float or str, optional
        Value of the variable up to which to draw; by default ten times the last points.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    title : bool or str, optional
        Sentence above the picture; by default the result, on a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import numpy as np, pandas as pd, scalinglaws as sl
    >>> x = np.geomspace(1e8, 1e10, 20)
    >>> tables = [pd.DataFrame({"D": x, "loss": e + 300 * x**-0.3, "run": e}) for e in (1.8, 2.0)]
    >>> ax = plot_curve_forecasts(sl.forecast(pd.concat(tables), x="D", series="run"))
    """
    series = []
    for name, forecast in forecasts.items():
        x = points_along(forecast, to, None)
        found = forecast.outlook(x, forecast.confidence_level)
        series.append(_Series(str(name), forecast.x, forecast.y, x, found))
    first = next(iter(forecasts.values()))
    return _plot(series, first.variable, first.scale.falls, first.target, "curve", ax, title)


def plot_grouped_forecast(
    forecasts: Mapping[Any, Forecast],
    to: float | str | None = None,
    *,
    ax: Axes | None = None,
    title: bool | str | None = None,
) -> Axes:
    """Plot the runs and the forecast of each group.

    Parameters
    ----------
    forecasts : GroupedForecast
        From :func:`scalinglaws.forecast` with ``groups``.
    to : float or str, optional
        Compute up to which to draw; by default 100 times the largest run.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    title : bool or str, optional
        Sentence above the picture; by default the result, on a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd, scalinglaws as sl
    >>> runs = sl.datasets.ladder().assign(recipe="old")
    >>> both = pd.concat([runs, runs.assign(recipe="new", loss=0.95 * runs["loss"])])
    >>> ax = plot_grouped_forecast(sl.forecast(both, groups="recipe"))
    """
    series = []
    largest = max(forecast.rows.largest for forecast in forecasts.values())
    end = FAR * largest if to is None else float(to_values("to", to))
    for name, forecast in forecasts.items():
        rows = forecast.rows
        C = np.append(np.geomspace(float(rows.C.min()), end, _POINTS), rows.largest)
        along = np.unique(C)
        sizes, tokens = rows.path(along)
        found = forecast.outlook({"N": sizes, "D": tokens, "C": along}, forecast.confidence_level)
        series.append(_Series(str(name), rows.C, rows.table.y[rows.places], along, found))
    rows = next(iter(forecasts.values())).rows
    return _plot(series, "C", rows.scale.falls, rows.table.target, "group", ax, title)


def _plot(
    series: Sequence[_Series], variable: str, falls: bool, target: str, noun: str,
    ax: Axes | None, title: bool | str | None,
) -> Axes:  # fmt: skip
    """Up to four have a colour and a band each; more take the map, and at most nine are named."""
    ax, own = settle(ax)
    series = sorted(series, key=lambda one: float(one.estimate[-1]))
    few, n = len(series) <= _HUES, sum(len(one.x) for one in series)
    colours = [_colour(style_of(ax), place, len(series)) for place in range(len(series))]
    shown = []
    for one, colour in zip(series, colours, strict=True):
        if few:
            low, high = np.asarray(one.found.run_low), np.asarray(one.found.run_high)
            draw_band(ax, one.along, low, high, colour)
            shown += [low, high]
        draw_line(ax, one.along, one.estimate, one.along > one.x.max(), colour, width=1.6)
        draw_runs(ax, one.x, one.y, colour, n=n)
        shown += [one.estimate, one.y]
    heights, x = np.concatenate(shown), np.concatenate([one.along for one in series])
    log_axis(ax.yaxis, None, *padded(float(heights.min()), float(heights.max())))
    log_axis(ax.xaxis, variable, float(x.min()), float(x.max()))
    level = format_level(series[0].found.confidence_level)
    better = "" if falls else ", higher is better"
    bands = f"; bands: {level} prediction intervals" if few else ""
    frame(ax, LABELS.get(variable, variable), f"{target}{better}{bands}")
    beyond = "beyond the curves" if noun == "curve" else "beyond the runs"
    far_field(ax, max(float(one.x.max()) for one in series), beyond)
    for place in named_ones(len(series)):
        one = series[place]
        labels_of(ax).name_end(one.along, one.estimate, shortened(one.name), colours[place])
    best = shortened((series[0] if falls else series[-1]).name)
    end = f"{variable} {format_variable(variable, x.max(), 2)}"
    sentence = f"Of {plural(len(series), noun)}, {best} is forecast to be best at {end}"
    write_title(ax, title, sentence, own=own)
    return ax


def _colour(style: Style, place: int, n: int) -> Any:
    return style.hue(place) if n <= _HUES else style.size_map()(norm_of(1, n)(place + 1))
