"""Plot of a forecast with its interval, the components of its variance and a back-test."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import DataError
from scalinglaws.escaping import for_picture
from scalinglaws.fitting.inference.covariance import t_quantile
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import to_values
from scalinglaws.forecasting.dispute import is_disputed
from scalinglaws.forecasting.outlook import tabled_points
from scalinglaws.forecasting.wording import count
from scalinglaws.numerals import format_compute, format_to, format_variable
from scalinglaws.plotting.axes import LABELS, figure_of, log_axis, new_axes, padded
from scalinglaws.plotting.hidden_runs import draw_cuts
from scalinglaws.plotting.lines import DASHED
from scalinglaws.plotting.palette import Palette, palette_of

if TYPE_CHECKING:
    from scalinglaws.fitting.result import Fit
    from scalinglaws.forecasting.curve import CurveForecast
    from scalinglaws.forecasting.forecast import Forecast

_POINTS = 160
_FAR, _NEAR = 100.0, 10.0  # times the largest run to which a picture goes, at most and at least
_ON_PATH = np.log(2.0)  # difference of ln(D/N) up to which a run counts as on the path
_PARTS = ("coefficients", "law’s error", "noise of a run")


def plot_forecast(
    forecast: Forecast,
    to: float | str | None = None,
    *,
    ratio: float | None = None,
    law: Fit | None = None,
    targets: pd.DataFrame | None = None,
    ax: Axes | None = None,
    title: bool | str = True,
) -> Axes:
    """Plot a forecast against compute, with the shares of its variance and its back-test.

    Parameters
    ----------
    forecast : Forecast
        From :func:`scalinglaws.forecast`.
    to, ratio, law, targets, ax, title
        As in `Forecast.plot`.

    Returns
    -------
    Axes
        Of the forecast.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> ax = plot_forecast(sl.forecast(runs[runs["D"] > 1.5e6]))
    """
    path = _path(forecast, to, ratio)
    if ax is not None:
        _draw(forecast, ax, path, law, targets, title)
        ax.set_xlabel("training compute, FLOP")
        return ax
    import matplotlib.pyplot as plt

    try:
        tested = forecast.backtest()
    except DataError:
        tested = None
    figure = plt.figure(figsize=(7.6 if tested else 5.8, 4.4))
    grid = figure.add_gridspec(
        2, 2 if tested else 1, width_ratios=[2.5, 1] if tested else [1], height_ratios=[4.6, 1],
        left=0.075, right=0.985 if tested else 0.86, top=0.84, bottom=0.115, hspace=0.1,
        wspace=0.36,
    )  # fmt: skip
    main = figure.add_subplot(grid[0, 0])
    _draw(forecast, main, path, law, targets, title)
    strip = figure.add_subplot(grid[1, 0], sharex=main)
    _draw_shares(strip, path)
    main.tick_params(labelbottom=False, bottom=False)
    if tested:
        draw_cuts(tested, figure.add_subplot(grid[:, 1]))
    return main


class _Path:
    """The line through the space of N and D that the picture follows."""

    def __init__(self, forecast: Forecast, compute: FloatArray, ratio: float | None) -> None:
        self.compute = compute
        self.ratio = forecast.rows.ratio if ratio is None else ratio
        sizes, tokens = forecast.rows.path(compute, ratio)
        self.points = {"N": sizes, "D": tokens, "C": compute}
        self.moments = forecast.moments(self.points)
        self.outlook = forecast.outlook(self.points, forecast.confidence_level, self.moments)
        self.known = compute <= forecast.rows.largest
        self.usable = forecast.usable(self.points, self.moments) | self.known


def _path(forecast: Forecast, to: float | str | None, ratio: float | None) -> _Path:
    rows = forecast.rows
    end = _FAR * rows.largest
    if to is None and np.isfinite(forecast.usable_to):
        end = float(np.clip(4 * forecast.usable_to, _NEAR * rows.largest, end))
    if to is not None:
        end = float(to_values("to", to))
        if end <= rows.largest:
            raise ValueError(
                f"`to` is the compute up to which to draw, beyond the largest run "
                f"({format_compute(rows.largest)}); got {to!r}."
            )
    start = max(float(rows.C.min()), rows.largest / 3e3)
    return _Path(forecast, np.geomspace(start, end, _POINTS), ratio)


def _draw(
    forecast: Forecast, ax: Axes, path: _Path, law: Fit | None, targets: pd.DataFrame | None,
    title: bool | str,
) -> None:  # fmt: skip
    rows, colours, x = forecast.rows, palette_of(ax), path.compute
    ax.axvspan(rows.largest, x[-1], color=colours.far, lw=0, zorder=0)
    _draw_bands(forecast, ax, path, colours)
    estimate = np.asarray(path.outlook.estimate)
    far = ~path.known
    for where, dash in ((path.known, "-"), (far, DASHED)):
        ax.plot(x[where], estimate[where], color=colours.forecast, lw=2, ls=dash, zorder=5)
    names = [("forecast", float(estimate[-1]), colours.forecast, "bold")]
    shown = [rows.table.y[rows.places], estimate[path.usable]]
    first, values = None, estimate
    if law is not None:
        values, first = _draw_law(forecast, ax, path, law, colours)
        names.append((law.law.label, float(values[-1]), colours.law, "normal"))
        shown.append(values)
    near = _on_path(path, rows.N, rows.D)
    observed = rows.table.y[rows.places]
    size = 20 if rows.n <= 40 else 11
    ax.scatter(rows.C[~near], observed[~near], s=0.5 * size, color=colours.muted, alpha=0.4, lw=0,
               zorder=3)  # fmt: skip
    ax.scatter(rows.C[near], observed[near], s=size, color=colours.ink, lw=0.6,
               edgecolors=colours.background, zorder=6)  # fmt: skip
    if targets is not None:
        shown.append(_draw_targets(forecast, ax, path, targets, colours))
    _frame(forecast, ax, path, colours, shown)
    if first is not None:
        place = float(path.compute[first]), float(values[first])
        _mark_dispute(ax, place, values[first] > estimate[first], colours)
    _name_ends(ax, names)
    if title is not False:
        text = for_picture(title if isinstance(title, str) else _title(forecast, path, law))
        ax.set_title(
            text, loc="left", fontsize=10.5, fontweight="bold", color=colours.ink, pad=24
        )  # fmt: skip


def _draw_bands(forecast: Forecast, ax: Axes, path: _Path, colours: Palette) -> None:
    """From the outermost in: all, without the noise of a run, coefficients alone."""
    quantile = t_quantile(forecast.confidence_level, forecast.posterior.dof)
    moments, scale = path.moments, forecast.rows.scale
    parts = (moments.coefficients, moments.curve, moments.run)
    for variance, colour, level in zip(parts[::-1], colours.bands[::-1], (1, 2, 3), strict=True):
        half = quantile * np.sqrt(variance)
        low, high = scale.interval(moments.mean - half, moments.mean + half)
        use = path.usable
        ax.fill_between(path.compute[use], low[use], high[use], color=colour, lw=0, zorder=level)
    if not path.usable.all():
        x = path.compute[int(np.argmin(path.usable)) - 1]
        ax.annotate(
            "not usable\nbeyond", (x, 0.88), xycoords=("data", "axes fraction"), xytext=(4, 0),
            textcoords="offset points", color=colours.muted, fontsize=8, zorder=8, va="top",
        )  # fmt: skip


def _draw_law(
    forecast: Forecast, ax: Axes, path: _Path, law: Fit, colours: Palette
) -> tuple[FloatArray, int | None]:
    """The law through the same points, and the first beyond the runs at which it is disputed."""
    wanted = {name: path.points[name] for name in law.law.variables}
    with warnings.catch_warnings(action="ignore"):
        found: Any = law.predict(wanted, confidence_level=0.9)
    values = np.asarray(found.estimate)
    for where, dash in ((path.known, "-"), (~path.known, DASHED)):
        ax.plot(path.compute[where], values[where], color=colours.background, lw=3.2, zorder=4)
        ax.plot(path.compute[where], values[where], color=colours.law, lw=1.6, ls=dash, zorder=5)
    disputed = is_disputed(forecast, path.points, found) & ~path.known
    return values, int(np.argmax(disputed)) if disputed.any() else None


def _mark_dispute(ax: Axes, place: tuple[float, float], above: bool, colours: Palette) -> None:
    """A ring, and words above it or at the foot of the panel, where a falling curve leaves room."""
    ax.scatter(*place, s=60, facecolors="none", edgecolors=colours.law, lw=1.5, zorder=7)
    x, y = ax.transAxes.inverted().transform(ax.transData.transform(place))
    compute = format_compute(float(f"{place[0]:.1g}"), 1)
    ax.annotate(
        f"law disputed\nfrom {compute} FLOP on", place, textcoords="axes fraction",
        xytext=(min(x + 0.05, 0.72), y + 0.1) if above else (max(x - 0.36, 0.02), 0.05),
        color=colours.law, fontsize=8,
        zorder=10, path_effects=[withStroke(linewidth=2.4, foreground=colours.far)],
        arrowprops={"arrowstyle": "-", "color": colours.law, "lw": 0.7, "shrinkB": 5},
    )  # fmt: skip


def _draw_targets(
    forecast: Forecast, ax: Axes, path: _Path, targets: pd.DataFrame, colours: Palette
) -> FloatArray:
    """Runs kept out: hollow circles."""
    points = tabled_points(forecast.rows, targets, {})
    name = forecast.rows.table.target
    reached = col.to_floats(col.one_column(targets, col.require(targets, name, "targets")), name)
    near = _on_path(path, points["N"], points["D"])
    for some, size, colour in ((~near, 12, colours.muted), (near, 46, colours.ink)):
        ax.scatter(points["C"][some], reached[some], s=size, facecolors=colours.background,
                   edgecolors=colour, lw=size**0.5 / 4.5, zorder=7 + size / 23)  # fmt: skip
    return reached


def _on_path(path: _Path, sizes: FloatArray, tokens: FloatArray) -> BoolArray:
    return np.asarray(np.abs(np.log(tokens / sizes / path.ratio)) < _ON_PATH)


def _frame(
    forecast: Forecast, ax: Axes, path: _Path, colours: Palette, shown: list[FloatArray]
) -> None:
    rows = forecast.rows
    use = path.usable & ~path.known
    ends = [np.asarray(getattr(path.outlook, name))[use] for name in ("run_low", "run_high")]
    values = np.concatenate([*shown, *ends])
    drawn = rows.table.y[rows.places]
    low, high = float(values.min()), float(values.max())
    # a few bad small runs must not press the rest into a line
    if rows.scale.falls:
        high = max(float(np.quantile(drawn, 0.95)), *(float(s.max()) for s in shown[1:2]))
    log_axis(ax.yaxis, None, *padded(low, high))
    log_axis(ax.xaxis, "C", float(path.compute[0]) / 1.15, float(path.compute[-1]))
    _quiet(ax, colours)
    ax.text(
        0, 1.02, for_picture(f"{rows.table.target}, at {count(path.ratio)} tokens per parameter"),
        transform=ax.transAxes, color=colours.muted, fontsize=8.5, va="bottom",
    )  # fmt: skip
    ax.annotate(
        "beyond the runs", (rows.largest, 0.97), xycoords=("data", "axes fraction"),
        xytext=(5, 0), textcoords="offset points", va="top", color=colours.muted, fontsize=8,
        zorder=8,
    )  # fmt: skip


def _quiet(ax: Axes, colours: Palette) -> None:
    ax.grid(visible=True, axis="y", color=colours.grid, lw=0.8)
    ax.grid(visible=False, axis="x")
    ax.set_axisbelow(True)
    for side in ("left", "top", "right"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(colours.muted)
    ax.tick_params(axis="both", colors=colours.muted, labelsize=8.5)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.label.set_color(colours.muted)


def _name_ends(ax: Axes, names: list[tuple[str, float, str, str]]) -> None:
    """Names right of the curves' ends, at least a line apart."""
    x, points = ax.get_xlim()[1], 72 / figure_of(ax).dpi
    heights = [points * float(ax.transData.transform((x, y))[1]) for _, y, _, _ in names]
    order = np.argsort(heights)
    shift = np.zeros(len(names))
    for lower, upper in pairwise(order):
        lack = 12 - (heights[upper] + shift[upper] - heights[lower] - shift[lower])
        if lack > 0:
            shift[lower] -= lack / 2
            shift[upper] += lack / 2
    for (text, y, colour, weight), move in zip(names, shift, strict=True):
        ax.annotate(
            for_picture(text), (1.0, y), xycoords=("axes fraction", "data"), xytext=(5, move),
            textcoords="offset points", va="center", color=colour, fontsize=9, fontweight=weight,
            annotation_clip=False,
        )  # fmt: skip


def _title(forecast: Forecast, path: _Path, law: Fit | None) -> str:
    """The forecast at the farthest usable point of the picture."""
    last = int(np.flatnonzero(path.usable)[-1])
    found = {
        name: float(np.asarray(getattr(path.outlook, name))[last])
        for name in ("estimate", "run_low", "run_high")
    }
    digits = (found["run_high"] - found["run_low"]) / 2
    low, high = (format_to(found[name], digits) for name in ("run_low", "run_high"))
    compute = format_compute(float(f"{path.compute[last]:.2g}"), 2)
    text = (
        f"{compute} FLOP: {forecast.rows.table.target} {format_to(found['estimate'], digits)} "
        f"({100 * forecast.confidence_level:g} %: {low} to {high})"
    )
    if law is None:
        return text
    one = {name: array[last] for name, array in path.points.items()}
    wanted = {name: one[name] for name in law.law.variables}
    with warnings.catch_warnings(action="ignore"):
        said: Any = law.predict(wanted, confidence_level=0.9)
    return f"{text}; the law is disputed" if is_disputed(forecast, one, said) else text


_LEAST_ROOM, _NAME_WIDTH = 0.2, 0.24  # of the strip: height and width of a name


def _draw_shares(ax: Axes, path: _Path) -> None:
    """Of what the variance of a new run is made, along the path."""
    colours = palette_of(ax)
    parts = [
        np.asarray(getattr(path.outlook, f"share_{name}"))
        for name in ("coefficients", "law_error", "noise")
    ]
    ends = np.cumsum([np.zeros(len(parts[0])), *parts], axis=0)
    for k, (name, colour) in enumerate(zip(_PARTS, colours.shares, strict=True)):
        ax.fill_between(path.compute, ends[k], ends[k + 1], color=colour, lw=0)
        room = _room(parts[k])
        widest = int(np.argmax(room))
        if room[widest] > _LEAST_ROOM:
            ax.annotate(
                name, (path.compute[widest], (ends[k] + ends[k + 1])[widest] / 2), ha="center",
                va="center", fontsize=8, color="#1b1d21" if k == 1 else "#ffffff",
            )  # fmt: skip
    ax.set_ylim(0, 1)
    _quiet(ax, colours)
    ax.grid(visible=False)
    ax.yaxis.set_major_locator(NullLocator())
    ax.set_xlabel("training compute, FLOP", fontsize=8.5)
    ax.annotate(
        "variance\ncomponents", (1, 0.5), xycoords="axes fraction", xytext=(5, 0), va="center",
        textcoords="offset points", color=colours.muted, fontsize=8, annotation_clip=False,
    )  # fmt: skip


def _room(share: FloatArray) -> FloatArray:
    """Height that is free over the width of a name centred at each point; zero at the ends."""
    reach = max(1, round(_NAME_WIDTH * len(share) / 2))
    found = np.zeros(len(share))
    for middle in range(reach, len(share) - reach):
        found[middle] = share[middle - reach : middle + reach + 1].min()
    return found


def plot_curve_forecast(
    forecast: CurveForecast, to: float | str | None = None, *, ax: Axes | None = None
) -> Axes:
    """Plot a curve and its forecast.

    Parameters
    ----------
    forecast : CurveForecast
        From :func:`scalinglaws.forecast` with ``x``.
    to : float or str, optional
        Value of the variable up to which to draw; by default ten times the last point.
    ax : Axes, optional
        Axes to draw in; by default those of a new figure.

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
    ax = new_axes() if ax is None else ax
    colours, last = palette_of(ax), float(forecast.x[-1])
    end = _NEAR * last if to is None else float(to_values("to", to))
    if end <= last:
        raise ValueError(f"`to` must be beyond the last point, {last:g}; got {to!r}.")
    x = np.geomspace(float(forecast.x[0]), end, _POINTS)
    found = forecast.outlook(x, forecast.confidence_level)
    ax.axvspan(last, end, color=colours.far, lw=0, zorder=0)
    for name, colour in (("run", colours.bands[2]), ("curve", colours.bands[1])):
        low, high = getattr(found, f"{name}_low"), getattr(found, f"{name}_high")
        ax.fill_between(x, low, high, color=colour, lw=0, zorder=1)
    for where, dash in ((x <= last, "-"), (x >= last, DASHED)):
        ax.plot(x[where], found.estimate[where], color=colours.forecast, lw=2, ls=dash, zorder=4)
    ax.scatter(forecast.x, forecast.y, s=13, color=colours.ink, lw=0, zorder=5)
    shown = np.concatenate([found.run_low, found.run_high, forecast.y])
    log_axis(ax.yaxis, None, *padded(float(shown.min()), float(shown.max())))
    log_axis(ax.xaxis, forecast.variable, float(x[0]), end)
    _quiet(ax, colours)
    ax.set_xlabel(for_picture(LABELS.get(forecast.variable, forecast.variable)))
    ax.annotate(
        "beyond the curve", (last, 0.97), xycoords=("data", "axes fraction"), xytext=(5, 0),
        textcoords="offset points", va="top", color=colours.muted, fontsize=8,
    )  # fmt: skip
    digits = (found.run_high[-1] - found.run_low[-1]) / 2
    ends = [format_to(end, digits) for end in (found.run_low[-1], found.run_high[-1])]
    text = (
        f"{forecast.variable} {format_variable(forecast.variable, end)}: {forecast.target} "
        f"{format_to(found.estimate[-1], digits)} ({100 * forecast.confidence_level:g} %: "
        f"{' to '.join(ends)})"
    )
    ax.set_title(
        for_picture(text), loc="left", fontsize=10.5, fontweight="bold", color=colours.ink
    )  # fmt: skip
    return ax
