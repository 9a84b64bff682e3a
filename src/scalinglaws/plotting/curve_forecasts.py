"""Plot of the forecast of a curve in one variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.numerals import format_level, format_to, format_variable
from scalinglaws.plotting.axes import (
    LABELS,
    far_field,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.labels import labels_of
from scalinglaws.plotting.marks import draw_interval, draw_line, draw_runs
from scalinglaws.plotting.style import style_of
from scalinglaws.plotting.words import with_interval

if TYPE_CHECKING:
    from scalinglaws.forecasting.curve import CurveForecast

_POINTS = 160
_NEAR = 10.0  # times the last point to which a picture goes


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
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.
    title : bool or str, optional
        Sentence above the picture; by default the result, on a new figure.

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
    x = points_along(forecast, to, marked)
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


def points_along(forecast: CurveForecast, to: float | str | None, at: float | None) -> FloatArray:
    """From the first point to the end of the picture, the last point among them."""
    last = float(forecast.x[-1])
    end = max(_NEAR * last, 1.2 * (at or 0.0)) if to is None else float(to_values("to", to))
    if end <= last:
        raise ValueError(f"`to` must be beyond the last point, {last:g}; got {to!r}.")
    return np.unique(np.append(np.geomspace(float(forecast.x[0]), end, _POINTS), last))
