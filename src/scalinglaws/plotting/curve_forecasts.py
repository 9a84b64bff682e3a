"""Plots of forecasts of training curves, one or several, of an unfinished run, and of groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.numerals import format_level, format_to, format_variable, plural
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
from scalinglaws.plotting.labels import labels_of, named_ones, shortened
from scalinglaws.plotting.marks import (
    draw_band,
    draw_interval,
    draw_line,
    draw_minima,
    draw_runs,
)
from scalinglaws.plotting.sentences import percent, with_interval
from scalinglaws.plotting.style import Style, norm_of, style_of

if TYPE_CHECKING:
    from scalinglaws.forecasting.curve import CurveForecast
    from scalinglaws.forecasting.forecast import Forecast
    from scalinglaws.forecasting.outlook import Outlook
    from scalinglaws.forecasting.unfinished_run import UnfinishedRun

_POINTS, _POINTS_OF_SEVERAL = 160, 120
_NEAR = 10.0  # times the last point to which a picture goes
_END = 0.02  # of the axis, right of the end of an unfinished run
_HUES = 4  # series that have a colour of their own, and a band


def plot_curve_forecast(
    forecast: CurveForecast,
    to: float | str | None = None,
    *,
    at: float | str | None = None,
    ax: Axes | None = None,
    title: bool | str | None = None,
) -> Axes:
    """Plot a curve and its forecast.

    Parameters
    ----------
    forecast : CurveForecast
        From :func:`scalinglaws.forecast` with ``x``.
    to : float or str, optional
        Value of the variable up to which to draw; by default ten times the last point.
    at : float or str, optional
        Value to mark, with the prediction interval there.
    ax, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If `to` is not beyond the last point.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> curve = sl.forecast(runs[runs["N"] == 103_344], x="D")
    >>> ax = plot_curve_forecast(curve, to="64M")
    """
    ax, own = settle(ax)
    style, labels, last = style_of(ax), labels_of(ax), float(forecast.x[-1])
    marked = None if at is None else float(np.ravel(to_values("at", at))[0])
    x = _points_along(forecast, to, marked)
    found = forecast.outlook(x, forecast.confidence_level)
    for name, colour, order in (("run", style.bands[2], 1.1), ("curve", style.bands[1], 1.2)):
        ax.fill_between(x, getattr(found, f"{name}_low"), getattr(found, f"{name}_high"),
                        color=colour, lw=0, zorder=order)  # fmt: skip
    estimate = np.asarray(found.estimate)
    draw_line(ax, x, estimate, x > last, style.forecast, casing=True, zorder=5)
    draw_runs(ax, forecast.x, forecast.y, style.ink, zorder=6)
    shown = np.concatenate([found.run_low, found.run_high, forecast.y])
    log_axis(ax.yaxis, None, *padded(float(shown.min()), float(shown.max())))
    log_axis(ax.xaxis, forecast.variable, float(x[0]), float(x[-1]))
    frame(ax, LABELS.get(forecast.variable, forecast.variable), forecast.target)
    far_field(ax, last, "beyond the curve")
    level = format_level(forecast.confidence_level)
    labels.name(float(estimate[-1]), "forecast", style.forecast, bold=True)
    labels.name(float(found.run_low[-1]), f"{level} prediction\ninterval", style.muted)
    subject = x[-1] if marked is None else marked
    one = forecast.outlook(np.array([subject]), forecast.confidence_level)
    middle, low, high = (float(v[0]) for v in (one.estimate, one.run_low, one.run_high))
    if marked is not None:
        draw_interval(ax, marked, middle, low, high)
        labels.note((marked, high), format_to(middle, (high - low) / 2), style.ink,
                    align=(0.5, 0.0), bold=True)  # fmt: skip
    where = f"{forecast.variable} {format_variable(forecast.variable, float(f'{subject:.3g}'))}"
    said = with_interval(middle, low, high, forecast.confidence_level)
    write_title(ax, title, f"{where}: {forecast.target} {said}", own=own)
    return ax


def _points_along(forecast: CurveForecast, to: float | str | None, at: float | None) -> FloatArray:
    """From the first point to the end of the picture, the last point among them."""
    last = float(forecast.x[-1])
    end = max(_NEAR * last, 1.2 * (at or 0.0)) if to is None else float(to_values("to", to))
    if end <= last:
        raise ValueError(f"`to` must be beyond the last point, {last:g}; got {to!r}.")
    return np.unique(np.append(np.geomspace(float(forecast.x[0]), end, _POINTS), last))


def plot_unfinished_run(
    found: UnfinishedRun, *, ax: Axes | None = None, title: bool | str | None = None
) -> Axes:
    """Plot a run that is still training, and where it will end.

    Parameters
    ----------
    found : UnfinishedRun
        From :func:`scalinglaws.finish`.
    ax, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Notes
    -----
    The bar at the end is the forecast with its prediction interval. Diamonds are the two forecasts
    that are averaged: from the finished runs alone, and from the last checkpoint.

    Examples
    --------
    >>> import numpy as np, pandas as pd, scalinglaws as sl
    >>> share, sizes = np.array([0.25, 0.5, 0.75, 1.0]), np.repeat(np.geomspace(1e7, 1e9, 5), 2)
    >>> tables = [
    ...     pd.DataFrame({"run": k, "N": N, "D": share * r * N,
    ...                   "loss": 1.8 + 480 / N**0.35 + 2100 / (share * r * N) ** 0.37})
    ...     for k, (N, r) in enumerate(zip(sizes, [20, 60] * 5))
    ... ]
    >>> runs = pd.concat(tables).iloc[:-2]
    >>> ax = plot_unfinished_run(sl.finish(runs, 9, D="60B"))
    """
    ax, own = settle(ax)
    style, labels = style_of(ax), labels_of(ax)
    seen, y = (np.asarray(values, dtype=np.float64) for values in zip(*found.history, strict=True))
    ax.plot(seen, y, color=style.ink, linewidth=1.2 * style.line, zorder=3)
    draw_runs(ax, seen, y, style.ink)
    draw_line(ax, np.array([seen[-1], 1.0]), np.array([y[-1], found.estimate]), np.ones(2, bool),
              style.forecast, zorder=2.5)  # fmt: skip
    draw_interval(ax, 1.0, found.estimate, found.low, found.high)
    parts = [("finished runs alone", found.by_finished_runs)]
    if np.isfinite(found.by_checkpoint):
        parts.append(("last checkpoint,\nless the usual gain", found.by_checkpoint))
    draw_minima(ax, np.ones(len(parts)), [height for _, height in parts])
    shown = np.concatenate([y, [found.low, found.high], [height for _, height in parts]])
    log_axis(ax.yaxis, None, *padded(float(shown.min()), float(shown.max())))
    ax.set_xlim(min(0.0, float(seen[0])), 1.0 + _END)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    frame(ax, "share of the run’s tokens", found.target)
    far_field(ax, float(seen[-1]), "to come")
    labels.name(found.high, f"{format_level(found.confidence_level)} prediction\ninterval",
                style.muted)  # fmt: skip
    for text, height in parts:
        labels.name(height, text, style.forecast)
    labels.note((float(seen[-1]), float(y[-1])), f"last checkpoint,\n{percent(seen[-1])}",
                style.ink, leader=True)  # fmt: skip
    said = with_interval(found.estimate, found.low, found.high, found.confidence_level)
    write_title(ax, title, f"Run {shortened(str(found.run))} ends at {found.target} {said}",
                own=own)  # fmt: skip
    return ax


# --- several on one axes -----------------------------------------------------------------------


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
    ax, title
        As in `plot_fit`.

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
        x = _points_along(forecast, to, None)
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
    ax, title
        As in `plot_fit`.

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
        C = np.append(np.geomspace(float(rows.C.min()), end, _POINTS_OF_SEVERAL), rows.largest)
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
