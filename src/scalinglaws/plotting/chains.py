"""Plots of composed laws: a metric against compute, and its step from the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import DataError, no_warnings
from scalinglaws.fitting.chain import Chain
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.forecasting.run_rows import compute_of
from scalinglaws.numerals import format_compute, format_level
from scalinglaws.plotting.axes import (
    FAR,
    LABELS,
    check_kind,
    far_field,
    frame,
    log_axis,
    padded,
    settle,
    write_title,
)
from scalinglaws.plotting.labels import labels_of
from scalinglaws.plotting.marks import draw_line, draw_runs
from scalinglaws.plotting.sentences import with_interval
from scalinglaws.plotting.style import style_of

if TYPE_CHECKING:
    from scalinglaws.forecasting.chained_forecast import ChainedForecast

_POINTS = 80
_RESAMPLES = 2000


def plot_chain(
    chain: Chain,
    to: float | str | None = None,
    *,
    ratio: float | None = None,
    ax: Axes | None = None,
    title: bool | str | None = None,
) -> Axes:
    """Plot the last quantity of composed fits against compute.

    Parameters
    ----------
    chain : Chain
        Its first law has the variables N and D, and maybe C.
    to : float or str, optional
        Compute up to which to draw; by default 100 times the largest run.
    ratio : float, optional
        Tokens per parameter of the curve; by default those of the largest run.
    ax, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If the first law has no N and D, or has others besides C.

    Examples
    --------
    >>> import numpy as np, scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> runs = runs[runs["D"] > 1.5e6]
    >>> noise = np.random.default_rng(0).normal(0, 0.002, len(runs))
    >>> runs = runs.assign(error=0.9 - 2 * np.exp(-runs["loss"]) + noise)
    >>> to_error = sl.fit(runs, "gadre-error", y="error", scale="level")
    >>> ax = plot_chain(sl.chain(sl.fit(runs, "kaplan"), to_error), "1e14")
    """
    check_kind("chain", chain, Chain, "sl.chain")
    runs = chain.fits[0].runs
    if not {"N", "D"} <= set(runs.values) <= {"N", "D", "C"} or runs.labels:
        raise DataError(
            "This picture is over compute and needs a first law of N and D, without groups; it is "
            f"in {', '.join([*runs.values, *runs.labels])}."
        )
    C = compute_of(runs)
    top = int(np.argmax(C))
    if ratio is None:
        ratio = float(runs.values["D"][top] / runs.values["N"][top])
    factor = float(C[top] / (runs.values["N"][top] * runs.values["D"][top]))
    end = FAR * float(C[top]) if to is None else float(to_values("to", to))
    along = np.unique(np.append(np.geomspace(float(C.min()), end, _POINTS), C[top]))
    sizes = np.sqrt(along / (factor * ratio))
    points = {"N": sizes, "D": ratio * sizes} | ({"C": along} if "C" in runs.values else {})
    with no_warnings():  # the picture shows how far it goes
        found = chain.predict(points, n_resamples=_RESAMPLES)
    ax = _draw(ax, along, found, float(C[top]), chain.target, ratio, title)
    last = chain.fits[-1].runs
    if last.index.equals(runs.index):  # the same runs were measured at both ends
        draw_runs(ax, C, last.y, style_of(ax).ink)
        _contain(ax, last.y)
    return ax


def plot_chained_forecast(
    forecast: ChainedForecast,
    to: float | str | None = None,
    *,
    ratio: float | None = None,
    ax: Axes | None = None,
    title: bool | str | None = None,
) -> Axes:
    """Plot the forecast of a metric against compute.

    Parameters
    ----------
    forecast : ChainedForecast
        From :func:`scalinglaws.forecast` with ``through``.
    to : float or str, optional
        Compute up to which to draw; by default 100 times the largest run.
    ratio : float, optional
        Tokens per parameter of the curve; by default those of the largest runs.
    ax, title
        As in `plot_fit`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import numpy as np, scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> runs = runs.assign(accuracy=0.1 + 2 * np.exp(-runs["loss"]))
    >>> found = sl.forecast(runs, through="loss", y="accuracy", limits=(0.1, 1.0))
    >>> ax = plot_chained_forecast(found)
    """
    rows = forecast.loss.rows
    end = FAR * rows.largest if to is None else float(to_values("to", to))
    along = np.unique(np.append(np.geomspace(float(rows.C.min()), end, _POINTS), rows.largest))
    sizes, tokens = rows.path(along, ratio)
    found = forecast.outlook({"N": sizes, "D": tokens, "C": along}, forecast.confidence_level)
    ratio = rows.ratio if ratio is None else ratio
    ax = _draw(ax, along, found, rows.largest, forecast.target, ratio, title)
    source = rows.table.source
    if source is not None and forecast.target in source:
        metric = pd.to_numeric(source[forecast.target], errors="coerce").to_numpy(float)
        draw_runs(ax, rows.C, metric[rows.places], style_of(ax).ink)
        _contain(ax, metric[rows.places])
    return ax


def _contain(ax: Axes, values: FloatArray) -> None:
    """Widen y so that the runs are in sight."""
    low, high = ax.get_ylim()
    known = values[np.isfinite(values)]
    room = 0.03 * (high - low)
    ax.set_ylim(min(low, float(known.min()) - room), max(high, float(known.max()) + room))


def _draw(
    ax: Axes | None, C: Any, found: Any, largest: float, target: str, ratio: float,
    title: bool | str | None,
) -> Axes:  # fmt: skip
    """The curve of the metric, its two intervals, and the answer at the right edge."""
    ax, own = settle(ax)
    style, labels = style_of(ax), labels_of(ax)
    low, high, estimate = found.run_low, found.run_high, np.asarray(found.estimate)
    for name, colour, order in (("run", style.bands[2], 1.1), ("curve", style.bands[1], 1.2)):
        below, above = (np.asarray(getattr(found, f"{name}_{end}")) for end in ("low", "high"))
        if np.isfinite(below).any():
            ax.fill_between(C, below, above, color=colour, linewidth=0, zorder=order)
    draw_line(ax, C, estimate, largest < C, style.forecast, casing=True, zorder=4)
    shown = np.concatenate([np.ravel(low), np.ravel(high), estimate])
    shown = shown[np.isfinite(shown)]
    room = 0.06 * float(np.ptp(shown))
    ax.set_ylim(float(shown.min()) - room, float(shown.max()) + room)
    log_axis(ax.xaxis, "C", *padded(float(C[0]), float(C[-1]), 0.01))
    better = ", higher is better" if estimate[-1] > estimate[0] else ""
    frame(ax, LABELS["C"], f"{target}{better}, at {ratio:.2g} tokens per parameter")
    far_field(ax, largest)
    labels.name(float(estimate[-1]), target, style.forecast, bold=True)
    level = format_level(found.confidence_level)
    if np.isfinite(low[-1]):
        labels.name(float(low[-1]), f"{level} prediction\ninterval", style.muted)
    last = float(estimate[-1]), float(low[-1]), float(high[-1])
    said = with_interval(last[0], last[1], last[2], found.confidence_level)
    write_title(ax, title, f"{format_compute(float(C[-1]), 2)} FLOP: {target} {said}", own=own)
    return ax
